/** A database that was put back from a backup, with real files and processes that are killed. */
import type { Wait } from "@fermata/core/Wait"
import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "vitest"
import { Project } from "./support/Fermata.ts"

const cwd = fileURLToPath(new URL("settle", import.meta.url))
const go = { FIXTURE_GO: "1" }

const start = (project: Project, args: ReadonlyArray<string>, env: Readonly<Record<string, string>> = {}) =>
  project.start(args, { cwd, env })
const ended = (project: Project, ...args: ReadonlyArray<string>) => start(project, args).ended
const run = (id: string, ...more: ReadonlyArray<string>) =>
  ["run", "HeldAsk", "--input", JSON.stringify({ id }), ...more] as const

const waitsOf = (stdout: string) => (JSON.parse(stdout) as { readonly waits: ReadonlyArray<Wait> }).waits

/** Puts the backup where the database is, as somebody does who has stopped all processes. */
const putBack = (project: Project, backup: string) => {
  for (const end of ["", "-wal", "-shm"]) rmSync(project.db + end, { force: true })
  copyFileSync(backup, project.db)
}

describe("a database that was put back from a backup", () => {
  it("S2: has all its runs confirmed at once, once somebody has looked at which they are", async () => {
    const project = new Project()
    const backup = join(project.folder, "monday.db")
    const ids = await Promise.all(
      ["1", "2"].map(async (id) => (await ended(project, ...run(id, "--detach", "--json"))).json.runId)
    )
    assert.strictEqual((await ended(project, "backup", backup)).code, 0)
    putBack(project, backup)
    assert.strictEqual((await ended(project, "doctor", "--restored")).code, 0)
    assert.strictEqual((await start(project, ["worker", "--until-idle"], go).ended).code, 0)
    assert.deepStrictEqual(project.bodies, [])

    const dry = await ended(project, "runs", "confirm", "--all", "--dry-run")
    assert.strictEqual(dry.code, 0)
    assert.include(dry.stderr, "confirm would act on 2 runs")
    for (const id of ids) assert.include(dry.stdout, id)
    const none = await ended(project, "runs", "confirm", "--filter", "workflow=Nobody", "--dry-run")
    assert.include(none.stderr, "confirm would act on 0 runs")
    const wrong = await ended(project, "runs", "cancel", "--filter", "restored=maybe")
    assert.deepStrictEqual([wrong.code, wrong.stdout], [2, ""])
    assert.include(wrong.stderr, "--filter restored cannot be \"maybe\": expected one of true")
    const doubted = await ended(project, "runs", "cancel", "--filter", "restored=true", "--dry-run")
    assert.include(doubted.stderr, "cancel would act on 2 runs")
    assert.deepStrictEqual(project.bodies, [])

    const done = await start(project, ["runs", "confirm", "--all", "--json"], go).ended
    assert.strictEqual(done.code, 0, done.stderr)
    assert.deepInclude(done.json.output as object, { action: "confirm", done: 2, skippedCount: 0 })
    assert.strictEqual((await start(project, ["worker", "--until-idle"], go).ended).code, 0)
    const listed = await ended(project, "runs", "ls", "--json")
    assert.deepStrictEqual(listed.lines.map(({ status }) => status), ["completed", "completed"])
    assert.strictEqual((await ended(project, "runs", "ls", "--restored", "--json")).stdout, "")
    assert.lengthOf(project.bodies.filter((body) => body === "hold begins"), 2)
  })

  it("S2: that was put back by cp is found by the doctor, who says what to do, and that is all there is to do", async () => {
    const project = new Project()
    const { runId } = (await ended(project, ...run("1", "--detach", "--json"))).json
    const copy = join(project.folder, "monday.db")
    copyFileSync(project.db, copy)
    assert.strictEqual((await start(project, run("1", "--json"), go).ended).code, 0)
    assert.deepStrictEqual(project.bodies, ["hold begins", "after held"])
    const well = await ended(project, "doctor")
    assert.strictEqual(well.code, 0, well.stdout)
    putBack(project, copy)
    const doctor = await ended(project, "doctor")
    assert.strictEqual(doctor.code, 1, doctor.stdout)
    assert.match(
      doctor.stdout,
      /problem +older: .*fermata\.db is older than it was: .* an older copy was put in its place/
    )
    assert.include(doctor.stdout, "doctor --restored")
    assert.strictEqual((await ended(project, "doctor", "--restored")).code, 0)
    const held = await start(project, run("1", "--json"), go).ended
    assert.strictEqual(held.code, 3, held.stderr)
    assert.deepInclude(waitsOf(held.stdout)[0], { reason: "outcome-unknown", key: "hold" })
    const settled = await start(project, ["runs", "settle", runId, "hold", "--done", "\"held\"", "--json"], go).ended
    assert.deepInclude(settled.json, { status: "completed" })
    assert.deepStrictEqual(project.bodies, ["hold begins", "after held", "after held"])
    assert.notInclude((await ended(project, "doctor")).stdout, "older than it was")
  })

  it("S2: begins no step that was done since the backup, though its journal ends before it, until an operator confirms", async () => {
    const project = new Project()
    const backup = join(project.folder, "backups", "monday.db")
    const { runId } = (await ended(project, ...run("1", "--detach", "--json"))).json
    const made = await ended(project, "backup", backup, "--json")
    assert.strictEqual(made.code, 0, made.stderr)
    assert.strictEqual(statSync(backup).mode & 0o777, 0o600)
    const life = start(project, run("1", "--lease", "1000"))
    await life.says("hold begins")
    await life.kill()
    assert.deepStrictEqual(project.bodies, ["hold begins"])

    putBack(project, backup)
    const before = readFileSync(project.db)
    const refused = await start(project, run("1", "--json"), go).ended
    assert.notStrictEqual(refused.code, 0)
    assert.include(refused.stderr + refused.stdout, "it is a backup of ")
    assert.include(refused.stderr + refused.stdout, "doctor --restored")
    assert.isTrue(before.equals(readFileSync(project.db)), "nothing is done by halves")
    const listed = await ended(project, "runs", "ls", "--json")
    assert.deepInclude(listed.json, { runId, status: "queued" })
    assert.include((await ended(project, "doctor", "--json")).stdout, "intact")

    const told = await ended(project, "doctor", "--restored", "--json")
    assert.strictEqual(told.code, 0, told.stderr)
    const at = (JSON.parse(made.stdout) as { readonly at: number }).at
    const declared = JSON.parse(told.stdout) as { readonly restore: { readonly from: number } }
    assert.deepInclude(declared as object, { runs: 1, questions: 0 })
    assert.strictEqual(declared.restore.from, at)
    const held = await start(project, run("1", "--json"), go).ended
    assert.strictEqual(held.code, 3, held.stderr)
    const [wait] = waitsOf(held.stdout)
    assert.deepInclude(wait, { reason: "outcome-unknown", key: "hold", restored: at })
    assert.include(wait?.detail, "and nobody knows whether step \"hold\" has been done since")
    assert.deepStrictEqual(project.bodies, ["hold begins"])
    assert.deepInclude((await ended(project, "runs", "ls", "--restored", "--json")).json, { runId })
    const doctor = await ended(project, "doctor")
    assert.match(
      doctor.stdout,
      /info +restored: the database was put back by .* nobody knows what 1 open run did since/
    )
    assert.include(doctor.stdout, `runs confirm ${runId}`)

    const confirmed = await start(project, ["runs", "confirm", runId, "--json"], go).ended
    assert.strictEqual(confirmed.code, 0, confirmed.stderr)
    assert.deepInclude(confirmed.json, { status: "completed" })
    assert.deepStrictEqual(project.bodies, ["hold begins", "hold begins", "after held"])
    const again = await ended(project, "runs", "confirm", runId)
    assert.strictEqual(again.code, 2, again.stderr)
  })

  it("S2, S5: a backup that is made while a process works is whole, and is not taken for the database while that process runs", async () => {
    const project = new Project()
    const life = start(project, run("1", "--lease", "1000"))
    await life.says("hold begins")
    const backup = join(project.folder, "live.db")
    assert.strictEqual((await ended(project, "backup", backup)).code, 0)
    const twice = await ended(project, "backup", backup)
    assert.strictEqual(twice.code, 2)
    assert.include(twice.stderr, `there is a file ${backup} already; choose another name`)
    const early = await ended(project, "doctor", "--restored")
    assert.strictEqual(early.code, 2, early.stdout)
    assert.match(early.stderr, /process \d+ still runs and may hold the file that was there before; stop it first/)
    await life.kill()
    putBack(project, backup)
    assert.strictEqual((await ended(project, "doctor", "--restored")).code, 0)
    const held = await start(project, run("1", "--json"), go).ended
    assert.strictEqual(held.code, 3, held.stderr)
    assert.deepInclude(waitsOf(held.stdout)[0], { reason: "outcome-unknown", key: "hold" })
    const settled = await start(
      project,
      ["runs", "settle", held.json.runId, "hold", "--done", "\"held\"", "--json"],
      go
    )
      .ended
    assert.deepInclude(settled.json, { status: "completed" })
    assert.deepStrictEqual(project.bodies, ["hold begins", "after held"])
    assert.isFalse(readdirSync(project.folder).some((name) => name.endsWith(".unfinished")))
    assert.isTrue(existsSync(backup))
  })
})
