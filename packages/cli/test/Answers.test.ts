/** People answer through the command, with no worker, one after the other. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { assert, describe, it } from "vitest"
import { Project } from "./support/Project.ts"

const payment = (more: object = {}) => ({
  schemaVersion: "fermata.contract.v1",
  id: "payment",
  version: "1.0.0",
  title: "Asks before it pays",
  triggers: [{ type: "manual" }],
  permissions: [],
  entryStepId: "pay",
  steps: [
    {
      id: "pay",
      name: "Pay",
      kind: "approval",
      prompt: "Pay?",
      approvers: ["ann", "bob", "cy"],
      quorum: { approvals: 2 },
      args: { cents: 5100 },
      editable: true,
      nextOnApproved: "paid",
      nextOnDenied: "refused",
      ...more
    },
    { id: "paid", name: "paid", kind: "transform", set: { paid: "{{ steps.pay.output.args.cents }}" }, next: null },
    { id: "refused", name: "refused", kind: "transform", set: { paid: null }, next: null }
  ]
})

/** A run that asks, and the command in whose database it is. */
const asked = async (more: object = {}, by = "tester") => {
  const project = new Project()
  const file = join(project.folder, "payment.json")
  writeFileSync(file, JSON.stringify(payment(more)))
  const run = await project.fermata("run", file, "--input", "{}", "--as", by, "--json")
  assert.strictEqual(run.code, 3, run.stderr)
  return { db: project.db, fermata: project.fermata, run, runId: String(run.json.runId) }
}

describe("S16: people at the command", () => {
  it("the first answer decides, the second is refused with who was first, and the list says that it is answered and not yet gone on", async () => {
    const { fermata, runId } = await asked({ quorum: undefined })
    const ann = await fermata("approve", runId, "--as", "ann", "--no-wait")
    const bob = await fermata("deny", runId, "--as", "bob", "--no-wait")
    assert.deepStrictEqual([ann.code, bob.code], [0, 2])
    assert.match(
      bob.stderr,
      new RegExp(`^error: Approval ${runId}/pay is answered already: approved by ann, \\d+ s ago`, "m")
    )
    const [page, json] = await Promise.all([fermata("approvals", "ls"), fermata("approvals", "ls", "--json")])
    assert.match(page.stdout, /approved by ann, not yet gone on/)
    assert.deepInclude(json.lines[0] as object, { status: "granted", progress: "approved by ann" })
    const worker = await fermata("worker", "--until-idle")
    assert.strictEqual(worker.code, 0)
    assert.deepStrictEqual((await fermata("runs", "show", runId, "--json")).json.output, { paid: 5100 })
  })

  it("an edit is shown to everybody, is refused to who has not seen it with the command that answers it, and is paid when two have approved exactly it", async () => {
    const { fermata, run, runId } = await asked()
    assert.include(run.stderr, "0 of 2, still wanted: 2 of ann, bob, cy")
    const ann = await fermata("approve", runId, "--as", "ann", "--no-wait")
    assert.include(ann.stderr, "1 of 2, still wanted: one of bob, cy")
    const again = await fermata("approve", runId, "--as", "ann", "--no-wait")
    assert.strictEqual(again.code, 2)
    assert.include(again.stderr, "ann has approved it already; 1 of 2, still wanted: one of bob, cy")
    const cy = await fermata("approve", runId, "--as", "cy", "--edit", "{\"cents\":9999999}")
    assert.strictEqual(cy.code, 3, cy.stderr)
    assert.include(cy.stderr, "cy has edited the arguments")
    assert.include(cy.stderr, "cents: 5100 → 9999999")

    const bob = await fermata("approve", runId, "--as", "bob", "--no-wait")
    assert.strictEqual(bob.code, 2)
    assert.match(
      bob.stderr,
      new RegExp(`^error: cy has edited the arguments of approval ${runId}/pay\\n\\s+cents: 5100 → 9999999`)
    )
    const [, command] = /to answer it as it is now: .*? (approve .*)$/m.exec(bob.stderr) ?? []
    const page = await fermata("approvals", "ls")
    assert.match(
      page.stdout,
      /1 of 2, still wanted: one of ann, bob .*cy has edited the arguments \(now [0-9a-f]{12}\): cents: 5100 → 9999999/
    )
    assert.strictEqual((await fermata("runs", "show", runId, "--json")).json.status, "suspended")

    const paid = await fermata(...command!.split(" "), "--json")
    assert.deepStrictEqual([paid.code, paid.json.output], [0, { paid: 9_999_999 }], paid.stderr)
    assert.include(
      (await fermata("runs", "show", runId)).stdout,
      "approve by cy of other arguments (cents: 5100 → 9999999); approve by bob of other arguments"
    )
    const answers = (await fermata("runs", "show", runId, "--json")).json.approvals[0]!.answers
    assert.lengthOf(answers, 3)
    assert.notProperty(answers[0], "edit")
    assert.deepInclude(answers[1], { by: "cy", edit: { cents: 9_999_999 } })
    assert.deepInclude(answers[2], { by: "bob", edit: { cents: 9_999_999 } })
  })

  it("choices are shown with the question and in the list, and must be given", async () => {
    const { fermata, run, runId } = await asked({ quorum: undefined, choices: ["card", "cash"] })
    assert.include(run.stderr, "choose one of card, cash")
    assert.include(run.stderr, `approve ${runId} --as ann --choice card`)
    assert.include((await fermata("approvals", "ls")).stdout, "choose one of card, cash")
    const without = await fermata("approve", runId, "--as", "ann")
    assert.strictEqual(without.code, 2)
    assert.include(without.stderr, "it wants a choice: one of card, cash")
    assert.strictEqual((await fermata("approve", runId, "--as", "ann", "--choice", "cash")).code, 0)
  })

  it("who started the run does not answer where that is prevented", async () => {
    const { fermata, run, runId } = await asked({ quorum: undefined, preventSelfApproval: true }, "ann")
    assert.include(run.stderr, `approve ${runId} --as bob`)
    const self = await fermata("approve", runId, "--as", "ann")
    assert.strictEqual(self.code, 2)
    assert.include(self.stderr, "ann has asked for the run, and another must decide")
    assert.strictEqual((await fermata("approve", runId, "--as", "bob")).code, 0)
  })

  it("an answer after the deadline is late, with no worker there", async () => {
    const { db, fermata, runId } = await asked({ quorum: undefined, timeout: { ms: 3_600_000 } })
    // An hour has passed, as far as the store knows.
    const store = new DatabaseSync(db)
    store.exec("UPDATE approvals SET deadline = 1")
    store.close()
    const late = await fermata("approve", runId, "--as", "ann", "--no-wait")
    assert.strictEqual(late.code, 2)
    assert.match(late.stderr, /is answered already: denied at its deadline, \d+ s ago/)
  })
})
