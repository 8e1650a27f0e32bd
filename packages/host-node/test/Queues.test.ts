import { assert, describe, it } from "@effect/vitest"
import type { StorageFailed } from "@fermata/engine/Backend"
import { HostClock } from "@fermata/engine/HostClock"
import { TestHost } from "@fermata/testing/TestHost"
import { awaitExit, awaitSuspended, eventually, Log, startSuspended } from "@fermata/testing/workflow/Harness"
import { Effect, Exit, Layer, Schema, Scope } from "effect"
import { PersistedQueue } from "effect/persistence"
import type { SqlError } from "effect/sql"
import { TestClock } from "effect/testing"
import { DurableDeferred, DurableQueue, Workflow, type WorkflowEngine } from "effect/workflow"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import * as Queues from "../src/Queues.ts"
import * as SqliteBackend from "../src/SqliteBackend.ts"
import * as TempFolder from "./support/TempFolder.ts"

const Prints = DurableQueue.make({
  name: "Prints",
  payload: { page: Schema.Int },
  success: Schema.String,
  idempotencyKey: ({ page }) => `${page}`
})

const Job = Workflow.make("Job", {
  payload: { id: Schema.String },
  success: Schema.String,
  idempotencyKey: ({ id }) => id
})

const Dry = DurableDeferred.make("Dry")

/** Has page 4 printed. */
const jobs = Job.toLayer(() => DurableQueue.process(Prints, { page: 4 }))

/** Prints and logs each page. */
const printer = (log: Log, name = "printer") =>
  DurableQueue.worker(Prints, ({ page }) => Effect.as(log.add(`${name} ${page}`), `page ${page}`))

type Parts = Layer.Layer<never, never, WorkflowEngine.WorkflowEngine | PersistedQueue.PersistedQueueFactory>

/** One database file, and hosts on it that share nothing else but the time of their leases. */
const makeWorld = Effect.gen(function*() {
  const file = join(yield* TempFolder.make, "fermata.db")
  const hostClock = HostClock.makeManual()
  const leaseMs = 10_000

  const start = Effect.fnUntraced(function*(parts: Parts) {
    const scope = yield* Scope.make()
    const backend = yield* Scope.provide(SqliteBackend.make({ file, synchronous: "NORMAL" }), scope)
    let killed = false
    const alive = <A, E>(operation: Effect.Effect<A, E>) =>
      Effect.suspend((): Effect.Effect<A, E> => killed ? Effect.never : operation)
    const services = yield* Layer.buildWithMemoMap(
      parts.pipe(
        Layer.provideMerge(Queues.layer({ db: file, synchronous: "NORMAL" })),
        Layer.provideMerge(
          TestHost.layerOf({ ...backend, write: (ops) => alive(backend.write(ops)) }, { leaseMs }, hostClock)
        )
      ),
      // Another process builds its layers for itself.
      Layer.makeMemoMapUnsafe(),
      scope
    )
    return {
      use: <A, E, R>(effect: Effect.Effect<A, E, R>) =>
        Effect.provideContext(effect, services) as Effect.Effect<A, E, Exclude<R, Services>>,
      close: Scope.close(scope, Exit.void),
      /** Nothing that it writes arrives any more, and no finalizer runs. */
      kill: Effect.sync(() => {
        killed = true
      })
    }
  })

  const ask = <A>(work: (db: DatabaseSync) => A) =>
    Effect.acquireUseRelease(
      Effect.sync(() => new DatabaseSync(file)),
      (db) => Effect.sync(() => work(db)),
      (db) => Effect.sync(() => db.close())
    )

  /** How the items stand, as the file says. */
  const items = ask((db) =>
    db.prepare("SELECT state, attempts, acquired_by IS NOT NULL AS taken FROM effect_queue ORDER BY sequence").all()
      .map(({ attempts, state, taken }) => `${state}, attempt ${attempts}${taken === 1 ? ", taken" : ""}`)
  )

  return {
    start,
    items,
    /** Waits until a worker has told the store that it is through with the item. */
    completed: eventually(
      "the item is completed",
      Effect.map(items, ([item]) => item?.startsWith("completed") === true)
    ),
    adjustHost: hostClock.advance,
    /** Lets the leases of killed hosts end, on their runs and on their items. */
    endLeases: Effect.andThen(
      hostClock.advance(leaseMs + 1),
      ask((db) =>
        db.exec("UPDATE effect_queue SET acquired_at = datetime('now', '-3 minutes') WHERE acquired_at IS NOT NULL")
      )
    )
  }
})

type Services =
  | Layer.Success<ReturnType<typeof TestHost.layerOf>>
  | Layer.Success<ReturnType<typeof Queues.layer>>

describe("queues in the file of the host", () => {
  it.effect("keep an item over a restart of the host, and it is worked on once", () =>
    Effect.gen(function*() {
      const world = yield* makeWorld
      const log = new Log()
      const first = yield* world.start(jobs)
      const run = yield* first.use(startSuspended(Job, { id: "a" }))
      yield* first.close
      assert.deepStrictEqual(yield* world.items, ["pending, attempt 0"])

      const second = yield* world.start(Layer.merge(jobs, printer(log)))
      assert.deepStrictEqual(yield* second.use(awaitExit(Job, run)), Exit.succeed("page 4"))
      yield* second.close

      const third = yield* world.start(Layer.merge(jobs, printer(log)))
      assert.strictEqual(yield* third.use(Job.execute({ id: "a" })), "page 4")
      yield* third.close
      assert.deepStrictEqual(log.entries, ["printer 4"])
      assert.deepStrictEqual(yield* world.items, ["completed, attempt 1"])
    }))

  it.effect("keep an item whose run and host were killed", () =>
    Effect.gen(function*() {
      const world = yield* makeWorld
      const log = new Log()
      const first = yield* world.start(jobs)
      const run = yield* first.use(startSuspended(Job, { id: "a" }))
      yield* first.kill
      yield* world.endLeases

      const second = yield* world.start(Layer.merge(jobs, printer(log)))
      assert.deepStrictEqual(yield* second.use(awaitExit(Job, run)), Exit.succeed("page 4"))
      yield* second.close
      assert.deepStrictEqual(log.entries, ["printer 4"])
      assert.deepStrictEqual(yield* world.items, ["completed, attempt 1"])
    }))

  it.effect("give the item of a killed worker to another when its lock has expired", () =>
    Effect.gen(function*() {
      const world = yield* makeWorld
      const log = new Log()
      const jammed = DurableQueue.worker(Prints, ({ page }) => Effect.andThen(log.add(`jammed ${page}`), Effect.never))
      const first = yield* world.start(Layer.merge(jobs, jammed))
      const run = yield* first.use(startSuspended(Job, { id: "a" }))
      yield* log.reached("jammed 4")
      yield* first.kill
      assert.deepStrictEqual(yield* world.items, ["pending, attempt 1, taken"])
      yield* world.endLeases

      const second = yield* world.start(Layer.merge(jobs, printer(log)))
      assert.deepStrictEqual(yield* second.use(awaitExit(Job, run)), Exit.succeed("page 4"))
      yield* second.close
      assert.deepStrictEqual(log.entries, ["jammed 4", "printer 4"])
      assert.deepStrictEqual(yield* world.items, ["completed, attempt 2"])
    }))

  it.effect("give back the item of a worker that ends in an orderly way, without counting the attempt", () =>
    Effect.gen(function*() {
      const world = yield* makeWorld
      const log = new Log()
      const slow = DurableQueue.worker(Prints, ({ page }) => Effect.andThen(log.add(`slow ${page}`), Effect.never))
      const first = yield* world.start(Layer.merge(jobs, slow))
      const run = yield* first.use(startSuspended(Job, { id: "a" }))
      yield* log.reached("slow 4")
      yield* first.close
      assert.deepStrictEqual(yield* world.items, ["pending, attempt 0"])

      const second = yield* world.start(Layer.merge(jobs, printer(log)))
      assert.deepStrictEqual(yield* second.use(awaitExit(Job, run)), Exit.succeed("page 4"))
      yield* second.close
    }))

  it.effect("reach a worker in another process, and its result the run", () =>
    Effect.gen(function*() {
      const world = yield* makeWorld
      const log = new Log()
      const worker = yield* world.start(printer(log))
      const owner = yield* world.start(jobs)
      const run = yield* owner.use(startSuspended(Job, { id: "a" }))
      yield* TestClock.adjust("1 second")
      yield* log.reached("printer 4")
      yield* world.completed
      yield* world.adjustHost(100)
      assert.deepStrictEqual(yield* owner.use(awaitExit(Job, run)), Exit.succeed("page 4"))
      yield* owner.close
      yield* worker.close
    }))

  it.effect("do not offer an item again when its run is replayed", () =>
    Effect.gen(function*() {
      const world = yield* makeWorld
      const log = new Log()
      const waiting = Job.toLayer(() =>
        Effect.tap(DurableQueue.process(Prints, { page: 4 }), DurableDeferred.await(Dry))
      )
      const first = yield* world.start(Layer.merge(waiting, printer(log)))
      const run = yield* first.use(Job.execute({ id: "a" }, { discard: true }))
      yield* world.completed
      yield* first.use(awaitSuspended(Job, run))
      yield* first.close

      const second = yield* world.start(Layer.merge(waiting, printer(log)))
      yield* second.use(DurableDeferred.succeed(Dry, {
        token: DurableDeferred.tokenFromExecutionId(Dry, { workflow: Job, executionId: run }),
        value: undefined
      }))
      assert.deepStrictEqual(yield* second.use(awaitExit(Job, run)), Exit.succeed("page 4"))
      yield* second.close
      assert.deepStrictEqual(log.entries, ["printer 4"])
      assert.deepStrictEqual(yield* world.items, ["completed, attempt 1"])
    }))

  it.effect("of two files in one program stay apart", () =>
    Effect.gen(function*() {
      const folder = yield* TempFolder.make
      const memoMap = yield* Layer.makeMemoMap
      const scope = yield* Effect.scope
      const queue = (name: string) =>
        Layer.buildWithMemoMap(Queues.layer({ db: join(folder, name) }), memoMap, scope).pipe(
          Effect.flatMap((services) =>
            Effect.provideContext(PersistedQueue.make({ name: "pages", schema: Schema.String }), services)
          )
        )
      const [left, right] = [yield* queue("left.db"), yield* queue("right.db")]
      yield* left.offer("from the left", { id: "1" })
      yield* right.offer("from the right", { id: "1" })
      assert.strictEqual(yield* left.take(Effect.succeed), "from the left")
      assert.strictEqual(yield* right.take(Effect.succeed), "from the right")
    }))

  it.effect("leave a new file fit for the host, and other files alone", () =>
    Effect.gen(function*() {
      const folder = yield* TempFolder.make
      const build = (db: string): Effect.Effect<void, StorageFailed | SqlError.SqlError> =>
        Effect.scoped(Effect.asVoid(Layer.build(Queues.layer({ db }))))
      const fresh = join(folder, "some", "where", "fermata.db")
      yield* build(fresh)
      const backend = yield* SqliteBackend.make({ file: fresh })
      assert.deepStrictEqual(yield* backend.owners, [])

      const foreign = join(folder, "songs.db")
      const db = new DatabaseSync(foreign)
      db.exec("CREATE TABLE songs (title TEXT)")
      const refusal = yield* Effect.flip(build(foreign))
      assert.include(refusal.message, "another program")
      assert.deepEqual(db.prepare("SELECT name FROM sqlite_schema").all(), [{ name: "songs" }])
      db.close()
    }))
})
