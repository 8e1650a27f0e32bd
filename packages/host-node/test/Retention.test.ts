import { assert, describe, it } from "@effect/vitest"
import type { Backend, Op } from "@fermata/engine/Backend"
import * as Fixtures from "@fermata/testing/backend/Fixtures"
import { Effect } from "effect"
import { statSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync, StatementSync } from "node:sqlite"
import * as Backup from "../src/Backup.ts"
import { otherTables, tenantTables } from "../src/internal/TenantTables.ts"
import * as Migrations from "../src/Migrations.ts"
import * as SqliteBackend from "../src/SqliteBackend.ts"
import * as TempFolder from "./support/TempFolder.ts"

const opened = Effect.map(TempFolder.make, (folder) => join(folder, "fermata.db"))
const open = (file: string) => SqliteBackend.make({ file, synchronous: "NORMAL" })

/** A run that has ended, with so many entries. */
const ended = (id: string, entries: number, run: Parameters<typeof Fixtures.start>[1] = {}): ReadonlyArray<Op> => [
  Fixtures.start(id, { status: "running", owner: "a", dueAt: null, ...run }),
  Fixtures.commit(id, 0, Array.from({ length: entries }, (_, index) => `{"at":${index},"text":"${"x".repeat(400)}"}`)),
  Fixtures.end(id, entries, "{}")
]

const clearAll = (backend: Backend, limit = 200) =>
  Effect.gen(function*() {
    while ((yield* backend.write([{ op: "clear", limit }]))[0].left) { /* More follows. */ }
  })

const ask = (file: string, sql: string) => {
  const db = new DatabaseSync(file, { readOnly: true })
  try {
    return Number(Object.values(db.prepare(sql).get()!)[0])
  } finally {
    db.close()
  }
}

describe("retention on SQLite", () => {
  it("N-62: every table says whose its rows are, and what has a tenant goes with it", () => {
    const db = new DatabaseSync(":memory:")
    Migrations.migrate(db)
    const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").all()
      .map(({ name }) => String(name))
    const known = [...tenantTables.map(({ table }) => table), ...Object.keys(otherTables)]
    assert.deepStrictEqual(known.toSorted(), tables.toSorted())
    const withTenant = tables.filter((table) =>
      db.prepare(`SELECT 1 FROM pragma_table_xinfo('${table}') WHERE name = 'tenant'`).get() !== undefined
    )
    assert.deepStrictEqual(
      withTenant.filter((table) => !tenantTables.some((one) => one.table === table)).toSorted(),
      ["audit", "runs"]
    )
  })

  it.effect("positions and keys of runs are given once, also by a process that starts behind a deletion", () =>
    Effect.gen(function*() {
      const file = yield* opened
      const before = yield* Effect.scoped(Effect.gen(function*() {
        const backend = yield* open(file)
        yield* backend.write(ended("r", 3))
        const position = yield* backend.position
        yield* backend.write([{ op: "remove", run: "r", limit: 100 }])
        yield* clearAll(backend)
        return position
      }))
      const backend = yield* open(file)
      assert.deepStrictEqual((yield* backend.changes(before, 10)).rows, [])
      yield* backend.write(ended("s", 1))
      const { reset, rows } = yield* backend.changes(before, 10)
      assert.deepStrictEqual(rows.map((change) => "run" in change && change.run), ["s", "s"])
      assert.isTrue(rows.every(({ position }) => position > before))
      assert.isUndefined(reset)
      assert.strictEqual(ask(file, "SELECT key FROM runs WHERE id = 's'"), 2)
    }))

  it.effect("what a process has left when it died is done by the next: nothing stays without its run", () =>
    Effect.gen(function*() {
      const file = yield* opened
      yield* Effect.scoped(Effect.gen(function*() {
        const backend = yield* open(file)
        for (let at = 0; at < 40; at++) {
          yield* backend.write(
            at === 0
              ? [
                Fixtures.start("long", { status: "running", owner: "a", dueAt: null }),
                Fixtures.commit("long", 0, ["e"])
              ]
              : [Fixtures.commit("long", at, ["e"])]
          )
        }
        yield* backend.write([Fixtures.end("long", 40, "{}"), { op: "remove", run: "long", limit: 5 }])
      }))
      const backend = yield* open(file)
      assert.isNull(yield* backend.run("long"))
      assert.isTrue(yield* backend.uncleared)
      yield* clearAll(backend, 5)
      assert.isFalse(yield* backend.uncleared)
      assert.strictEqual(ask(file, "SELECT count(*) FROM journal WHERE run <> 0"), 0)
    }))

  it.effect("the file does not grow beyond what is kept: pages are used again, and given back in parts", () =>
    Effect.gen(function*() {
      const file = yield* opened
      const backend = yield* open(file)
      let most = 0
      for (let round = 0; round < 6; round++) {
        for (let at = 0; at < 40; at += 10) {
          yield* backend.write(Array.from({ length: 10 }, (_, i) => ended(`r-${round}-${at + i}`, 100)).flat())
        }
        for (let run = 0; run < 40; run++) {
          yield* backend.write([{ op: "remove", run: `r-${round}-${run}`, limit: 200 }])
        }
        if (round === 0) most = ask(file, "PRAGMA page_count")
        else assert.isAtMost(ask(file, "PRAGMA page_count"), most + 100, `round ${round}`)
      }
      yield* clearAll(backend)
      assert.isAtMost(statSync(file).size, 2 * 1024 * 1024)
      assert.strictEqual(ask(file, "SELECT count(*) FROM journal"), 1, "what says that runs were deleted")
      assert.strictEqual(ask(file, "SELECT count(*) FROM places WHERE run <> 0"), 0)
    }))

  it.effect("one transaction deletes no more rows than it is told, however large a tree or a journal is", () =>
    Effect.gen(function*() {
      const file = yield* opened
      const backend = yield* open(file)
      yield* backend.write(ended("long", 100))
      for (let at = 100; at < 3_000; at += 100) {
        // Many rows, of one entry each.
        yield* backend.write([Fixtures.start(`x-${at}`)])
      }
      yield* backend.write([...ended("top", 1)])
      for (let at = 0; at < 500; at += 100) {
        yield* backend.write(
          Array.from({ length: 100 }, (_, i) => ended(`below-${at + i}`, 2, { root: "top", parent: "top" })).flat()
        )
      }
      const deleted: Array<number> = []
      const counted = <A, E>(effect: Effect.Effect<A, E>) =>
        Effect.acquireUseRelease(
          Effect.sync(() => {
            const { all, run } = StatementSync.prototype
            let rows = 0
            Object.assign(StatementSync.prototype, {
              run(this: StatementSync, ...values: Array<never>) {
                const result = Reflect.apply(run, this, values) as ReturnType<typeof run>
                if (this.sourceSQL.startsWith("DELETE")) rows += Number(result.changes)
                return result
              },
              all(this: StatementSync, ...values: Array<never>) {
                const result = Reflect.apply(all, this, values) as ReturnType<typeof all>
                if (this.sourceSQL.startsWith("DELETE")) rows += result.length
                return result
              }
            })
            return () => {
              Object.assign(StatementSync.prototype, { all, run })
              deleted.push(rows)
            }
          }),
          () => effect,
          (stop) => Effect.sync(stop)
        )
      yield* counted(backend.write([{ op: "remove", run: "top", limit: 50 }]))
      let left = true
      while (left) [{ left }] = yield* counted(backend.write([{ op: "clear", limit: 50 }]))
      assert.isNull(yield* backend.run("top"))
      assert.isAbove(deleted.length, 10)
      // A run has a row, and one of the journal has a place.
      assert.isAtMost(Math.max(...deleted), 3 * 50)
    }))

  it.effect("a database of an older build is cleaned in the same way, and a backup of it gives back what is free", () =>
    Effect.gen(function*() {
      const file = yield* opened
      const db = new DatabaseSync(file)
      Migrations.migrate(db)
      db.close()
      const backend = yield* open(file)
      for (let run = 0; run < 40; run++) yield* backend.write(ended(`r-${run}`, 100))
      const before = ask(file, "PRAGMA page_count")
      for (let run = 0; run < 40; run++) yield* backend.write([{ op: "remove", run: `r-${run}`, limit: 200 }])
      yield* clearAll(backend)
      assert.isAbove(ask(file, "PRAGMA freelist_count"), before / 2)
      for (let run = 0; run < 40; run++) yield* backend.write(ended(`s-${run}`, 100))
      assert.isAtMost(ask(file, "PRAGMA page_count"), before + 10)
      for (let run = 0; run < 40; run++) yield* backend.write([{ op: "remove", run: `s-${run}`, limit: 200 }])
      const copy = `${file}.copy`
      yield* Backup.make(file, copy)
      assert.isBelow(ask(copy, "PRAGMA page_count"), before / 2)
      assert.deepStrictEqual([ask(file, "PRAGMA auto_vacuum"), ask(copy, "PRAGMA auto_vacuum")], [0, 2])
    }))
})
