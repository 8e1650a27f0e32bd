/** People answer through the command at once, with no worker. */
import { join } from "node:path"
import { assert, describe, it } from "vitest"
import { fixtures, Project } from "./support/Fermata.ts"

describe("S16: people at the command", () => {
  it("of nine who answer at once one decides, and all others are told that it was that one", async () => {
    const { fermata } = new Project()
    const run = await fermata("run", join(fixtures, "approval.json"), "--input", "{\"cents\":5100}", "--json")
    assert.strictEqual(run.code, 3, run.stderr)
    const { runId } = run.json
    const people = Array.from({ length: 9 }, (_, index) => (["finance", "boss"] as const)[index % 2]!)
    // Not as the people alternate, so that each says yes and no.
    const says = people.map((_, index) => index % 3 === 0 ? ["deny"] : ["approve", "--choice", "card"])
    const answers = await Promise.all(
      people.map((by, index) => fermata(...says[index]!, runId, "--as", by, "--no-wait"))
    )
    assert.strictEqual(answers.filter(({ code }) => code === 0).length, 1)
    const first = answers.findIndex(({ code }) => code === 0)
    const verb = says[first]![0] === "approve" ? "approved" : "denied"
    for (const other of answers.toSpliced(first, 1)) {
      assert.strictEqual(other.code, 2, other.stderr)
      assert.include(other.stderr, `is answered already: ${verb} by ${people[first]}`)
    }
    await fermata("worker", "--until-idle")
    const shown = await fermata("runs", "show", runId, "--json")
    assert.deepStrictEqual(shown.json.output, { paid: verb === "approved" })
    assert.strictEqual(shown.json.approvals[0]!.answers.length, 1)
  })
})
