/** The command on databases that it may not write, and on files that are none. */
import { migrations } from "@fermata/host-node/Migrations"
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync
} from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { assert, describe, it } from "vitest"
import { type Outcome, Project } from "./support/Fermata.ts"

/** Permissions bind root only without the powers to pass over them. */
const bound = process.getuid?.() === 0 ? { through: ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] } : {}

const advice = "the file, and the -wal and -shm beside it, must be writable for this user, and so must their folder"

/** Everything about the files of a folder that a command could change. */
const stateOf = (folder: string) =>
  readdirSync(folder).sort().map((name) => {
    const { mode, mtimeMs, size } = statSync(join(folder, name))
    return { name, mode, mtimeMs, size, data: readFileSync(join(folder, name)).toString("base64") }
  })

/** A database with a run that waits, in a folder of its own. */
const place = async () => {
  const project = new Project()
  const { json } = await project.fermata("run", "Nap", "--detach", "--json", "--input", "{\"millis\":1}")
  const folder = join(project.folder, "place")
  mkdirSync(folder)
  const db = join(folder, "fermata.db")
  renameSync(project.db, db)
  return {
    db,
    folder,
    runId: json.runId,
    fermata: (...args: ReadonlyArray<string>) => project.fermata(...args, "--db", db),
    as: (...args: ReadonlyArray<string>) =>
      project.start([...args, "--db", db], { ...bound, env: { FIXTURE_LOG: undefined } }).ended,
    /** The folder and its files with these permissions, for whoever runs the command. */
    allow: (folderMode: number, fileMode: number) => {
      for (const name of readdirSync(folder)) chmodSync(join(folder, name), fileMode)
      chmodSync(folder, folderMode)
    }
  }
}

const assertRefused = (outcome: Outcome, message: string) => {
  assert.strictEqual(outcome.code, 2, outcome.stdout + outcome.stderr)
  assert.strictEqual(outcome.stdout, "")
  assert.strictEqual(outcome.stderr, `error: The store could not open its database: ${message}\n`)
}

const assertReadable = async ({ as, runId }: Awaited<ReturnType<typeof place>>) => {
  const [ls, show, journal] = await Promise.all([
    as("runs", "ls", "--json"),
    as("runs", "show", runId, "--json"),
    as("runs", "journal", runId, "--json")
  ])
  assert.deepStrictEqual([ls.code, show.code, journal.code], [0, 0, 0], ls.stderr + show.stderr + journal.stderr)
  assert.deepStrictEqual(ls.lines.map((run) => run.runId), [runId])
  assert.include(show.json, { runId, status: "queued" })
  assert.deepStrictEqual(journal.lines.map(({ seq }) => seq), [0])
  assert.strictEqual(ls.stderr + show.stderr + journal.stderr, "")
}

/** The same of what looks at more than the runs, and may leave the files of a reader beside the database. */
const assertExaminable = async ({ as, runId }: Awaited<ReturnType<typeof place>>) => {
  const others = [["runs", "diff", runId, runId], ["approvals", "ls"], ["contracts", "ls"], ["upgrade", "check"], [
    "replay",
    runId
  ]]
  for (const outcome of await Promise.all(others.map((args) => as(...args, "--json")))) {
    assert.strictEqual(outcome.code, 0, outcome.stdout + outcome.stderr)
    assert.notInclude(outcome.stderr, "error")
  }
  const doctor = await as("doctor", "--json")
  assert.includeMembers(doctor.json.findings.filter(({ level }) => level !== "problem").map(({ name }) => name), [
    "database",
    "runs"
  ])
}

describe("a database that may not be written", () => {
  for (
    const [what, folderMode, fileMode] of [["its file is read-only", 0o755, 0o444], [
      "its folder is read-only",
      0o555,
      0o644
    ]] as const
  ) {
    it(`S3: is refused with what to do, can be looked at, and stays as it is, when ${what}`, async () => {
      const at = await place()
      at.allow(folderMode, fileMode)
      const before = stateOf(at.folder)
      const acts = [["run", "Echo", "--input", "{\"text\":\"hi\"}"], ["worker", "--until-idle"], [
        "signal",
        at.runId,
        "go"
      ]]
      for (const outcome of await Promise.all(acts.map((args) => at.as(...args)))) {
        assertRefused(outcome, `the database is read-only (${at.db}); ${advice}`)
      }
      await assertReadable(at)
      assert.deepStrictEqual(stateOf(at.folder), before)
      await assertExaminable(at)
      at.allow(0o755, 0o644)
      const worker = await at.as("worker", "--until-idle")
      assert.strictEqual(worker.code, 0, worker.stderr)
      assert.include(worker.stdout, `${at.runId}  Nap@1  completed`)
    })
  }

  it("can be looked at while a process of somebody else works on it", async () => {
    const at = await place()
    const db = new DatabaseSync(at.db)
    db.exec("UPDATE runs SET updated_at = updated_at + 1")
    at.allow(0o555, 0o444)
    assert.includeMembers(readdirSync(at.folder), ["fermata.db-shm", "fermata.db-wal"])
    await assertReadable(at)
    db.close()
  })

  it("can be looked at when its log was left behind where nothing can be made beside it", async () => {
    const at = await place()
    const db = new DatabaseSync(at.db)
    db.exec("UPDATE runs SET updated_at = updated_at + 1")
    const log = readFileSync(`${at.db}-wal`)
    db.close()
    writeFileSync(`${at.db}-wal`, log)
    at.allow(0o555, 0o444)
    const before = stateOf(at.folder)
    await assertReadable(at)
    await assertExaminable(at)
    assert.deepStrictEqual(stateOf(at.folder), before)
  })
})

describe("a file that is no database of this build", () => {
  const refusedBy = async (make: (db: string) => void, message: (db: string) => string) => {
    const at = await place()
    make(at.db)
    const before = stateOf(at.folder)
    const commands = [["run", "Echo", "--input", "{\"text\":\"hi\"}"], ["runs", "ls"]]
    for (const outcome of await Promise.all(commands.map((args) => at.fermata(...args)))) {
      assert.deepInclude(outcome, { code: 2, stdout: "" })
      assert.strictEqual(outcome.stderr, `error: ${message(at.db)}\n`)
    }
    assert.deepStrictEqual(stateOf(at.folder), before)
  }

  it("is refused and left as it is when it is something else", () =>
    refusedBy(
      (db) => writeFileSync(db, "Not a database. ".repeat(1_000)),
      (db) => `The store could not open its database: the file is not a SQLite database (${db}); choose another file`
    ))

  it("is refused and left as it is when a newer build wrote it", () =>
    refusedBy(
      (db) => {
        const newer = new DatabaseSync(db)
        newer.exec("PRAGMA user_version = 99")
        newer.close()
      },
      (db) =>
        `The store could not open its database: it has version 99 and this build knows versions up to ${migrations.length}; `
        + `use the newer Fermata that wrote it, or choose another file (${db})`
    ))

  it("is refused and left as it is when another program wrote it", () =>
    refusedBy(
      (db) => {
        const other = `${db}.other`
        const songs = new DatabaseSync(other)
        songs.exec("CREATE TABLE songs (title TEXT)")
        songs.close()
        copyFileSync(other, db)
      },
      (db) =>
        `The store could not open its database: it is the database of another program; choose another file (${db})`
    ))

  it("is refused when it is a folder", async () => {
    const { folder, fermata } = new Project()
    for (const args of [["run", "Echo", "--input", "{\"text\":\"hi\"}"], ["runs", "ls"], ["worker", "--until-idle"]]) {
      const { code, stderr } = await fermata(...args, "--db", folder)
      assert.strictEqual(code, 2)
      assert.strictEqual(
        stderr,
        `error: The database cannot be ${folder}, which is a folder; name a file in it, such as --db ${
          join(folder, "fermata.db")
        }\n`
      )
    }
    assert.deepStrictEqual(readdirSync(folder), [])
  })
})
