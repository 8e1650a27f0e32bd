/** Times without an end, times that cannot be kept, and rows that cannot be read, as the command shows them. */
import { assert, describe, it } from "@effect/vitest"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { fixtures, Project } from "./support/Project.ts"

const config = ["--config", join(fixtures, "times.config.ts")]
const input = ["--input", `{"id":"1"}`]

describe("times, by the command", () => {
  it("S7: a run that sleeps for ever is left at once, and the command that is printed ends it", async () => {
    const { fermata } = new Project()
    const left = await fermata("run", "ForEver", ...input, ...config)
    assert.strictEqual(left.code, 3, left.stderr)
    assert.match(left.stderr, /waits for ever: it waits for a time that never comes, and only a cancel ends that/)
    const [, runId] = /runs cancel (\w+)/.exec(left.stderr) ?? []
    const shown = await fermata("runs", "show", runId!)
    assert.match(shown.stdout, /suspended \(operator\)/)
    assert.include(shown.stdout, `runs cancel ${runId}`)
    const cancelled = await fermata("runs", "cancel", runId!, ...config)
    assert.strictEqual(cancelled.code, 0, cancelled.stderr)
  })

  it("S17: a sleep past the year 9999 fails its run alone, with what would be right, and the list shows all of them", async () => {
    const project = new Project()
    const { fermata } = project
    const late = await fermata("run", "TooLong", ...input, ...config)
    assert.strictEqual(late.code, 1)
    assert.match(late.stderr, /of 9007199254740991 ms ends after the year 9999, .* Duration\.infinity/)
    const waiting = await fermata("run", "Tomorrow", ...input, "--detach", "--json", ...config)
    assert.strictEqual(waiting.code, 0, waiting.stderr)
    await fermata("run", "ForEver", ...input, ...config)

    const database = new DatabaseSync(project.db)
    database.exec("UPDATE runs SET status = 'suspended', waits = '[{' WHERE workflow = 'Tomorrow'")
    database.close()
    const [table, json, shown] = await Promise.all([
      fermata("runs", "ls"),
      fermata("runs", "ls", "--json"),
      fermata("runs", "show", waiting.json.runId)
    ])
    assert.deepStrictEqual([table.code, json.code, shown.code], [0, 0, 0], table.stderr + json.stderr + shown.stderr)
    assert.deepStrictEqual(json.lines.map(({ reason, workflow }) => [workflow, reason]), [
      ["ForEver", "operator"],
      ["Tomorrow", "corrupt"],
      ["TooLong", undefined]
    ])
    assert.match(table.stdout, /Tomorrow@1 +suspended \(corrupt\)/)
  })
})
