/** A run of a contract that failed goes on from where it failed, on the command line. */
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "vitest"
import { Project } from "./support/Fermata.ts"

const cwd = fileURLToPath(new URL("retry", import.meta.url))

describe("fermata runs retry", () => {
  it("tries the failed step of a contract anew, does nothing else again, and tells who asks twice of the first retry", async () => {
    const project = new Project()
    const here = (args: ReadonlyArray<string>, env: Record<string, string> = {}) =>
      project.start(args, { cwd, env }).ended
    const failed = await here(["run", "trip.json", "--json"], { FIXTURE_BROKEN: "1" })
    assert.deepStrictEqual([failed.code, failed.json.status], [1, "failed"])
    const { runId } = failed.json
    const before = project.bodies.filter((body) => body === "pay").length

    const retried = await here(["runs", "retry", runId, "--json"])
    assert.deepStrictEqual([retried.code, retried.json.status, retried.json.output], [0, "completed", "paid"])
    assert.include(retried.stderr, `of run ${runId}, and tries step pay anew`)
    assert.deepStrictEqual(project.bodies.filter((body) => body === "book"), ["book"])
    assert.lengthOf(project.bodies.filter((body) => body === "pay"), before + 1)
    const shown = await here(["runs", "show", retried.json.runId])
    assert.match(shown.stdout, new RegExp(`retry of +${runId}, of which it shares \\d+ entries before step pay`))

    const again = await here(["runs", "retry", runId.slice(0, 8), "--json"])
    assert.deepStrictEqual([again.code, again.json.runId], [0, retried.json.runId])
    assert.include(again.stderr, `run ${runId} was retried before, by run ${retried.json.runId}`)

    const done = await here(["runs", "retry", retried.json.runId])
    assert.deepStrictEqual([done.code, done.stdout], [2, ""])
    assert.include(done.stderr, `Run ${retried.json.runId} cannot be retried: it has completed`)
  })
})
