import { assert, describe, it } from "@effect/vitest"
import * as ChangeLog from "@fermata/engine/ChangeLog"
import * as EventLog from "@fermata/engine/EventLog"
import { pathOf } from "@fermata/engine/EventLog"
import { Effect } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import * as Reads from "../src/internal/Reads.ts"
import * as Writes from "../src/internal/Writes.ts"
import * as Migrations from "../src/Migrations.ts"
import * as SqliteBackend from "../src/SqliteBackend.ts"

const version = (db: DatabaseSync) => db.prepare("PRAGMA user_version").get()!["user_version"]
const first = "CREATE TABLE songs (title TEXT)"
const second = "ALTER TABLE songs ADD COLUMN bars INTEGER DEFAULT 4"

describe("Migrations", () => {
  it("bring an empty database to the current version", () => {
    const db = new DatabaseSync(":memory:")
    assert.isNull(Migrations.refusal(db))
    Migrations.migrate(db)
    assert.strictEqual(version(db), Migrations.migrations.length)
    assert.deepEqual(db.prepare("PRAGMA application_id").get(), { application_id: Migrations.applicationId })
    Migrations.migrate(db)
    assert.isNull(Migrations.refusal(db))
  })

  it("run only those that a database has not been through, and keep its rows", () => {
    const db = new DatabaseSync(":memory:")
    Migrations.migrate(db, [first])
    db.exec("INSERT INTO songs VALUES ('Rondo')")
    assert.isNull(Migrations.refusal(db, [first, second]))
    Migrations.migrate(db, [first, second])
    assert.strictEqual(version(db), 2)
    assert.deepEqual(db.prepare("SELECT * FROM songs").all(), [{ title: "Rondo", bars: 4 }])
  })

  it("S3: keep the questions of an older database, open and with their answers in the journal alone", () => {
    const db = new DatabaseSync(":memory:")
    const older = Migrations.migrations.findIndex((sql) => sql.includes("ALTER TABLE approvals"))
    Migrations.migrate(db, Migrations.migrations.slice(0, older))
    db.exec(
      `INSERT INTO runs (key, id, epoch, status, workflow, version, kind, created_at, updated_at) VALUES (1, 'r', 1, 'suspended', 'w', '1', 'program', 0, 0)`
    )
    db.exec(`INSERT INTO approvals (run, key, workflow, prompt, approvers, question, requested_at, deadline)
      VALUES (1, 'pay', 'w', 'Pay?', '["ann"]', '{"choices":[],"quorum":1,"editable":false,"onTimeout":"deny"}', 5, NULL)`)
    Migrations.migrate(db)
    assert.deepInclude(Reads.make(db).approval("r", "pay"), {
      run: "r",
      key: "pay",
      prompt: "Pay?",
      answers: null,
      version: 0,
      status: "open"
    })
  })

  it("S3: keep the count of inbox rows of an older database, under which its owner finds them", () => {
    const db = new DatabaseSync(":memory:")
    const older = Migrations.migrations.findIndex((sql) => sql.includes("RENAME COLUMN told"))
    Migrations.migrate(db, Migrations.migrations.slice(0, older))
    db.exec(
      `INSERT INTO runs (key, id, epoch, owner, told, status, workflow, version, kind, created_at, updated_at) VALUES (1, 'r', 1, 'a', 1, 'running', 'w', '1', 'program', 0, 0)`
    )
    db.exec("INSERT INTO inbox (run, id, kind, payload, at) VALUES (1, 'i', 'signal', '{}', 5)")
    Migrations.migrate(db)
    assert.deepEqual(db.prepare("SELECT inbox_count FROM runs").all(), [{ inbox_count: 1 }])
    assert.deepInclude(Reads.make(db).inboxOf("a", 10)[0], { run: "r", id: "i" })
  })

  it("S3: give the events of an older database no place behind a position that was given before, and new ones one", () => {
    const db = new DatabaseSync(":memory:")
    const older = Migrations.migrations.findIndex((sql) => sql.includes("CREATE INDEX events_arrival"))
    Migrations.migrate(db, Migrations.migrations.slice(0, older))
    db.exec(`
      INSERT INTO runs (key, id, epoch, status, workflow, version, kind, created_at, updated_at) VALUES (1, 'r', 3, 'suspended', 'w', '1', 'program', 0, 0);
      INSERT INTO journal (arrival, run, last, entries) VALUES (5, 1, 0, 'old');
      INSERT INTO marks (key, arrival, run, status, reason, waits, at) VALUES (2, 5, 1, 'suspended', 'signal', '[]', 7);
      INSERT INTO events (position, id, name, payload, at) VALUES (9, 'e', 'a', '1', 6);
    `)
    const { id } = db.prepare("SELECT id FROM store").get() as { readonly id: string }
    const given = ChangeLog.positionOf(id, { arrival: 5, mark: 2 })
    Migrations.migrate(db)
    const reads = Reads.make(db)
    assert.deepStrictEqual(
      reads.changes(null, 10).rows.map((change) =>
        "epoch" in change ? change.epoch : "event" in change ? change.event.id : "entries"
      ),
      ["e", "entries", 0]
    )
    assert.deepStrictEqual(reads.changes(given, 10), { rows: [], next: given })
    const writes = Writes.make(db, () => null)
    writes.apply({ op: "events", rows: [{ id: "f", name: "a", payload: "2", correlation: null, source: null, at: 8 }] })
    const { rows: [told] } = reads.changes(given, 10)
    assert.deepInclude(told, {
      event: {
        position: EventLog.positionOf(10),
        id: "f",
        name: "a",
        payload: "2",
        correlation: null,
        source: null,
        at: 8
      }
    })
  })

  it("leave the database as it was when one fails", () => {
    const db = new DatabaseSync(":memory:")
    Migrations.migrate(db, [first])
    assert.throws(() => Migrations.migrate(db, [first, second, "CREATE TABLE songs (again TEXT)"]))
    assert.strictEqual(version(db), 1)
    assert.deepEqual(db.prepare("SELECT name FROM pragma_table_info('songs')").all(), [{ name: "title" }])
    assert.isFalse(db.isTransaction)
  })

  it("refuse a database that is newer or another program's", () => {
    const db = new DatabaseSync(":memory:")
    Migrations.migrate(db, [first, second])
    assert.include(Migrations.refusal(db, [first])!, "version 2 and this build knows versions up to 1")
    assert.throws(() => Migrations.migrate(db, [first]), /version 2/)
    assert.strictEqual(version(db), 2)

    const other = new DatabaseSync(":memory:")
    other.exec(first)
    assert.include(Migrations.refusal(other)!, "another program")
    assert.throws(() => Migrations.migrate(other), /another program/)
  })
})

describe("a database from before events were kept", () => {
  /** The number of migrations that it has been through. */
  const before = Migrations.migrations.findIndex((sql) => sql.includes("CREATE TABLE events"))

  it("keeps what its runs may ask for, and wakes those that wait", () =>
    Effect.gen(function*() {
      const folder = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "fermata-"))),
        (path) => Effect.sync(() => rmSync(path, { recursive: true }))
      )
      const filename = join(folder, "fermata.db")
      const old = new DatabaseSync(filename)
      Migrations.migrate(old, Migrations.migrations.slice(0, before))
      old.exec(`
        INSERT INTO runs (key, id, epoch, status, reason, waits, workflow, version, kind, created_at, updated_at)
          VALUES (1, 'waits', 1, 'suspended', 'signal', '[{"reason":"signal","key":"event:go"}]', 'w', '1', 'contract', 0, 0);
        INSERT INTO subscriptions (run, key, event, correlation) VALUES (1, 'event:go', 'go', NULL), (1, 'event:stop', 'stop', NULL)
      `)
      old.close()
      const backend = yield* SqliteBackend.make({ file: filename })
      const asked = { run: "waits", key: "hold", event: "go", equality: { path: pathOf(["id"]), value: "1" } }
      assert.deepStrictEqual((yield* backend.awaited(asked, null, 10)).events, [])
      yield* backend.write([{
        op: "events",
        rows: [{ id: "e", name: "go", payload: `{"id":1}`, correlation: null, source: null, at: 5 }]
      }])
      assert.strictEqual((yield* backend.run("waits"))!.dueAt, 0)
      assert.deepStrictEqual((yield* backend.inbox("waits")).map(({ kind }) => kind), ["event"])
      assert.deepStrictEqual((yield* backend.awaited(asked, null, 10)).events.map(({ id }) => id), ["e"])
    }).pipe(Effect.scoped, Effect.runPromise))
})
