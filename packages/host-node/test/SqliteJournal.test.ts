/** How a SQLite store keeps its journal: rows in order of arrival, and an index that follows in batches. */
import { assert, describe, it } from "@effect/vitest"
import { commit, heartbeat, one, startOwned } from "@fermata/testing/backend/Fixtures"
import { Effect } from "effect"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import * as SqliteBackend from "../src/SqliteBackend.ts"
import * as TempFolder from "./support/TempFolder.ts"

/** So many rows of the journal may come before they get their places. */
const batch = 100

/** A store with the run "r", one more connection to it, and what is in its file. */
const make = Effect.gen(function*() {
  const path = join(yield* TempFolder.make, "fermata.db")
  const backend = yield* SqliteBackend.make({ file: path, synchronous: "NORMAL" })
  const other = yield* SqliteBackend.make({ file: path, synchronous: "NORMAL" })
  const db = yield* Effect.acquireRelease(
    Effect.sync(() => new DatabaseSync(path)),
    (db) => Effect.sync(() => db.close())
  )
  const number = (sql: string): number => Number(Object.values(db.prepare(sql).get()!)[0])
  yield* one(backend, startOwned("r"))
  return {
    path,
    backend,
    other,
    db,
    /** Rows of the journal without a place. */
    unplaced: () => number("SELECT (SELECT max(arrival) FROM journal) - (SELECT upto FROM placed)"),
    /** Rows that the index should have or should not have yet, and does otherwise. */
    misplaced: () =>
      number(
        `SELECT count(*) + abs((SELECT count(*) FROM places) - (SELECT count(*) FROM journal, placed WHERE arrival <= upto))
        FROM journal LEFT JOIN places ON places.run = journal.run AND places.last = journal.last
        WHERE (places.arrival IS NULL) <> (journal.arrival > (SELECT upto FROM placed)) OR places.arrival <> journal.arrival`
      )
  }
})

describe("the journal of a SQLite store", () => {
  it.effect("takes one row for each commit of up to a hundred entries", () =>
    Effect.gen(function*() {
      const { backend, db } = yield* make
      const entries = Array.from({ length: 250 }, (_, index) => `e${index}`)
      yield* one(backend, commit("r", 0, entries.slice(0, 1)))
      yield* one(backend, commit("r", 1, entries.slice(1, 101)))
      yield* one(backend, commit("r", 101, []))
      yield* one(backend, commit("r", 101, entries.slice(101, 202)))
      const rows = db.prepare("SELECT last, entries FROM journal ORDER BY arrival").all()
      assert.deepStrictEqual(rows.map(({ last }) => last), [0, 100, 200, 201])
      assert.deepStrictEqual(rows.map(({ entries }) => String(entries).split("\n").length), [1, 100, 100, 1])
    }))

  it.effect("gives its rows their places a batch at a time, and never leaves more than a batch without", () =>
    Effect.gen(function*() {
      const { backend, misplaced, other, unplaced } = yield* make
      const seen: Array<number> = []
      for (let length = 0; length < 3 * batch; length++) {
        // One connection for long, the other for long, and both by turns.
        const writer = length < 1.2 * batch || (length > 2.4 * batch && length % 2 === 0) ? backend : other
        assert.deepStrictEqual(yield* one(writer, commit("r", length, [`e${length}`])), { ok: true })
        seen.push(unplaced())
        assert.isAtMost(unplaced(), batch)
        assert.strictEqual(misplaced(), 0)
      }
      assert.deepStrictEqual(seen.slice(0, batch - 1), Array.from({ length: batch - 1 }, (_, index) => index + 1))
      assert.isAtMost(seen.filter((rows, index) => index > 0 && rows <= seen[index - 1]!).length, 3)
    }))

  it.effect("gives the rows of one large transaction their places with it", () =>
    Effect.gen(function*() {
      const { backend, misplaced, other, unplaced } = yield* make
      const many = (from: number) => Array.from({ length: 3 * batch }, (_, index) => commit("r", from + index, ["e"]))
      yield* backend.write(many(0))
      assert.strictEqual(unplaced(), 0)
      yield* other.write([...many(3 * batch), heartbeat("a", 1)])
      assert.strictEqual(unplaced(), 0)
      assert.strictEqual(misplaced(), 0)
      assert.strictEqual((yield* backend.run("r"))!.length, 6 * batch)
    }))

  it.effect("loses nothing when a transaction fails at its very end, after its rows got their places", () =>
    Effect.gen(function*() {
      const { backend, db, misplaced, other, unplaced } = yield* make
      const entries: Array<string> = []
      const add = Effect.fnUntraced(function*(writer: SqliteBackend.SqliteBackend, count: number) {
        for (let left = count; left > 0; left--) {
          const entry = `e${entries.length}`
          assert.deepStrictEqual(yield* one(writer, commit("r", entries.length, [entry])), { ok: true })
          entries.push(entry)
        }
      })
      yield* add(backend, batch - 2)
      db.exec(`CREATE TABLE parents (id INTEGER PRIMARY KEY);
        CREATE TABLE children (parent INTEGER REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED);
        CREATE TRIGGER orphan AFTER UPDATE ON placed BEGIN INSERT INTO children VALUES (1); END`)
      const large = ["x", "y", "z"].map((entry, index) => commit("r", entries.length + index, [entry]))
      for (const writer of [backend, other, backend]) {
        const failure = yield* Effect.flip(writer.write(large))
        assert.include(failure.message, "could not write")
        assert.strictEqual(unplaced(), batch - 2)
        yield* Effect.forEach(
          [backend, other],
          (reader) => Effect.map(reader.entries("r", 0, 1_000), (read) => assert.deepStrictEqual(read, entries))
        )
      }
      yield* add(backend, 1)
      db.exec("DROP TRIGGER orphan")
      for (const writer of [other, backend, other]) {
        yield* add(writer, 100)
        assert.isAtMost(unplaced(), batch)
        assert.strictEqual(misplaced(), 0)
      }
      for (const reader of [backend, other]) assert.deepStrictEqual(yield* reader.entries("r", 0, 1_000), entries)
    }))

  it.effect("reads the same to those who only read while others write and give rows their places", () =>
    Effect.gen(function*() {
      const { backend, other, path } = yield* make
      const reading = yield* SqliteBackend.make({ file: path, readOnly: "untouched" })
      const entries: Array<string> = []
      for (let turn = 0; turn < 2 * batch + 40; turn++) {
        const entry = `e${turn}`
        yield* one(turn % 100 < 50 ? backend : other, commit("r", turn, [entry]))
        entries.push(entry)
        if (turn % 32 !== 0 && turn % batch < batch - 3) continue
        assert.deepStrictEqual(yield* reading.entries("r", 0, 10_000), entries)
        assert.deepStrictEqual(yield* reading.entries("r", turn, 10), [entry])
        assert.strictEqual((yield* reading.run("r"))!.length, entries.length)
      }
    }))
})
