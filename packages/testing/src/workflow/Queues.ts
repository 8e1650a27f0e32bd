/** Durable queues: a run hands an item to a worker and waits for its result. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as PersistedQueue from "effect/persistence/PersistedQueue"
import * as Schema from "effect/Schema"
import * as Activity from "effect/workflow/Activity"
import * as DurableDeferred from "effect/workflow/DurableDeferred"
import * as DurableQueue from "effect/workflow/DurableQueue"
import * as Workflow from "effect/workflow/Workflow"
import {
  answer,
  assertDied,
  awaitExit,
  awaitSuspended,
  date,
  Declined,
  type Engine,
  eventually,
  keyed,
  Log,
  Receipt,
  serving,
  startSuspended
} from "./Harness.ts"

const Go = DurableDeferred.make("Go")

const Prints = DurableQueue.make({
  name: "Prints",
  payload: { page: Schema.Int, due: Schema.Date },
  success: Receipt,
  error: Declined,
  idempotencyKey: ({ page }) => `${page}`
})

const due = date(86_400_000)
const receiptOf = (page: number) => new Receipt({ at: due, cents: BigInt(page) })
const print = (page: number) => DurableQueue.process(Prints, { page, due })

/** Queues of one test, in memory. One constant would be one set of queues for all tests that share a build. */
const queues = () => PersistedQueue.layer.pipe(Layer.provide(PersistedQueue.layerStoreMemory))

/** Registers the tests of queues and their workers. */
export const durableQueues = (engine: Engine) =>
  describe("queues", () => {
    it.effect("process waits for a worker and returns its success, after codecs both ways", () => {
      const Job = Workflow.make("Job", { ...keyed, success: Receipt, error: Declined })
      const layer = Layer.mergeAll(
        Job.toLayer(() => print(4)),
        DurableQueue.worker(Prints, (item) =>
          Effect.sync(() => assert.deepStrictEqual(item.due, due)).pipe(Effect.as(receiptOf(item.page))))
      ).pipe(Layer.provide(queues()))
      return Effect.gen(function*() {
        const receipt = yield* Job.execute({ id: "a" })
        assert.instanceOf(receipt, Receipt)
        assert.deepStrictEqual(receipt, receiptOf(4))
      }).pipe(serving(engine, layer))
    })

    it.effect("process fails with the typed error of the worker", () => {
      const Job = Workflow.make("Job", { ...keyed, success: Receipt, error: Declined })
      const layer = Layer.mergeAll(
        Job.toLayer(() =>
          print(4)
        ),
        DurableQueue.worker(Prints, () => Effect.fail(new Declined({ reason: "no paper" })))
      ).pipe(Layer.provide(queues()))
      return Effect.gen(function*() {
        const error = yield* Effect.flip(Job.execute({ id: "a" }))
        assert.instanceOf(error, Declined)
        assert.strictEqual(error.reason, "no paper")
      }).pipe(serving(engine, layer))
    })

    it.effect("a defect of the worker is a defect of process", () => {
      const Job = Workflow.make("Job", { ...keyed, success: Receipt, error: Declined })
      const layer = Layer.mergeAll(
        Job.toLayer(() => print(4)),
        DurableQueue.worker(Prints, () => Effect.die(new Error("on fire")))
      ).pipe(Layer.provide(queues()))
      return Effect.gen(function*() {
        const exit = yield* Effect.exit(Job.execute({ id: "a" }))
        assertDied(exit, "on fire")
      }).pipe(serving(engine, layer))
    })

    it.effect("a run suspends until a worker starts and takes its item", () => {
      const Job = Workflow.make("Job", { ...keyed, success: Receipt, error: Declined })
      const shared = queues()
      const layer = Job.toLayer(() => print(4)).pipe(Layer.provideMerge(shared))
      return Effect.gen(function*() {
        const executionId = yield* startSuspended(Job, { id: "a" })
        yield* Effect.forkScoped(DurableQueue.makeWorker(Prints, ({ page }) => Effect.succeed(receiptOf(page))))
        assert.deepStrictEqual(yield* awaitExit(Job, executionId), Exit.succeed(receiptOf(4)))
      }).pipe(Effect.provide(layer.pipe(Layer.provideMerge(engine))))
    })

    it.effect("an item of a run is worked on once, however often the run asks and passes", () => {
      const log = new Log()
      const Job = Workflow.make("Job", { ...keyed, success: Schema.Array(Receipt), error: Declined })
      const layer = Layer.mergeAll(
        Job.toLayer(() => Effect.tap(Effect.all([print(4), print(4)]), DurableDeferred.await(Go))),
        DurableQueue.worker(Prints, ({ page }) => Effect.as(log.add(`print ${page}`), receiptOf(page)))
      ).pipe(Layer.provide(queues()))
      return Effect.gen(function*() {
        const executionId = yield* Job.execute({ id: "a" }, { discard: true })
        yield* log.reached("print 4")
        yield* awaitSuspended(Job, executionId)
        yield* answer(Go, { workflow: Job, executionId }, undefined)
        assert.deepStrictEqual(yield* awaitExit(Job, executionId), Exit.succeed([receiptOf(4), receiptOf(4)]))
        assert.deepStrictEqual(log.entries, ["print 4"])
      }).pipe(serving(engine, layer))
    })

    it.effect("equal items of two runs are worked on for each run", () => {
      const log = new Log()
      const Job = Workflow.make("Job", { ...keyed, success: Receipt, error: Declined })
      const layer = Layer.mergeAll(
        Job.toLayer(() => print(4)),
        DurableQueue.worker(Prints, ({ page }) => Effect.as(log.add(`print ${page}`), receiptOf(page)))
      ).pipe(Layer.provide(queues()))
      return Effect.gen(function*() {
        yield* Effect.all([Job.execute({ id: "a" }), Job.execute({ id: "b" })], { concurrency: "unbounded" })
        assert.deepStrictEqual(log.entries, ["print 4", "print 4"])
      }).pipe(serving(engine, layer))
    })

    it.effect("a worker takes as many items at a time as its concurrency, and each run gets its own result", () => {
      let working = 0
      let most = 0
      const gate = Deferred.makeUnsafe<void>()
      const ids = ["a", "b", "c", "d", "e"]
      const Job = Workflow.make("Job", { ...keyed, success: Receipt, error: Declined })
      const layer = Layer.mergeAll(
        Job.toLayer(({ id }) => print(ids.indexOf(id))),
        DurableQueue.worker(Prints, ({ page }) =>
          Effect.gen(function*() {
            most = Math.max(most, ++working)
            yield* Deferred.await(gate)
            working--
            return receiptOf(page)
          }), { concurrency: 2 })
      ).pipe(Layer.provide(queues()))
      return Effect.gen(function*() {
        for (const id of ids) yield* startSuspended(Job, { id })
        yield* eventually("two items are worked on", Effect.sync(() => working === 2))
        yield* Deferred.succeed(gate, undefined)
        const receipts = yield* Effect.forEach(ids, (id) => Job.execute({ id }))
        assert.deepStrictEqual(receipts, ids.map((_, page) => receiptOf(page)))
        assert.strictEqual(most, 2)
      }).pipe(serving(engine, layer))
    })

    it.effect("a run may process an item after an activity without repeating the activity", () => {
      const log = new Log()
      const Job = Workflow.make("Job", { ...keyed, success: Receipt, error: Declined })
      const layer = Layer.mergeAll(
        Job.toLayer(() => Effect.andThen(Activity.make({ name: "layout", execute: log.add("layout") }), print(4))),
        DurableQueue.worker(Prints, ({ page }) => Effect.as(log.add(`print ${page}`), receiptOf(page)))
      ).pipe(Layer.provide(queues()))
      return Effect.gen(function*() {
        assert.deepStrictEqual(yield* Job.execute({ id: "a" }), receiptOf(4))
        assert.deepStrictEqual(log.entries, ["layout", "print 4"])
      }).pipe(serving(engine, layer))
    })
  })
