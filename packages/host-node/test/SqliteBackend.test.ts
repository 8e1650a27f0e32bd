import { assert, describe, it } from "@effect/vitest"
import type { RunFilter } from "@fermata/engine/Backend"
import {
  answer,
  approval,
  brief,
  claim,
  commit,
  end,
  heartbeat,
  ids,
  inbox,
  leave,
  one,
  report,
  start,
  startOwned,
  subscription,
  suspend
} from "@fermata/testing/backend/Fixtures"
import * as BackendConformance from "@fermata/testing/BackendConformance"
import { Effect, Exit, Fiber, Scope } from "effect"
import { existsSync, mkdirSync, readFileSync, statSync } from "node:fs"
import { dirname, join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { changesAfter } from "../src/internal/ChangeSql.ts"
import * as Reads from "../src/internal/Reads.ts"
import * as Writes from "../src/internal/Writes.ts"
import * as Migrations from "../src/Migrations.ts"
import * as Sqlite from "../src/Sqlite.ts"
import * as SqliteBackend from "../src/SqliteBackend.ts"
import * as TempFolder from "./support/TempFolder.ts"

BackendConformance.suite(
  "P-10: SQLite",
  Effect.map(TempFolder.make, (folder) => ({
    connect: SqliteBackend.make({ file: join(folder, "fermata.db"), synchronous: "NORMAL" })
  }))
)

const { migrations } = Migrations

const file = Effect.map(TempFolder.make, (folder) => join(folder, "some", "where", "fermata.db"))

/** Changes the file from outside, as other hands would. */
const tamper = (file: string, sql: string) =>
  Effect.sync(() => {
    const db = new DatabaseSync(file)
    db.exec(sql)
    db.close()
  })

describe("a SQLite store", () => {
  it.effect("creates its folder and a file that only its user may read", () =>
    Effect.gen(function*() {
      const path = yield* file
      yield* SqliteBackend.make({ file: path })
      assert.strictEqual(statSync(path).mode & 0o777, 0o600)
      assert.strictEqual(statSync(`${path}-wal`).mode & 0o777, 0o600)
    }))

  it.effect("keeps what was written when it is opened again", () =>
    Effect.gen(function*() {
      const path = yield* file
      const opened = SqliteBackend.make({ file: path })
      const written = yield* Effect.scoped(
        Effect.flatMap(opened, (backend) =>
          backend.write([startOwned("r", { rows: ["e0"] }), commit("r", 1, ["e1"]), start("s")]))
      )
      assert.deepStrictEqual(written[1], { ok: true })
      assert.isFalse(existsSync(`${path}-wal`))
      const backend = yield* opened
      assert.deepStrictEqual(yield* backend.entries("r", 0, 10), ["e0", "e1"])
      assert.deepStrictEqual(yield* one(backend, commit("r", 2, ["e2"])), { ok: true })
    }))

  it.effect("goes on with the journals of a database that kept a row for each entry", () =>
    Effect.gen(function*() {
      const path = yield* file
      mkdirSync(dirname(path), { recursive: true })
      const old = new DatabaseSync(path)
      Migrations.migrate(old, migrations.slice(0, 2))
      for (const key of [1, 2]) {
        old.exec(`INSERT INTO runs (key, id, epoch, owner, status, workflow, version, kind, created_at, updated_at)
          VALUES (${key}, 'r${key}', 1, 'a', 'running', 'purchase', '1', 'program', 1, 1)`)
        for (let seq = 0; seq < 3; seq++) {
          old.exec(`INSERT INTO journal (run, seq, entry) VALUES (${key}, ${seq}, 'e${key}${seq}')`)
        }
      }
      old.close()
      const backend = yield* SqliteBackend.make({ file: path })
      assert.deepStrictEqual(yield* backend.entries("r2", 0, 10), ["e20", "e21", "e22"])
      assert.deepStrictEqual(yield* one(backend, commit("r2", 3, ["e23", "e24"])), { ok: true })
      assert.deepStrictEqual(yield* backend.entries("r2", 2, 10), ["e22", "e23", "e24"])
      assert.deepStrictEqual(yield* backend.entries("r1", 0, 10), ["e10", "e11", "e12"])
    }))

  it.effect("S8: tells whose the children are of a database that did not know: those that their parent listens to", () =>
    Effect.gen(function*() {
      const path = yield* file
      mkdirSync(dirname(path), { recursive: true })
      const old = new DatabaseSync(path)
      Migrations.migrate(old, migrations.slice(0, 3))
      const insert = (key: number, id: string, parent: string | null) =>
        old.exec(`INSERT INTO runs (key, id, epoch, status, workflow, version, kind, parent, created_at, updated_at)
          VALUES (${key}, '${id}', 0, 'suspended', 'purchase', '1', 'program', ${
          parent === null ? "NULL" : `'${parent}'`
        }, 1, 1)`)
      insert(1, "parent", null)
      insert(2, "other", null)
      insert(3, "own", "parent")
      insert(4, "joined", "parent")
      insert(5, "detached", "parent")
      insert(6, "of a person", null)
      for (
        const [run, listener] of [[3, "parent"], [4, "parent"], [4, "other"], [5, "other"], [6, "parent"]] as const
      ) {
        old.exec(`INSERT INTO listeners (run, listener) VALUES (${run}, '${listener}')`)
      }
      old.close()
      const backend = yield* SqliteBackend.make({ file: path })
      const leaves = (["own", "joined", "detached", "of a person"] as const).flatMap((
        run
      ) => [leave(run, "parent"), leave(run, "other")])
      assert.deepStrictEqual(
        (yield* backend.write(leaves)).map(({ stopped }) => stopped),
        [true, false, false, true, false, false, false, false]
      )
    }))

  it.effect("says which entries are missing from a journal that other hands have cut", () =>
    Effect.gen(function*() {
      const path = yield* file
      const backend = yield* SqliteBackend.make({ file: path })
      yield* backend.write([startOwned("r", { rows: ["e0"] }), commit("r", 1, ["e1", "e2"]), commit("r", 3, ["e3"])])
      yield* tamper(path, "DELETE FROM journal WHERE last = 2")
      const failure = yield* Effect.flip(backend.entries("r", 0, 10))
      assert.include(failure.message, "entries are missing from the journal: those from 1 up to 2")
      yield* backend.write([startOwned("s", { rows: ["e0"] }), commit("s", 1, ["e1"]), commit("s", 2, ["e2"])])
      yield* tamper(path, "DELETE FROM journal WHERE last = 1")
      assert.include((yield* Effect.flip(backend.entries("s", 0, 10))).message, "those from 1 up to 1")
    }))

  it.effect("S4: gives no number of a commit again, although the newest are deleted", () =>
    Effect.gen(function*() {
      const path = yield* file
      const backend = yield* SqliteBackend.make({ file: path })
      yield* backend.write([
        startOwned("r", { rows: ["r0"] }),
        startOwned("s", { rows: ["s0"] }),
        suspend("s", 1, null)
      ])
      const [, second, third] = (yield* backend.changes(null, 10)).rows.map(({ position }) => position)
      yield* tamper(
        path,
        "PRAGMA foreign_keys = ON; DELETE FROM journal WHERE run = 2; DELETE FROM runs WHERE id = 's'"
      )
      for (const after of [second!, third!]) {
        assert.deepStrictEqual(yield* backend.changes(after, 10), { rows: [], next: after })
      }
      yield* tamper(path, "DELETE FROM journal WHERE run = 2 OR run = 0")
      yield* one(backend, startOwned("t", { rows: ["t0"] }))
      yield* one(backend, suspend("t", 1, null))
      for (const after of [second!, third!]) {
        assert.deepStrictEqual((yield* backend.changes(after, 10)).rows.map(brief), [
          "t 0: t0",
          "t suspended signal []"
        ])
      }
      assert.deepStrictEqual((yield* backend.changes(null, 10)).rows.map(brief).slice(0, 1), ["r 0: r0"])
    }))

  it("finds what is behind a position by ranges of three indexes, without sorting", () => {
    const db = new DatabaseSync(":memory:")
    Migrations.migrate(db)
    const plan = db.prepare(`EXPLAIN QUERY PLAN ${changesAfter}`).all(0, 0, 10).map(({ detail }) => String(detail))
    assert.deepStrictEqual(plan.filter((step) => /SCAN|TEMP B-TREE/.test(step)), [])
    assert.deepStrictEqual(plan.filter((step) => / (journal|marks|events) /.test(step)), [
      "SEARCH journal USING INTEGER PRIMARY KEY (rowid>?)",
      "SEARCH marks USING INDEX marks_arrival (arrival>?)",
      "SEARCH events USING INDEX events_arrival (arrival>?)"
    ])
  })

  it.effect("syncs every commit unless told otherwise", () =>
    Effect.gen(function*() {
      const path = yield* file
      const synchronous = (options: Partial<Sqlite.Options>) =>
        Effect.map(Sqlite.open({ file: path, ...options }), ({ db }) => db.prepare("PRAGMA synchronous").get())
      assert.deepEqual(yield* synchronous({}), { synchronous: 2 })
      assert.deepEqual(yield* synchronous({ synchronous: "NORMAL" }), { synchronous: 1 })
    }))

  it.effect("never waits inside SQLite", () =>
    Effect.gen(function*() {
      const { db } = yield* Sqlite.open({ file: yield* file })
      assert.deepEqual(db.prepare("PRAGMA busy_timeout").get(), { timeout: 0 })
    }))

  it("writes and reads without leaving the current turn", () => {
    const scope = Effect.runSync(Scope.make())
    const backend = Effect.runSync(
      Effect.flatMap(file, (path) => SqliteBackend.make({ file: path })).pipe(Scope.provide(scope))
    )
    Effect.runSync(backend.write([startOwned("r", { rows: ["e0"] })]))
    assert.deepStrictEqual(Effect.runSync(backend.entries("r", 0, 10)), ["e0"])
    Effect.runSync(Scope.close(scope, Exit.void))
  })

  it.effect("says so when it is used after its scope", () =>
    Effect.gen(function*() {
      const path = yield* file
      const backend = yield* Effect.scoped(SqliteBackend.make({ file: path }))
      const failure = yield* Effect.flip(backend.run("r"))
      assert.strictEqual(failure._tag, "StorageFailed")
    }))

  it.effect("gives up on a lock in the end and names it, and takes none where there is nothing to write", () =>
    Effect.gen(function*() {
      const path = yield* file
      const backend = yield* SqliteBackend.make({ file: path, patience: "20 millis" })
      const other = yield* Sqlite.open({ file: path })
      other.db.exec("BEGIN IMMEDIATE")
      const failure = yield* Effect.flip(one(backend, start("r")))
      assert.include(failure.message, "could not write: another process keeps the database locked")
      assert.deepStrictEqual(yield* backend.write([]), [])
      other.db.exec("ROLLBACK")
      yield* one(backend, start("r"))
      assert.deepStrictEqual(ids(yield* backend.runs({ limit: 10 })), ["r"])
    }))

  it.live("waits for a lock as long as it should while the clock is set ahead", () =>
    Effect.gen(function*() {
      const path = yield* file
      const backend = yield* SqliteBackend.make({ file: path })
      const other = yield* Sqlite.open({ file: path })
      other.db.exec("BEGIN IMMEDIATE")
      const write = yield* Effect.forkChild(one(backend, start("r")), { startImmediately: true })
      const now = Date.now
      yield* Effect.acquireRelease(
        Effect.sync(() => Date.now = () => now() + 3_600_000),
        () => Effect.sync(() => Date.now = now)
      )
      // Some attempts later.
      yield* Effect.sleep("100 millis")
      other.db.exec("ROLLBACK")
      assert.isTrue((yield* Fiber.join(write)).started)
    }))

  it.effect("says that a disk is full, and writes the same once it is not", () =>
    Effect.gen(function*() {
      const { attempt, db, file: path } = yield* Sqlite.open({ file: yield* file })
      const pages = () => Number(db.prepare("PRAGMA page_count").get()!["page_count"])
      const grow = attempt("write", () =>
        db.exec(`INSERT INTO blobs (hash, data) VALUES ('h', '${"x".repeat(100_000)}')`))
      db.exec(`PRAGMA max_page_count = ${pages()}`)
      const failure = yield* Effect.flip(grow)
      assert.deepInclude(failure, { _tag: "StorageFailed", noRoom: true })
      assert.strictEqual(
        failure.message,
        `The store could not write: the disk is full (${path}); free some space there`
      )
      db.exec(`PRAGMA max_page_count = ${pages() + 100}`)
      yield* grow
      assert.strictEqual(db.prepare("SELECT count(*) AS count FROM blobs").get()!["count"], 1)
    }))

  it.effect("fails on a damaged row and goes on with the others", () =>
    Effect.gen(function*() {
      const path = yield* file
      const backend = yield* SqliteBackend.make({ file: path })
      yield* backend.write([start("r"), start("s")])
      yield* tamper(path, `UPDATE runs SET kind = '' WHERE id = 'r'`)
      const failure = yield* Effect.flip(backend.run("r"))
      assert.include(failure.message, "could not read: a stored row is damaged: its kind")
      assert.strictEqual((yield* backend.run("s"))!.id, "s")
    }))

  it.effect("asks nothing that looks at every run", () =>
    Effect.gen(function*() {
      const { db } = yield* Sqlite.open({ file: yield* file })
      const asked = new Set<string>()
      const recording = new Proxy(db, {
        get: (target, name) =>
          name === "prepare"
            ? (sql: string) => {
              asked.add(sql)
              return target.prepare(sql)
            }
            : Reflect.get(target, name)
      })
      const writes = Writes.make(recording, () => null)
      const reads = Reads.make(recording)
      db.exec("BEGIN")
      for (
        const op of [
          heartbeat("a", 100),
          startOwned("p"),
          startOwned("r", { rows: ["e0"], listener: "p", subscriptions: [subscription("r", "e")] }),
          inbox("r", "i"),
          start("s", { labels: { customer: "acme", region: "eu" } }),
          { op: "quota", tenant: "acme", row: { tenant: "acme", openRuns: 2, streams: null, by: "ops", at: 1 } },
          start("acme~1", {}, { isLimited: true }),
          claim(),
          claim({ programs: ["purchase@1"] }),
          claim({ programs: ["purchase@1"], without: ["d"] }),
          claim({ roots: ["r"] }),
          report({ run: "s" }, { epoch: 1 }),
          suspend("p", 0, null),
          commit("r", 1, [], { approvalsOpened: [approval("r", "k")] }),
          answer("r", "k", "a", 0),
          end("r", 1, "done", { consumed: ["i", "a"] }),
          { op: "claimOne", owner: "a", run: "p" },
          { op: "reap", now: 1_000 },
          { op: "retire", owner: "a" }
        ] as const
      ) writes.apply(op)
      db.exec("COMMIT")
      reads.nextDue(0, null)
      reads.nextDue(0, ["r"])
      reads.due(0, 1_000, 10)
      reads.approval("r", "k")
      reads.stranded(10)
      reads.stranded(10, "r")
      reads.findings(10)
      reads.inboxOf("a", 10)
      reads.runs({ limit: 10, reason: ["diverged", "corrupt"] })
      reads.runs({ limit: 10, status: ["queued", "running"] })
      reads.runs({ limit: 10, root: "r" })
      const some: ReadonlyArray<Partial<RunFilter>> = [
        {},
        { status: ["queued", "running"] },
        { workflow: "purchase" },
        { reason: ["signal"] },
        { labels: { customer: "acme" } },
        { labels: { customer: "acme", region: "eu" } },
        { root: "r" },
        { parent: "r" },
        { prefix: "r" },
        { tenant: "acme" }
      ]
      const asks = asked.size
      for (const one of some) {
        for (const other of some) {
          for (const within of [{}, { since: 0 }, { until: 9_000 }, { since: 0, until: 9_000, before: "s" }]) {
            if (Object.keys({ ...one, ...other, ...within }).length > 0) {
              reads.runs({ limit: 10, ...one, ...other, ...within })
            }
          }
        }
      }
      for (const sql of [...asked].slice(asks)) {
        const plan = db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all().map((row) => String(row["detail"]))
        assert.deepStrictEqual(
          plan.filter((step) => /SCAN (runs|run_labels)|FOR ORDER BY/.test(step)),
          [],
          sql
        )
      }
      reads.entries("r", 0, 10)
      assert.isAbove(asked.size, 20)
      for (const sql of asked) {
        const plan = db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all().map((row) => String(row["detail"]))
        const scans = plan.filter((step) => /^SCAN (runs|journal|inbox|approvals|subscriptions|listeners)/.test(step))
        assert.deepStrictEqual(scans, [], sql)
      }
    }))
})

describe("runs of a tenant, in SQLite", () => {
  it.effect("are found by an index that has all that is asked for, so that a tenant of many runs costs no more than its list", () =>
    Effect.gen(function*() {
      const { db } = yield* Sqlite.open({ file: yield* file })
      const writes = Writes.make(db, () => null)
      db.exec("BEGIN")
      for (const op of [start("acme~1"), startOwned("acme~2"), suspend("acme~2", 0, null)]) writes.apply(op)
      db.exec("COMMIT")
      const plansOf = (filter: Omit<RunFilter, "limit">) => {
        const asked: Array<string> = []
        const recording = new Proxy(db, {
          get: (target, name) =>
            name === "prepare" ? (sql: string) => (asked.push(sql), target.prepare(sql)) : Reflect.get(target, name)
        })
        assert.isNotEmpty(Reads.make(recording).runs({ ...filter, tenant: "acme", limit: 9 }))
        return asked.filter((sql) => /ORDER BY runs.key/.test(sql)).flatMap((sql) =>
          db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all().map((row) => String(row["detail"]))
        )
      }
      const all = "SEARCH runs USING COVERING INDEX runs_tenant (tenant=? AND workflow=? AND status=?)"
      const found = (
        filter: Omit<RunFilter, "limit">
      ) => [...new Set(plansOf(filter).map((plan) => plan.replace("USING INDEX", "USING COVERING INDEX")))]
      assert.deepStrictEqual(found({}), [all])
      assert.deepStrictEqual(found({ workflow: "purchase" }), [all])
      assert.deepStrictEqual(found({ status: ["queued"] }), [all])
      assert.deepStrictEqual(found({ without: ["engine.bulk"] }), [all])
      assert.deepStrictEqual(found({ reason: ["signal"] }), [
        "SEARCH runs USING COVERING INDEX runs_tenant_reason (tenant=? AND reason=?)"
      ])
    }))
})

describe("a SQLite store for reading", () => {
  const written = Effect.gen(function*() {
    const path = yield* file
    yield* Effect.scoped(
      Effect.flatMap(
        SqliteBackend.make({ file: path }),
        (backend) => backend.write([startOwned("r", { rows: ["e0"] })])
      )
    )
    return { path, before: readFileSync(path) }
  })

  it.effect("N-43: reads what is there, beside others that write, and changes no byte", () =>
    Effect.gen(function*() {
      const { before, path } = yield* written
      yield* Effect.scoped(Effect.gen(function*() {
        const reading = yield* SqliteBackend.make({ file: path, readOnly: "untouched" })
        assert.deepStrictEqual(ids(yield* reading.runs({ limit: 10 })), ["r"])
        yield* reading.write([heartbeat("a", 100), claim(), { op: "claimOne", owner: "a", run: "r" }, {
          op: "retire",
          owner: "a"
        }])
        assert.include(
          (yield* Effect.flip(reading.write([inbox("r", "i")]))).message,
          "The store could not inbox: it was opened for reading only"
        )
      }))
      assert.isTrue(before.equals(readFileSync(path)))
      const reading = yield* SqliteBackend.make({ file: path, readOnly: "untouched" })
      const writing = yield* SqliteBackend.make({ file: path })
      yield* writing.write([start("s")])
      assert.sameMembers([...ids(yield* reading.runs({ limit: 10 }))], ["r", "s"])
    }))

  it.effect("says that nobody may write to it, and others that they may", () =>
    Effect.gen(function*() {
      const { path } = yield* written
      for (const readOnly of [true, "untouched", false, undefined] as const) {
        const { supports } = yield* SqliteBackend.make({ file: path, readOnly })
        assert.strictEqual(supports.writes, readOnly === false || readOnly === undefined)
      }
    }))

  it.effect("N-43: of an older version is read from a copy that was migrated, and stays at its version", () =>
    Effect.gen(function*() {
      const { before, path } = yield* written
      const later = [...migrations, "CREATE TABLE songs (title TEXT)"]
      const folder = yield* Effect.scoped(Effect.gen(function*() {
        const { db } = yield* Sqlite.openForReading({ file: path }, later)
        assert.deepStrictEqual(db.prepare("SELECT id FROM runs").all().map(({ id }) => id), ["r"])
        assert.isEmpty(db.prepare("SELECT * FROM songs").all())
        assert.throws(() => db.exec("DELETE FROM runs"), /readonly/)
        return dirname(String(db.location()))
      }))
      assert.isFalse(existsSync(folder))
      assert.isTrue(before.equals(readFileSync(path)))
    }))

  it.effect("N-43: is refused when it is not there, is not ours, or is of a newer version", () =>
    Effect.gen(function*() {
      const { path } = yield* written
      const refused = (path: string) =>
        Effect.map(Effect.flip(Effect.scoped(SqliteBackend.make({ file: path, readOnly: "untouched" }))), String)
      assert.include(yield* refused(`${path}.none`), "could not open its database")
      assert.isFalse(existsSync(`${path}.none`))
      yield* tamper(path, "PRAGMA user_version = 99")
      assert.include(yield* refused(path), "it has version 99")
    }))
})

describe("a file that is not ours", () => {
  const refused = (path: string) => Effect.map(Effect.flip(Effect.scoped(SqliteBackend.make({ file: path }))), String)

  it.effect("is refused when a newer version wrote it, with what to do", () =>
    Effect.gen(function*() {
      const path = yield* file
      yield* Effect.scoped(SqliteBackend.make({ file: path }))
      yield* tamper(path, "PRAGMA user_version = 99")
      const message = yield* refused(path)
      assert.include(message, `it has version 99 and this build knows versions up to ${migrations.length}`)
      assert.include(message, "use the newer Fermata that wrote it, or choose another file")
      assert.include(message, path)
    }))

  it.effect("is refused when it is no database, and left as it was", () =>
    Effect.gen(function*() {
      const path = join(yield* TempFolder.make, "notes.txt")
      const text = "Not a database. ".repeat(100)
      yield* Effect.promise(() => import("node:fs/promises").then((fs) => fs.writeFile(path, text)))
      assert.include(yield* refused(path), "the file is not a SQLite database")
      assert.strictEqual(statSync(path).size, text.length)
    }))

  it.effect("is refused when another program made it, and left as it was", () =>
    Effect.gen(function*() {
      const path = join(yield* TempFolder.make, "other.db")
      yield* tamper(path, "CREATE TABLE songs (title TEXT)")
      assert.include(yield* refused(path), "it is the database of another program")
      const db = new DatabaseSync(path)
      assert.deepEqual(db.prepare("PRAGMA journal_mode").get(), { journal_mode: "delete" })
      assert.strictEqual(db.prepare("SELECT count(*) AS count FROM sqlite_schema").get()!["count"], 1)
      db.close()
    }))

  it.effect("is refused when its folder cannot be made", () =>
    Effect.gen(function*() {
      const path = join(yield* TempFolder.make, "file")
      yield* tamper(path, "CREATE TABLE songs (title TEXT)")
      assert.include(yield* refused(join(path, "fermata.db")), "could not open its database")
    }))
})
