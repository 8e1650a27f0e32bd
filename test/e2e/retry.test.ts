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

describe("fermata runs retry of a run that failed of a child", () => {
  it("S11: retries the contract that it has called with it, and does nothing else again", async () => {
    const project = new Project()
    const here = (args: ReadonlyArray<string>, env: Record<string, string> = {}) =>
      project.start(args, { cwd, env }).ended
    assert.strictEqual((await here(["contracts", "add", "trip.json"])).code, 0)
    const failed = await here(["run", "tour.json", "--json"], { FIXTURE_BROKEN: "1" })
    assert.deepStrictEqual([failed.code, failed.json.status], [1, "failed"], failed.stderr)
    const [child] = (await here(["runs", "ls", "--workflow", "trip", "--json"])).lines

    const retried = await here(["runs", "retry", failed.json.runId, "--json"])
    assert.deepStrictEqual([retried.code, retried.json.status, retried.json.output], [0, "completed", "paid"])
    assert.include(retried.stderr, `of run ${failed.json.runId}, and retries its child run ${String(child!.runId)}`)
    assert.notInclude(retried.stderr, "because it had failed", "the step that tells of the child has done nothing")
    assert.deepStrictEqual(project.bodies.filter((body) => body !== "pay"), ["pack", "book"])
    const [next, ...others] = (await here(["runs", "ls", "--workflow", "trip", "--json"])).lines
    assert.lengthOf(others, 1)
    assert.deepInclude(next as object, { status: "completed", parent: retried.json.runId })
  })
})

describe("fermata runs cancel --filter", () => {
  it("says how many runs a filter finds, then acts on them by a run of its own, and refuses what says nothing", async () => {
    const project = new Project()
    const here = (...args: ReadonlyArray<string>) => project.start(args, { cwd }).ended
    const runs = await Promise.all(
      ["a", "b"].map((key) => here("run", "trip.json", "--key", key, "--detach", "--json"))
    )
    const filter = ["--filter", "workflow=trip", "--filter", "status=queued"]
    const dry = await here("runs", "cancel", ...filter, "--dry-run")
    assert.strictEqual(dry.code, 0)
    assert.include(dry.stderr, "cancel would act on 2 runs")
    for (const { json } of runs) assert.include(dry.stdout, json.runId)

    const done = await here("runs", "cancel", ...filter, "--reason", "closed", "--json")
    assert.deepStrictEqual([done.code, done.json.status], [0, "completed"])
    assert.deepInclude(done.json.output as object, { action: "cancel", done: 2, skippedCount: 0 })
    await here("worker", "--until-idle")
    const listed = await here("runs", "ls", "--json")
    assert.deepStrictEqual(listed.lines.map(({ status }) => status), ["cancelled", "cancelled"])
    assert.isEmpty(project.bodies)

    const mistakes = [
      [["runs", "pause"], "fermata runs pause needs a run, or runs: by --filter"],
      [["runs", "retry", "1f0c", "--all"], "takes one run, or a filter, and not both"],
      [["runs", "resume", "--filter", "statsu=failed"], "--filter cannot be by \"statsu\": expected one of status"],
      [["runs", "resume", "--filter", "status=lost"], "--filter status cannot be \"lost\": expected one of queued"]
    ] as const
    await Promise.all(mistakes.map(async ([args, expected]) => {
      const { code, stderr, stdout } = await here(...args)
      assert.deepStrictEqual([code, stdout], [2, ""], stderr)
      assert.include(stderr, expected)
    }))
  })
})

describe("fermata workers", () => {
  it("M-148: lists a process that was killed, and hands over its run, which goes on", async () => {
    const project = new Project()
    const held = project.start(["run", "Held", "--input", "{\"id\":\"1\"}", "--lease", "3600000"])
    await held.says("hold begins")
    const alive = await project.fermata("workers", "ls", "--json")
    assert.deepInclude(alive.lines[0] as object, { alive: true, runs: 1 })
    assert.deepStrictEqual((await project.fermata("workers", "reap", "--stale", "0", "--json")).lines, [])
    await held.kill()
    assert.include((await project.fermata("workers", "reap")).stderr, "no dead process had runs")
    const reaped = await project.fermata("workers", "reap", "--stale", "0", "--json")
    assert.strictEqual(reaped.code, 0)
    assert.deepInclude(reaped.lines[0] as object, { workflow: "Held" })
    assert.deepStrictEqual((await project.fermata("workers", "ls", "--json")).lines, [])
    const done = await project.start(["worker", "--until-idle"], { env: { FIXTURE_GO: "1" } }).ended
    assert.strictEqual(done.code, 0)
    assert.deepStrictEqual(project.bodies, ["before", "hold begins", "hold begins", "after held"])
  })
})
