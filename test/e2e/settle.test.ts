/** `fermata runs settle` on the real database: what each rule for crashes leaves to an operator. */
import { DatabaseSync } from "node:sqlite"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "vitest"
import { Project } from "./support/Fermata.ts"

const cwd = fileURLToPath(new URL("settle", import.meta.url))

/** Starts the command where the configuration of these tests is. */
const start = (project: Project, args: ReadonlyArray<string>, env: Readonly<Record<string, string>> = {}) =>
  project.start(args, { cwd, env })

/** All that a settlement could change. */
const stateOf = (project: Project) => {
  const db = new DatabaseSync(project.db)
  const state = ["runs", "journal", "inbox", "outbox", "approvals"].map((table) =>
    db.prepare(`SELECT * FROM ${table}`).all()
  )
  db.close()
  return JSON.stringify(state)
}

/** A run whose process was killed in the middle of its step, taken up again. */
const interrupted = async (project: Project, workflow: string, id: string) => {
  const args = ["run", workflow, "--input", JSON.stringify({ id })]
  const first = start(project, [...args, "--lease", "1000"])
  await first.says("hold begins")
  await first.kill()
  return await start(project, [...args, "--json"]).ended
}

/** Asserts that each of these is refused with exit code 2, a sentence, and nothing changed. */
const assertRefused = async (project: Project, runId: string, step: string, unfit: string) => {
  const before = stateOf(project)
  const mistakes: ReadonlyArray<readonly [expected: string, ...args: ReadonlyArray<string>]> = [
    [`these wait to be settled: ${step}`, runId, "other", "--retry"],
    ["--done is not JSON: unexpected \"b\" at line 1, column 2", runId, step, "--done", "{bad}"],
    [`The output does not fit step "${step}" of run ${runId}: Expected`, runId, step, "--done", unfit],
    [
      `The output does not fit step "${step}" of run ${runId}: Expected`,
      runId,
      step,
      "--done",
      unfit,
      "--no-wait",
      "--json"
    ],
    ["needs only one of --retry, --done J and --fail TEXT", runId, step, "--retry", "--fail", "no"],
    ["There is no run \"nobody\"", "nobody", step, "--retry"]
  ]
  await Promise.all(mistakes.map(async ([expected, ...args]) => {
    const { code, stderr } = await start(project, ["runs", "settle", ...args]).ended
    assert.strictEqual(code, 2, `${args.join(" ")}\n${stderr}`)
    assert.include(stderr, expected)
    assert.notMatch(stderr, /^\s+at /m, "a stack trace")
  }))
  assert.strictEqual(stateOf(project), before)
}

describe("fermata runs settle", () => {
  it("S2: after a crash of an `ask` step refuses what does not fit, and takes an operator's failure", async () => {
    const project = new Project()
    const { json } = await interrupted(project, "HeldAsk", "1")
    assert.deepStrictEqual([json.status, json.reason], ["suspended", "outcome-unknown"])
    await assertRefused(project, json.runId, "hold", "7")
    const failed = await start(project, ["runs", "settle", json.runId, "hold", "--fail", "the bank says no", "--json"])
      .ended
    assert.deepStrictEqual([failed.code, failed.json.status], [1, "failed"])
    assert.include(failed.json.error.message, "the bank says no")
    assert.deepStrictEqual(project.bodies, ["hold begins"])
    const over = await start(project, ["runs", "settle", json.runId, "hold", "--retry"]).ended
    assert.strictEqual(over.code, 2)
    assert.include(over.stderr, "is failed and takes nothing any more")
  })

  it("S2: after a probe that failed asks it again by --retry, and takes an operator's value", async () => {
    const project = new Project()
    const first = await interrupted(project, "HeldProbe", "1")
    assert.deepStrictEqual([first.code, first.json.reason], [3, "outcome-unknown"])
    assert.include(first.stderr, "hold  its probe failed: the service does not answer")
    assert.include(first.stderr, `fermata runs settle ${first.json.runId} hold --retry`)
    await assertRefused(project, first.json.runId, "hold", "7")
    const again = await start(project, ["runs", "settle", first.json.runId, "hold", "--retry", "--json"]).ended
    assert.deepStrictEqual([again.code, again.json.reason], [3, "outcome-unknown"])
    const found = await start(project, ["runs", "settle", first.json.runId, "hold", "--retry", "--json"], {
      FIXTURE_PROBE: "found"
    }).ended
    assert.deepStrictEqual([found.code, found.json.output], [0, "after found"])
    assert.include(found.stderr, "hold  was done already, as its probe has found")
    const second = await interrupted(project, "HeldProbe", "2")
    const done = await start(project, ["runs", "settle", second.json.runId, "hold", "--done", "\"by hand\"", "--json"])
      .ended
    assert.deepStrictEqual([done.code, done.json.output], [0, "after by hand"])
    assert.deepStrictEqual(project.bodies, ["hold begins", "probed", "after found", "hold begins", "after by hand"])
  })

  it("S2: a probe that answers needs no operator", async () => {
    const project = new Project()
    const args = ["run", "HeldProbe", "--input", "{\"id\":\"1\"}"]
    const first = start(project, [...args, "--lease", "1000"])
    await first.says("hold begins")
    await first.kill()
    const joined = await start(project, [...args, "--json"], { FIXTURE_PROBE: "nothing", FIXTURE_GO: "1" }).ended
    assert.deepStrictEqual([joined.code, joined.json.output], [0, "after held"])
    assert.deepStrictEqual(project.bodies, ["hold begins", "probed", "hold begins", "after held"])
  })

  it("S2, S13: a `commit-together` step that keeps killing its process is left to an operator, and has happened once in the end", async () => {
    const project = new Project()
    const args = ["run", "Book", "--input", "{\"name\":\"ada\"}"]
    const seats = () => {
      const db = new DatabaseSync(project.db)
      const names = db.prepare("SELECT name FROM seats").all().map((row) => row["name"])
      db.close()
      return names
    }
    const first = await start(project, [...args, "--lease", "1000"], { FIXTURE_KILL: "1" }).ended
    assert.isNull(first.code)
    assert.deepStrictEqual(seats(), [])
    // As if that had happened so often before that the next crash is one too many.
    const db = new DatabaseSync(project.db)
    const { changes } = db.prepare(
      `UPDATE journal SET entries = replace(entries, 'commit-together', 'commit-together,"recovery":5')
       WHERE instr(entries, 'commit-together') > 0`
    ).run()
    assert.strictEqual(changes, 1)
    db.close()
    const given = await start(project, [...args, "--json"]).ended
    assert.deepStrictEqual([given.code, given.json.reason], [3, "recovery"])
    await assertRefused(project, given.json.runId, "book", "\"many\"")
    const settled = await start(project, ["runs", "settle", given.json.runId, "book", "--retry", "--json"]).ended
    assert.deepStrictEqual([settled.code, settled.json.output], [0, 1])
    assert.deepStrictEqual(seats(), ["ada"])
  })
})
