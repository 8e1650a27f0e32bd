/** Who works on what, as users see it: workers that lack handlers, runs that nobody serves, and what the doctor says of it. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { assert, describe, it } from "vitest"
import { type Outcome, Project } from "./support/Fermata.ts"

const problems = ({ json }: Outcome) => json.findings.filter(({ level }) => level === "problem")

/** A project with a contract whose task only the configuration of the fixtures has, and a folder with another configuration. */
const setUp = () => {
  const project = new Project()
  const contract = join(project.folder, "print-card.json")
  writeFileSync(
    contract,
    JSON.stringify({
      schemaVersion: "fermata.contract.v1",
      id: "print-card",
      version: "1.0.0",
      title: "Prints a card",
      permissions: [{ kind: "task:run", pattern: "print" }],
      entryStepId: "print",
      steps: [{
        id: "print",
        name: "Print",
        kind: "task",
        task: "print",
        input: "{{ input }}",
        onCrash: "rerun",
        next: null
      }]
    })
  )
  const folder = join(project.folder, "without")
  mkdirSync(folder)
  writeFileSync(join(folder, "fermata.config.mjs"), "export default { tasks: { fold: () => {} } }")
  const without = (...args: ReadonlyArray<string>) =>
    project.start([...args, "--config", "fermata.config.mjs"], { cwd: folder })
  const sql = (text: string) => {
    const database = new DatabaseSync(project.db, { timeout: 5_000 })
    database.exec(text)
    database.close()
  }
  return { project, contract, without, sql }
}

describe("a contract whose task is missing here", () => {
  it("is refused before it is started, with what is missing and where it belongs, and stores nothing", async () => {
    const { contract, project, without } = setUp()
    const refused = await without("run", contract, "--json").ended
    assert.strictEqual(refused.code, 2)
    assert.strictEqual(refused.json.error.code, "NotServed")
    assert.include(
      refused.stderr,
      "Nobody can run print-card@1.0.0: here is no handler for the task \"print\" (in fermata.config.mjs), and no worker that lives has it"
    )
    assert.include(refused.stderr, "declare in fermata.config.mjs: tasks: { \"print\": (input) => … }")
    assert.include(refused.stderr, "--detach")
    assert.isFalse(existsSync(project.db))
  })

  it("waits for a worker that has the task; one that lacks it leaves it alone, and says so, and so does the doctor", async () => {
    const { contract, project, sql, without } = setUp()
    const detached = await without("run", contract, "--detach", "--input", "\"a\"", "--json").ended
    assert.deepStrictEqual([detached.code, detached.json.status], [0, "queued"])
    const { runId } = detached.json

    const idle = await without("worker", "--until-idle", "--json").ended
    assert.deepStrictEqual([idle.code, idle.lines], [0, []])
    assert.include(
      idle.stderr,
      "runs of contract print-card@1.0.0 are left alone: here is no handler for the task \"print\""
    )
    assert.include(idle.stderr, "left alone: 1 run of print-card@1.0.0: here is no handler for the task \"print\"")

    const lacking = without("worker")
    await lacking.says("runs of contract print-card@1.0.0 are left alone")
    sql("UPDATE runs SET created_at = created_at - 60000, updated_at = updated_at - 60000")
    const [there, here, other, again] = await Promise.all([
      without("doctor", "--json").ended,
      project.fermata("doctor", "--json"),
      without("run", contract, "--detach").ended,
      without("run", "print-card").ended
    ])
    assert.deepStrictEqual([there.code, here.code, again.code], [1, 1, 2])
    const [unserved] = problems(there)
    assert.strictEqual(unserved!.name, "runs that nobody serves")
    assert.deepStrictEqual(unserved!.runs, [runId])
    assert.include(
      unserved!.message,
      "nobody serves print-card@1.0.0: here is no handler for the task \"print\" in fermata.config.mjs, and no worker that lives has it"
    )
    assert.include(problems(here)[0]!.message, "no worker that runs serves it, and this configuration does")
    assert.include(problems(here)[0]!.commands[0], "fermata worker")
    assert.include(other.stderr, "no worker that runs serves print-card@1.0.0, so it waits until one does")

    const having = project.start(["worker"])
    await having.says(`${runId}  print-card@1.0.0  completed`)
    const followed = await without("run", contract, "--input", "\"b\"", "--json").ended
    assert.deepStrictEqual([followed.code, followed.json.status, followed.json.steps.executed], [0, "completed", 0])
    assert.deepStrictEqual(followed.json.output, { printed: "b" })
    assert.deepStrictEqual((await project.fermata("runs", "ls", "--json")).lines.map(({ status }) => status), [
      "completed",
      "completed",
      "completed"
    ])
    assert.deepStrictEqual(project.bodies, ["printed", "printed", "printed"])
  })

  it("can be cancelled where it is missing too", async () => {
    const { contract, project, without } = setUp()
    const { stdout } = await without("run", contract, "--detach").ended
    const cancelled = await without("runs", "cancel", stdout.trim(), "--json").ended
    assert.deepStrictEqual([cancelled.code, cancelled.json.status], [0, "cancelled"])
    assert.deepStrictEqual(project.bodies, [])
  })
})

describe("fermata doctor", () => {
  it("names runs that would not go on by themselves, and tells what the watchdog has woken", async () => {
    const { project, sql } = setUp()
    const { stdout } = await project.fermata("run", "Nap", "--input", "{\"millis\":3600000}", "--detach")
    await project.fermata("worker", "--until-idle")
    const runId = stdout.trim()
    assert.strictEqual((await project.fermata("doctor")).code, 0)
    sql("UPDATE runs SET due_at = NULL, updated_at = updated_at - 60000")
    const broken = await project.fermata("doctor", "--json")
    assert.strictEqual(broken.code, 1)
    const [finding] = problems(broken)
    assert.deepInclude(finding!, { name: "watchdog", runs: [runId] })
    assert.include(
      finding!.message,
      `run ${runId} of Nap@1 does not go on by itself: it waits for a time, and none is set for it to go on; a worker makes it due again within a minute`
    )
    sql(
      "UPDATE runs SET due_at = 0; INSERT INTO findings (run, reason, problem, length, woken, at) SELECT key, 'timer-missed', 'it was lost', 1, 1, updated_at FROM runs"
    )
    await project.fermata("worker", "--until-idle")
    const mended = await project.fermata("doctor", "--json")
    assert.strictEqual(mended.code, 0)
    const told = mended.json.findings.find(({ name }) => name === "watchdog")!
    assert.deepInclude(told, { level: "info", runs: [runId] })
    assert.match(
      told.message,
      new RegExp(
        `a worker made 1 open run due again that would not have gone on; the last, .* ago, was ${runId}: it was lost`
      )
    )
  })

  it("counts what dead processes have left, and the runs that recovery gave up, with the commands that settle them", async () => {
    const { project, sql } = setUp()
    const held = project.start(["run", "Held", "--input", "{\"id\":\"1\"}", "--lease", "600000"])
    await held.says("hold begins")
    await held.kill()
    const dead = await project.fermata("doctor", "--json")
    assert.match(
      dead.json.findings.find(({ name }) => name === "dead processes")!.message,
      /^pid \d+, lease ends in .*, left 1 run; a worker takes up what they left$/
    )
    sql("DELETE FROM owners")
    const unknown = await project.fermata("doctor", "--json")
    assert.include(
      unknown.json.findings.find(({ name }) => name === "dead processes")!.message,
      "a process that is not known any more left 1 run"
    )
    const waits = JSON.stringify([{
      reason: "recovery",
      key: "hold",
      detail: "a process died 6 times before the outcome of step \"hold\" was recorded"
    }])
    sql(`UPDATE runs SET owner = NULL, due_at = NULL, status = 'suspended', reason = 'recovery', waits = '${waits}'`)
    const recovery = await project.fermata("doctor", "--json")
    assert.strictEqual(recovery.code, 1)
    const [finding] = problems(recovery)
    const [runId] = finding!.runs!
    assert.strictEqual(finding!.name, "suspended (recovery)")
    assert.include(finding!.message, "a process died 6 times before the outcome of step \"hold\" was recorded")
    assert.isTrue(
      finding!.commands.some((command) => command.endsWith(`fermata runs settle ${runId} hold --retry`)),
      finding!.commands.join("\n")
    )
  })
})
