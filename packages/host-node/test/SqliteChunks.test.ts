import { assert, describe, it } from "@effect/vitest"
import { Chunks } from "@fermata/engine/Chunks"
import * as Step from "@fermata/engine/Step"
import { commit, startOwned } from "@fermata/testing/backend/Fixtures"
import * as ChunksConformance from "@fermata/testing/ChunksConformance"
import { Cause, Effect, Exit, Layer, Logger, Schema } from "effect"
import { Workflow } from "effect/workflow"
import { chmodSync, copyFileSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import * as HostSql from "../src/HostSql.ts"
import * as Migrations from "../src/Migrations.ts"
import * as NodeHost from "../src/NodeHost.ts"
import * as Sqlite from "../src/Sqlite.ts"
import * as SqliteBackend from "../src/SqliteBackend.ts"
import * as SqliteChunks from "../src/SqliteChunks.ts"
import * as TempFolder from "./support/TempFolder.ts"

ChunksConformance.suite(
  "SQLite",
  Effect.map(TempFolder.make, (folder) => ({
    connect: Effect.map(SqliteBackend.make({ file: join(folder, "fermata.db") }), ({ chunks }) => chunks)
  }))
)

const file = Effect.map(TempFolder.make, (folder) => join(folder, "fermata.db"))

const row = { run: "r", entry: 4, first: 0, count: 2, chunks: "1\n2" }

/** The text of a chunk, as the one who reads gets it. */
const read = (path: string, readOnly: NodeHost.Options["readOnly"]) =>
  Effect.flatMap(Chunks, (chunks) => chunks.read("r")).pipe(
    Effect.map((chunks) => chunks.map(({ value }) => value)),
    Effect.provide(NodeHost.layerStore({ db: path, ...(readOnly === undefined ? {} : { readOnly }) }))
  )

describe("chunks in a SQLite file", () => {
  it.effect("do not wait for the disk, and the journal still does", () =>
    Effect.gen(function*() {
      const path = yield* file
      const sqlite = yield* Sqlite.open({ file: path })
      const chunks = SqliteChunks.make(sqlite)
      const synchronous = () => Number(sqlite.db.prepare("PRAGMA synchronous").get()?.["synchronous"])
      let during: number | undefined
      const guarded = SqliteChunks.make(sqlite)
      sqlite.db.function("look", () => (during = synchronous(), 1))
      sqlite.db.exec("CREATE TRIGGER look AFTER INSERT ON chunks BEGIN SELECT look(); END")
      yield* guarded.append(row)
      assert.strictEqual(during, 1)
      assert.strictEqual(synchronous(), 2)
      sqlite.db.exec("DROP TRIGGER look; DROP TABLE chunks")
      const broken = yield* Effect.exit(chunks.append(row))
      assert.isTrue(Exit.isFailure(broken))
      assert.strictEqual(synchronous(), 2)
    }))

  it.effect("are read by those who may not write, and from a database of an older version", () =>
    Effect.gen(function*() {
      const path = yield* file
      yield* Effect.scoped(Effect.flatMap(SqliteBackend.make({ file: path }), ({ chunks }) => chunks.append(row)))
      const before = readFileSync(path)
      assert.deepStrictEqual(yield* read(path, "untouched"), [1, 2])
      assert.deepStrictEqual(readFileSync(path), before)
      const copy = `${path}.copy`
      copyFileSync(path, copy)
      chmodSync(copy, 0o400)
      assert.deepStrictEqual(yield* read(copy, true), [1, 2])

      const old = `${path}.old`
      const db = new DatabaseSync(old)
      Migrations.migrate(db, Migrations.migrations.slice(0, -1))
      db.close()
      assert.deepStrictEqual(yield* read(old, "untouched"), [])
      assert.deepStrictEqual(yield* read(old, undefined), [])
    }))

  it.effect("are not written where the store is only looked at", () =>
    Effect.gen(function*() {
      const path = yield* file
      yield* Effect.scoped(Effect.flatMap(SqliteBackend.make({ file: path }), ({ chunks }) => chunks.append(row)))
      const { chunks } = yield* SqliteBackend.make({ file: path, readOnly: "untouched" })
      for (const refused of [chunks.append({ ...row, first: 2 }), chunks.drop("r", null)]) {
        const failure = yield* Effect.flip(refused)
        assert.match(failure.message, /it was opened for reading only$/)
      }
      assert.deepStrictEqual(yield* chunks.entries("r"), [4])
    }))

  it.effect("never share a transaction with the journal", () =>
    Effect.gen(function*() {
      const backend = yield* SqliteBackend.make({ file: yield* file })
      const chunks = yield* Chunks.make(backend.chunks)
      yield* backend.write([startOwned("r", { rows: ["e0"] })])
      yield* Effect.all([
        Effect.forEach([1, 2, 3], (n) => backend.write([commit("r", n, [`e${n}`])])),
        Effect.forEach([1, 2, 3], (n) => chunks.append("r", 1, [n]))
      ], { concurrency: 2 })
      assert.deepStrictEqual((yield* chunks.read("r")).map(({ value }) => value), [1, 2, 3])
      assert.deepStrictEqual(yield* backend.entries("r", 0, 10), ["e0", "e1", "e2", "e3"])
    }))

  it.live("a step that commits together with its record may say nothing, and is not hurt by trying", () =>
    Effect.gen(function*() {
      const path = yield* file
      const warned: Array<string> = []
      const logger = Logger.make(({ cause, message }) => void warned.push(`${String(message)}: ${Cause.pretty(cause)}`))
      const W = Workflow.make("w", { payload: {}, success: Schema.Number, idempotencyKey: () => "1" })
      const insert = Step.make("insert", {
        success: Schema.Number,
        onCrash: "commit-together",
        run: Effect.fnUntraced(function*(_, { entry }) {
          const sql = yield* HostSql.HostSql
          const { write } = yield* (yield* Chunks).writer("r", entry)
          yield* write("a")
          yield* Effect.orDie(sql`INSERT INTO mine VALUES (1)`)
          return 7
        })
      })
      const program = Effect.gen(function*() {
        const sql = yield* HostSql.HostSql
        yield* sql`CREATE TABLE mine (n INTEGER)`
        const output = yield* W.execute({})
        const rows = yield* sql`SELECT count(*) AS n FROM mine`
        return { output, rows }
      })
      const { output, rows } = yield* program.pipe(
        Effect.provide(
          W.toLayer(() => insert()).pipe(
            Layer.provideMerge(NodeHost.layer({ db: path })),
            Layer.provide(Logger.layer([logger]))
          )
        )
      )
      assert.strictEqual(output, 7)
      assert.deepStrictEqual(rows, [{ n: 1 }])
      assert.lengthOf(warned, 1)
      assert.match(warned[0]!, /^what step 2 of run \S+ says could not be stored: [^\n]*runs inside one/)
    }))
})
