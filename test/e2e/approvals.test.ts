/** People answer through the command at once, with no worker. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "vitest"
import { Project } from "./support/Fermata.ts"

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
  it("of nine who answer at once one decides, and all others are told that it was that one", async () => {
    const { fermata, runId } = await asked({ quorum: undefined })
    const people = Array.from({ length: 9 }, (_, index) => (["ann", "bob", "cy"] as const)[index % 3]!)
    const answers = await Promise.all(
      people.map((by, index) => fermata(index % 2 === 0 ? "approve" : "deny", runId, "--as", by, "--no-wait"))
    )
    const first = answers.filter(({ code }) => code === 0)
    assert.strictEqual(first.length, 1)
    const by = people[answers.indexOf(first[0]!)]!
    const verb = answers.indexOf(first[0]!) % 2 === 0 ? "approved" : "denied"
    for (const other of answers) {
      if (other !== first[0]) assert.include(other.stderr, `is answered already: ${verb} by ${by}`)
    }
    await fermata("worker", "--until-idle")
    const shown = await fermata("runs", "show", runId, "--json")
    assert.deepStrictEqual(shown.json.output, { paid: verb === "approved" ? 5100 : null })
    assert.strictEqual(shown.json.approvals[0]!.answers.length, 1)
  })
})
