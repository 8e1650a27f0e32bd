/** The command on a machine whose clock is set ahead or back, between its starts and while it works. */
import { renameSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "vitest"
import { Project } from "./support/Fermata.ts"
import { Lines } from "./support/Lines.ts"

const hour = 3_600_000
const counting = join(import.meta.dirname, "kill/fermata.config.ts")

/** A project on a machine of its own, so to say: one clock for all its processes, and bodies that take so long. */
const machine = ({ leaseMs = 1_500, stepMs = 2 } = {}) => {
  const project = new Project()
  const offset = join(project.folder, "offset")
  const lines = new Lines(join(project.folder, "lines.txt"))
  /** In one step, so that nobody reads half of it. */
  const set = (millis: number) => {
    writeFileSync(`${offset}.new`, String(millis))
    renameSync(`${offset}.new`, offset)
  }
  set(0)
  const env = {
    CLOCK_OFFSET: offset,
    KILL_LINES: lines.file,
    KILL_STEP_MS: String(stepMs),
    NODE_OPTIONS: `--import ${join(import.meta.dirname, "clock/SetClock.ts")}`
  }
  const start = (...args: ReadonlyArray<string>) => project.start([...args, "--lease", String(leaseMs)], { env })
  return {
    project,
    set,
    start,
    count: (id: string, steps: number) =>
      start("run", "count", "--config", counting, "--detach", "--json", "--input", JSON.stringify({ id, steps })).ended,
    worker: () => start("worker", "--config", counting),
    bodies: () => lines.all,
    reached: lines.reach
  }
}

describe("a clock that is set while the command works", () => {
  for (const [how, millis] of [["ahead by a day", 24 * hour], ["back by an hour", -hour]] as const) {
    it(`S1, S5, S12: ${how} deposes no worker, runs no body twice, and ends no run by its limits`, async () => {
      // A busy machine lets a process stand still for a second or two, so the lease is long; and the clock is wrong for
      // longer than that, so a worker that went by it would lose its lease.
      const { bodies, count, reached, set, start, worker } = machine({ leaseMs: 8_000, stepMs: 60 })
      const steps = 250
      const { json: { runId } } = await count("a", steps)
      const [first, second] = [worker(), worker()]
      await Promise.all([first.says("serves"), second.says("serves")])
      // A command that follows the run would take it up if its worker were dead.
      const follower = start(
        "run",
        "count",
        "--config",
        counting,
        "--json",
        "--input",
        JSON.stringify({ id: "a", steps })
      )
      await reached(40)
      set(millis)
      await reached(200)
      set(0)
      const followed = await follower.ended
      assert.deepInclude(followed.json, { runId, status: "completed", output: steps }, followed.stderr)
      assert.deepStrictEqual(bodies(), Array.from({ length: steps }, (_, index) => `a ${index}`))
      const [journal, show] = await Promise.all([
        start("runs", "journal", runId, "--json").ended,
        start("runs", "show", runId).ended
      ])
      assert.deepStrictEqual(new Set(journal.lines.map(({ epoch }) => epoch)), new Set([0, 1]))
      assert.isTrue(
        journal.lines.some(({ at }, index) => index > 0 && at < journal.lines[index - 1]!.at),
        "the journal says what the clock said"
      )
      assert.strictEqual(show.code, 0)
      assert.notMatch(show.stdout, /-\d+(\.\d+)? (ms|s|min|h|d)\b/, "a negative time")
      for (const { process } of [first, second]) process.kill("SIGTERM")
      for (const { stderr } of [await first.ended, await second.ended]) assert.notInclude(stderr, "error", stderr)
    })
  }

  it("S4: ahead fires a timer that became due by it at once, and once", async () => {
    const { project, set, start } = machine()
    const running = start("run", "Nap", "--json", "--input", `{"millis":${hour}}`)
    await running.says("waits")
    set(2 * hour)
    const { json } = await running.ended
    assert.deepInclude(json, { status: "completed", output: "awake" })
    assert.deepStrictEqual(project.bodies, ["asleep", "awake"])
  })

  it("S4: back delays a timer until its time has come again, and fires it once", async () => {
    const { project, set, start } = machine()
    const running = start("run", "Nap", "--json", "--input", "{\"millis\":4000}")
    await running.says("waits")
    set(-hour)
    // Another timer, as long and begun later, is over by the clock of the machine as it is now.
    const other = await start("run", "Nap", "--json", "--input", "{\"millis\":4001}").ended
    assert.deepInclude(other.json, { status: "completed", output: "awake" })
    const looked = await start("runs", "ls", "--json").ended
    assert.sameMembers(looked.lines.map(({ status }) => status), ["suspended", "completed"])
    assert.deepStrictEqual(project.bodies, ["asleep", "asleep", "awake"])
    set(0)
    const { json } = await running.ended
    assert.deepInclude(json, { status: "completed", output: "awake" })
    assert.deepStrictEqual(project.bodies, ["asleep", "asleep", "awake", "awake"])
  })
})

describe("a clock that is set between two starts", () => {
  for (const [how, millis] of [["ahead by a day", 24 * hour], ["back by an hour", -hour]] as const) {
    it(`S4: ${how} keeps no run of a killed worker waiting`, async () => {
      const { bodies, count, reached, set, start, worker } = machine()
      const steps = 60
      const { json: { runId } } = await count("a", steps)
      const killed = worker()
      await reached(20)
      await killed.kill()
      set(millis)
      const next = await start("worker", "--config", counting, "--until-idle").ended
      assert.include(next.stdout, `${runId}  count@1  completed`, next.stderr)
      assert.isAtMost(bodies().length, steps + 1)
      assert.strictEqual(new Set(bodies()).size, steps)
    })
  }
})
