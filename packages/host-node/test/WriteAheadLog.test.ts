import { assert, describe, it } from "@effect/vitest"
import { Events } from "@fermata/engine/Events"
import { Feed } from "@fermata/engine/Feed"
import * as Step from "@fermata/engine/Step"
import { commit, event, events, one, startOwned } from "@fermata/testing/backend/Fixtures"
import { Context, Effect, Exit, Fiber, Latch, Layer, Logger, Schema, Stream } from "effect"
import { Workflow } from "effect/workflow"
import { statSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import * as WriteAheadLog from "../src/internal/WriteAheadLog.ts"
import * as NodeHost from "../src/NodeHost.ts"
import * as SqliteBackend from "../src/SqliteBackend.ts"
import * as TempFolder from "./support/TempFolder.ts"

const mebibyte = 1024 * 1024

/** A read transaction of another program, which stays open until it is told to end. */
const reader = (file: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const db = new DatabaseSync(file)
      db.exec("BEGIN")
      db.prepare("SELECT count(*) FROM runs").get()
      return db
    }),
    (db) => Effect.sync(() => db.isOpen && db.close())
  )

const logOf = (file: string) => statSync(`${file}-wal`).size

describe("the write-ahead log", () => {
  it.live("is not held by who follows or subscribes and stands still: a checkpoint takes all of it in", () =>
    Effect.gen(function*() {
      const file = join(yield* TempFolder.make, "fermata.db")
      const context = yield* Layer.build(
        Layer.merge(Feed.layer, Events.layer).pipe(
          Layer.provideMerge(NodeHost.layer({ db: file, worker: false, maxLogBytes: 4 * mebibyte }))
        )
      )
      const began = yield* Latch.make(false)
      const { follow, position } = Context.get(context, Feed)
      const after = yield* position
      yield* Effect.forkScoped(Stream.runForEach(
        follow({ after }),
        () => Effect.andThen(began.open, Effect.never)
      ))
      const heard = yield* Latch.make(false)
      const { subscribe } = Context.get(context, Events)
      yield* Effect.forkScoped(
        Stream.runForEach(subscribe("**"), () => Effect.andThen(heard.open, Effect.never)),
        { startImmediately: true }
      )
      const backend = yield* SqliteBackend.make({ file, synchronous: "NORMAL", maxLogBytes: 4 * mebibyte })
      yield* backend.write([startOwned("a", { rows: ["0"] }), events(event("x", "order.placed"))])
      yield* began.await
      yield* heard.await
      // Five times the limit.
      const text = JSON.stringify("x".repeat(50_000))
      for (let length = 1; length <= 400; length++) {
        assert.deepStrictEqual(yield* one(backend, commit("a", length, [text])), { ok: true })
      }
      assert.isBelow(logOf(file), 8 * mebibyte)
      const other = yield* Effect.acquireRelease(
        Effect.sync(() => new DatabaseSync(file)),
        (db) => Effect.sync(() => db.close())
      )
      assert.deepInclude(other.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get(), { busy: 0 })
      assert.strictEqual(logOf(file), 0)
    }).pipe(Effect.scoped))

  it.effect("beside a read transaction that stays open stops at its limit; what was written is there, and the rest follows", () =>
    Effect.gen(function*() {
      const file = join(yield* TempFolder.make, "fermata.db")
      const backend = yield* SqliteBackend.make({ file, synchronous: "NORMAL", maxLogBytes: 4 * mebibyte })
      const { run } = yield* one(backend, startOwned("a"))
      const other = yield* reader(file)

      const text = JSON.stringify("x".repeat(50_000))
      let written = 0
      let refusal: unknown
      while (refusal === undefined && written < 1_000) {
        const exit = yield* Effect.exit(one(backend, commit("a", run.length + written, [text])))
        if (Exit.isSuccess(exit)) {
          assert.isTrue(exit.value.ok)
          written++
        } else refusal = yield* Effect.flip(exit)
      }
      assert.include(refusal, { _tag: "StorageFailed", noRoom: true })
      assert.match(
        String(refusal),
        /its write-ahead log has \d MiB, and the limit is 4 MiB: a read transaction that stays open keeps SQLite .*fermata\.db\); close what reads from it; what waits then goes on by itself/
      )
      // Between two looks at the size there are at most 33 transactions of this size.
      assert.isBelow(logOf(file), 8 * mebibyte)
      assert.isAbove(written, 20)

      other.close()
      yield* one(backend, commit("a", run.length + written, [text]))
      assert.isBelow(logOf(file), mebibyte)
      assert.lengthOf(yield* backend.entries("a", 0, 1_000), run.length + written + 1)
    }))

  it.effect("stays small where nobody keeps a read transaction open", () =>
    Effect.gen(function*() {
      const file = join(yield* TempFolder.make, "fermata.db")
      const backend = yield* SqliteBackend.make({ file, synchronous: "NORMAL", maxLogBytes: 2 * mebibyte })
      const { run } = yield* one(backend, startOwned("a"))
      const text = JSON.stringify("x".repeat(50_000))
      for (let n = 0; n < 400; n++) yield* one(backend, commit("a", run.length + n, [text]))
      assert.isAtMost(logOf(file), 6 * mebibyte)
    }))

  it.live("S4: runs wait while the log is at its limit, and go on by themselves; no step runs again", () =>
    Effect.gen(function*() {
      const file = join(yield* TempFolder.make, "fermata.db")
      const told = yield* Latch.make()
      let bodies = 0
      const load = Step.make("load", {
        input: Schema.Int,
        success: Schema.String,
        onCrash: "ask",
        run: (n) => Effect.sync(() => (bodies++, `${n}${"x".repeat(50_000)}`))
      })
      const Load = Workflow.make("load", { payload: {}, success: Schema.Int, idempotencyKey: () => "only" })
      const logger = Logger.make(({ message }) => {
        if (String(message).includes("runs wait until there is room")) told.openUnsafe()
      })
      const other = yield* Effect.gen(function*() {
        const host = Load.toLayer(() => Effect.as(Effect.forEach(Array.from({ length: 100 }, (_, n) => n), load), 1))
          .pipe(
            Layer.provideMerge(NodeHost.layer({ db: file, synchronous: "NORMAL", maxLogBytes: mebibyte })),
            Layer.provide(Logger.layer([logger]))
          )
        const context = yield* Layer.build(host)
        const other = yield* reader(file)
        const running = yield* Effect.forkChild(Effect.provide(Load.execute({}), context))
        yield* told.await
        assert.isBelow(bodies, 100)
        other.close()
        assert.strictEqual(yield* Fiber.join(running), 1)
        return other
      })
      assert.isFalse(other.isOpen)
      assert.strictEqual(bodies, 100)
    }).pipe(Effect.scoped))

  it("is limited to 1 GiB when nothing else is said, and kept at 64 MiB", () => {
    assert.strictEqual(WriteAheadLog.defaultLimit, 1024 * mebibyte)
    assert.strictEqual(WriteAheadLog.keptBytes, 64 * mebibyte)
  })
})
