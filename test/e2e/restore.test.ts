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
