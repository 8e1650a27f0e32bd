import { assert, describe, it } from "@effect/vitest"
import { HostClock } from "@fermata/engine/HostClock"
import * as MemoryBackend from "@fermata/engine/MemoryBackend"
import { Store } from "@fermata/engine/Store"
import { start } from "@fermata/testing/backend/Fixtures"
import { Effect, Layer, Logger } from "effect"
import { copyFileSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Backup from "../src/Backup.ts"
import * as NodeHost from "../src/NodeHost.ts"
import * as Seen from "../src/Seen.ts"
import * as TempFolder from "./support/TempFolder.ts"

const row = (id: string) => start(id, { status: "suspended", dueAt: null }, { rows: ["{}"] })

const database = Effect.map(TempFolder.make, (folder) => join(folder, "fermata.db"))

/** What a process warns of that works on the database and starts these runs. */
const process = (db: string, ...runs: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const warned: Array<string> = []
    const logger = Logger.make(({ logLevel, message }) => {
      if (logLevel === "Warn") warned.push(String(Array.isArray(message) ? message[0] : message))
    })
    yield* Effect.provide(
      Store.use(({ backend }) => backend.write(runs.map(row))),
      NodeHost.layer({ db, worker: false }).pipe(Layer.provideMerge(Logger.layer([logger])))
    )
    return warned
  })

/** What a look at the database finds, as `fermata doctor` looks. */
const look = (db: string) =>
  Effect.gen(function*() {
    const note = Seen.read(db)
    const { backend } = yield* Store
    return Seen.wentBack(note, { position: yield* backend.position, at: (yield* HostClock).now() })
  }).pipe(Effect.provide(NodeHost.layerStore({ db, readOnly: "untouched" })))

/** Puts a file in the place of the database, as `cp` does once every process has ended. */
const copyBack = (from: string, db: string) => {
  for (const end of ["-wal", "-shm"]) rmSync(db + end, { force: true })
  copyFileSync(from, db)
}

const older =
  /is older than it was: it had come further by .*Z, and was found further back .*Z: an older copy was put in its place/

describe("a database that somebody has put back by cp", () => {
  it.live("S2: is found older than it was, also once processes have worked on it, until an operator has said so", () =>
    Effect.gen(function*() {
      const db = yield* database
      yield* process(db, "a")
      copyFileSync(db, `${db}.monday`)
      yield* process(db, "b")
      assert.isUndefined(yield* look(db))
      copyBack(`${db}.monday`, db)
      const back = yield* look(db)
      assert.isBelow(back!.found.position.localeCompare(back!.seen.position), 0)
      const [told, ...others] = yield* process(db, "c", "d", "e")
      assert.match(told!, older)
      assert.deepStrictEqual(others, [])
      // By now it has come further than it had.
      const { found, seen } = (yield* look(db))!
      assert.deepStrictEqual([seen, found.position], [back!.seen, back!.found.position])
      assert.match(Seen.sentence(db, { found, seen }), older)
      yield* Effect.scoped(Backup.declareRestored(db, { by: "ops" }))
      assert.isUndefined(yield* look(db))
      assert.deepStrictEqual(yield* process(db, "f"), [])
      assert.isUndefined(yield* look(db))
    }).pipe(Effect.scoped))

  it.live("is in no such doubt where nothing was lost: not in another store, not without a note, not behind one that lags", () =>
    Effect.gen(function*() {
      const db = yield* database
      yield* process(db, "a")
      const early = readFileSync(Seen.noteOf(db))
      yield* process(db, "b")
      writeFileSync(Seen.noteOf(db), early)
      assert.isUndefined(yield* look(db))
      for (const text of ["", "no note", "x 1", `${early}\n${early}`]) {
        writeFileSync(Seen.noteOf(db), text)
        assert.isUndefined(yield* look(db), text)
      }
      rmSync(Seen.noteOf(db))
      assert.isUndefined(yield* look(db))

      yield* process(db)
      assert.isDefined(Seen.read(db))
      for (const end of ["", "-wal", "-shm"]) rmSync(db + end, { force: true })
      assert.deepStrictEqual(yield* process(db), [])
      assert.isUndefined(yield* look(db))
      assert.deepStrictEqual(readdirSync(join(db, "..")).filter((name) => name.startsWith("fermata.db-seen")), [
        "fermata.db-seen"
      ])
    }).pipe(Effect.scoped))

  it.live("has no note of a process that still has the file which was there before", () =>
    Effect.gen(function*() {
      const db = yield* database
      yield* process(db, "a")
      copyFileSync(db, `${db}.monday`)
      const before = readFileSync(Seen.noteOf(db), "utf8")
      yield* Effect.provide(
        Effect.gen(function*() {
          const { backend } = yield* Store
          yield* backend.write([row("b")])
          renameSync(`${db}.monday`, db)
        }),
        NodeHost.layer({ db, worker: false })
      )
      assert.strictEqual(readFileSync(Seen.noteOf(db), "utf8"), before)
    }).pipe(Effect.scoped))

  it.effect("is noticed by what a process writes down each minute, though it comes to no orderly end", () =>
    Effect.gen(function*() {
      const db = yield* database
      writeFileSync(db, "")
      const backend = MemoryBackend.make(MemoryBackend.makeStore())
      const { advance, clock } = HostClock.makeManual(1_000)
      yield* Layer.build(
        Seen.layer(db).pipe(
          Layer.provide(Layer.succeed(Store, Store.make(backend))),
          Layer.provide(Layer.succeed(HostClock, clock))
        )
      )
      const first = { position: yield* backend.position, at: 1_000 }
      assert.deepStrictEqual(Seen.read(db)?.last, first)
      yield* backend.write([row("a")])
      yield* advance(Seen.beatMs - 1)
      assert.deepStrictEqual(Seen.read(db)?.last, first)
      yield* advance(1)
      assert.deepStrictEqual(Seen.read(db)?.last, { position: yield* backend.position, at: 1_000 + Seen.beatMs })
      yield* advance(Seen.beatMs)
      assert.strictEqual(Seen.read(db)?.last.at, 1_000 + Seen.beatMs, "nothing is written where nothing came")
    }).pipe(Effect.scoped))

  it.live("a place that takes no note stops nobody, and nothing is left there", () =>
    Effect.gen(function*() {
      const db = yield* database
      mkdirSync(join(Seen.noteOf(db), "in the way"), { recursive: true })
      assert.deepStrictEqual(yield* process(db, "a"), [])
      assert.isUndefined(yield* look(db))
      assert.deepStrictEqual(readdirSync(join(db, "..")).filter((name) => name.startsWith("fermata.db-seen")), [
        "fermata.db-seen"
      ])
    }).pipe(Effect.scoped))
})
