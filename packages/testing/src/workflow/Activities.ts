/** Activities: recorded outcomes, retries, idempotency keys and interrupts. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Activity from "effect/workflow/Activity"
import * as DurableDeferred from "effect/workflow/DurableDeferred"
import * as Workflow from "effect/workflow/Workflow"
import {
  answer,
  assertDeclined,
  assertDied,
  awaitExit,
  date,
  Declined,
  type Engine,
  keyed,
  Log,
  messageOf,
  passTime,
  Receipt,
  serving,
  startSuspended
} from "./Harness.ts"

const Go = DurableDeferred.make("Go")
const empty = new Declined({ reason: "empty" })

/** Registers the tests of single activities. */
export const activities = (engine: Engine) =>
  describe("activities", () => {
    it.effect("an activity runs once, and a later pass of the handler sees its recorded success", () => {
      const log = new Log()
      const receipt = new Receipt({ at: date(86_400_000), cents: 5n })
      const seen: Array<Receipt> = []
      const Pay = Workflow.make("Pay", { ...keyed, success: Receipt })
      const charge = Activity.make({ name: "charge", success: Receipt, execute: Effect.as(log.add("charge"), receipt) })
      const layer = Pay.toLayer(Effect.fnUntraced(function*() {
        const charged = yield* charge
        seen.push(charged)
        yield* DurableDeferred.await(Go)
        return charged
      }))
      return Effect.gen(function*() {
        const executionId = yield* startSuspended(Pay, { id: "a" })
        yield* answer(Go, { workflow: Pay, executionId }, undefined)
        assert.deepStrictEqual(yield* awaitExit(Pay, executionId), Exit.succeed(receipt))
        assert.strictEqual(log.count("charge"), 1)
        for (const each of seen) {
          assert.instanceOf(each, Receipt)
          assert.deepStrictEqual(each, receipt)
        }
      }).pipe(serving(engine, layer))
    })

    it.effect("an activity without schemas succeeds with undefined", () => {
      const Quiet = Workflow.make("Quiet", { ...keyed, success: Schema.Boolean })
      const layer = Quiet.toLayer(() =>
        Effect.map(Activity.make({ name: "quiet", execute: Effect.void }), (value) => value === undefined)
      )
      return Effect.gen(function*() {
        assert.isTrue(yield* Quiet.execute({ id: "a" }))
      }).pipe(serving(engine, layer))
    })

    it.effect("a typed error of an activity can be caught by its tag, also in a later pass", () => {
      const log = new Log()
      const Pay = Workflow.make("Pay", { ...keyed, success: Schema.String })
      const layer = Pay.toLayer(() =>
        Activity.make({
          name: "charge",
          error: Declined,
          execute: Effect.andThen(log.add("charge"), Effect.fail(empty))
        })
          .pipe(
            Effect.as("paid"),
            Effect.catchTag("Declined", (error) => Effect.succeed(`declined: ${error.reason}`)),
            Effect.tap(DurableDeferred.await(Go))
          )
      )
      return Effect.gen(function*() {
        const executionId = yield* startSuspended(Pay, { id: "a" })
        yield* answer(Go, { workflow: Pay, executionId }, undefined)
        assert.deepStrictEqual(yield* awaitExit(Pay, executionId), Exit.succeed("declined: empty"))
        assert.strictEqual(log.count("charge"), 1)
      }).pipe(serving(engine, layer))
    })

    it.effect("an uncaught error of an activity is the error of the run", () => {
      const Pay = Workflow.make("Pay", { ...keyed, error: Declined })
      const layer = Pay.toLayer(() => Activity.make({ name: "charge", error: Declined, execute: Effect.fail(empty) }))
      return Effect.gen(function*() {
        assertDeclined(yield* Effect.exit(Pay.execute({ id: "a" })))
      }).pipe(serving(engine, layer))
    })

    it.effect("a defect of an activity is a defect of the run with the same message", () => {
      const Pay = Workflow.make("Pay", keyed)
      const layer = Pay.toLayer(() => Activity.make({ name: "charge", execute: Effect.die(new Error("boom")) }))
      return Effect.gen(function*() {
        const exit = yield* Effect.exit(Pay.execute({ id: "a" }))
        assertDied(exit, "boom")
      }).pipe(serving(engine, layer))
    })

    it.effect("the handler can catch a defect of an activity, and it is recorded", () => {
      const log = new Log()
      const Pay = Workflow.make("Pay", { ...keyed, success: Schema.String })
      const layer = Pay.toLayer(() =>
        Activity.make({ name: "charge", execute: Effect.andThen(log.add("charge"), Effect.die(new Error("boom"))) })
          .pipe(
            Effect.as("paid"),
            Effect.catchDefect((defect) => Effect.succeed(`caught ${messageOf(defect)}`)),
            Effect.tap(DurableDeferred.await(Go))
          )
      )
      return Effect.gen(function*() {
        const executionId = yield* startSuspended(Pay, { id: "a" })
        yield* answer(Go, { workflow: Pay, executionId }, undefined)
        assert.deepStrictEqual(yield* awaitExit(Pay, executionId), Exit.succeed("caught boom"))
        assert.strictEqual(log.count("charge"), 1)
      }).pipe(serving(engine, layer))
    })

    it.effect("a second activity of the same name returns the result of the first", () => {
      const log = new Log()
      const Twice = Workflow.make("Twice", { ...keyed, success: Schema.Tuple([Schema.Int, Schema.Int]) })
      const one = Activity.make({ name: "number", success: Schema.Int, execute: Effect.as(log.add("one"), 1) })
      const two = Activity.make({ name: "number", success: Schema.Int, execute: Effect.as(log.add("two"), 2) })
      return Effect.gen(function*() {
        assert.deepStrictEqual(yield* Twice.execute({ id: "a" }), [1, 1])
        assert.deepStrictEqual(log.entries, ["one"])
      }).pipe(serving(engine, Twice.toLayer(() => Effect.all([one, two]))))
    })

    it.effect("equal activity names of two runs are separate activities", () => {
      const Echo = Workflow.make("Echo", { ...keyed, success: Schema.String })
      const layer = Echo.toLayer(({ id }) =>
        Activity.make({ name: "echo", success: Schema.String, execute: Effect.succeed(id) })
      )
      return Effect.gen(function*() {
        assert.strictEqual(yield* Echo.execute({ id: "a" }), "a")
        assert.strictEqual(yield* Echo.execute({ id: "b" }), "b")
      }).pipe(serving(engine, layer))
    })

    it.effect("Activity.retry counts attempts from 1 in CurrentAttempt and records each of them", () => {
      const attempts: Array<number> = []
      const Pay = Workflow.make("Pay", { ...keyed, success: Schema.Int, error: Declined })
      const charge = Activity.make({
        name: "charge",
        success: Schema.Int,
        error: Declined,
        execute: Effect.gen(function*() {
          const attempt = yield* Activity.CurrentAttempt
          attempts.push(attempt)
          return attempt < 3 ? yield* empty : attempt
        })
      })
      const layer = Pay.toLayer(() => charge.pipe(Activity.retry({ times: 5 }), Effect.tap(DurableDeferred.await(Go))))
      return Effect.gen(function*() {
        const executionId = yield* startSuspended(Pay, { id: "a" })
        yield* answer(Go, { workflow: Pay, executionId }, undefined)
        assert.deepStrictEqual(yield* awaitExit(Pay, executionId), Exit.succeed(3))
        assert.deepStrictEqual(attempts, [1, 2, 3])
      }).pipe(serving(engine, layer))
    })

    it.effect("Activity.retry fails with the last error when its attempts are used up", () => {
      const log = new Log()
      const Pay = Workflow.make("Pay", { ...keyed, error: Declined })
      const charge = Activity.make({
        name: "charge",
        error: Declined,
        execute: Effect.flatMap(
          Activity.CurrentAttempt,
          (attempt) => Effect.andThen(log.add("charge"), Effect.fail(new Declined({ reason: `attempt ${attempt}` })))
        )
      })
      return Effect.gen(function*() {
        const error = yield* Effect.flip(Pay.execute({ id: "a" }))
        assert.strictEqual(error.reason, "attempt 3")
        assert.strictEqual(log.count("charge"), 3)
      }).pipe(serving(engine, Pay.toLayer(() => Activity.retry(charge, { times: 2 }))))
    })

    it.effect("Effect.retry around an activity repeats its recorded failure, not its body", () => {
      const log = new Log()
      const Pay = Workflow.make("Pay", { ...keyed, error: Declined })
      const charge = Activity.make({
        name: "charge",
        error: Declined,
        execute: Effect.andThen(log.add("charge"), Effect.fail(empty))
      })
      return Effect.gen(function*() {
        yield* Effect.flip(Pay.execute({ id: "a" }))
        assert.strictEqual(log.count("charge"), 1)
      }).pipe(serving(engine, Pay.toLayer(() => Effect.retry(charge, { times: 5 }))))
    })

    it.effect("an idempotency key is stable over attempts and passes, and differs by name and by run", () => {
      const bodyKeys: Array<string> = []
      const attemptKeys: Array<string> = []
      const Pay = Workflow.make("Pay", { ...keyed, success: Schema.String, error: Declined })
      const charge = Activity.make({
        name: "charge",
        error: Declined,
        execute: Effect.gen(function*() {
          attemptKeys.push(yield* Activity.idempotencyKey("charge"))
          if ((yield* Activity.CurrentAttempt) < 3) return yield* empty
        })
      })
      const layer = Pay.toLayer(Effect.fnUntraced(function*() {
        const key = yield* Activity.idempotencyKey("charge")
        bodyKeys.push(key)
        assert.notStrictEqual(key, yield* Activity.idempotencyKey("refund"))
        yield* Activity.retry(charge, { times: 2 })
        yield* DurableDeferred.await(Go)
        return key
      }))
      return Effect.gen(function*() {
        const executionId = yield* startSuspended(Pay, { id: "a" })
        yield* answer(Go, { workflow: Pay, executionId }, undefined)
        const exit = yield* awaitExit(Pay, executionId)
        assert.isTrue(Exit.isSuccess(exit))
        assert.strictEqual(attemptKeys.length, 3)
        assert.strictEqual(new Set([...bodyKeys, ...attemptKeys]).size, 1)

        const other = yield* startSuspended(Pay, { id: "b" })
        yield* answer(Go, { workflow: Pay, executionId: other }, undefined)
        assert.notDeepEqual(yield* awaitExit(Pay, other), exit)
      }).pipe(serving(engine, layer))
    })

    it.effect("an idempotency key with includeAttempt differs by attempt", () => {
      const keys: Array<string> = []
      const Pay = Workflow.make("Pay", { ...keyed, error: Declined })
      const charge = Activity.make({
        name: "charge",
        error: Declined,
        execute: Effect.gen(function*() {
          keys.push(yield* Activity.idempotencyKey("charge", { includeAttempt: true }))
          keys.push(yield* Activity.idempotencyKey("charge", { includeAttempt: true }))
          if ((yield* Activity.CurrentAttempt) < 2) return yield* empty
        })
      })
      return Effect.gen(function*() {
        yield* Pay.execute({ id: "a" })
        assert.strictEqual(keys.length, 4)
        assert.strictEqual(keys[0], keys[1])
        assert.strictEqual(keys[2], keys[3])
        assert.notStrictEqual(keys[0], keys[2])
      }).pipe(serving(engine, Pay.toLayer(() => Activity.retry(charge, { times: 1 }))))
    })

    it.effect("the scope of an activity closes when the activity ends", () => {
      const log = new Log()
      const Use = Workflow.make("Use", keyed)
      const layer = Use.toLayer(() =>
        Activity.make({
          name: "use",
          execute: Effect.andThen(Effect.addFinalizer(() => log.add("closed")), log.add("used"))
        }).pipe(Effect.andThen(log.add("after")))
      )
      return Effect.gen(function*() {
        yield* Use.execute({ id: "a" })
        assert.deepStrictEqual(log.entries, ["used", "closed", "after"])
      }).pipe(serving(engine, layer))
    })

    it.effect("an activity that keeps interrupting itself dies after its interruptRetryPolicy", () => {
      const log = new Log()
      const Stop = Workflow.make("Stop", keyed)
      const layer = Stop.toLayer(() =>
        Activity.make({
          name: "stop",
          execute: Effect.andThen(log.add("stop"), Effect.interrupt),
          interruptRetryPolicy: Schedule.recurs(2)
        })
      )
      return Effect.gen(function*() {
        const exit = yield* Effect.exit(Stop.execute({ id: "a" }))
        assertDied(exit, "retry attempts exhausted")
        assert.strictEqual(log.count("stop"), 3)
      }).pipe(serving(engine, layer))
    })

    it.effect("a timeout interrupts the activity that it waits for, and the handler goes on", () => {
      const log = new Log()
      const Slow = Workflow.make("Slow", { ...keyed, success: Schema.String })
      const layer = Slow.toLayer(() =>
        Activity.make({
          name: "slow",
          success: Schema.String,
          execute: log.add("started").pipe(Effect.andThen(Effect.never), Effect.onInterrupt(() => log.add("stopped")))
        }).pipe(
          Effect.timeoutOption("5 seconds"),
          Effect.flatMap((value) =>
            Activity.make({
              name: "report",
              success: Schema.String,
              execute: Effect.as(log.add("report"), value._tag)
            })
          )
        )
      )
      return Effect.gen(function*() {
        const caller = yield* Effect.forkChild(Slow.execute({ id: "a" }))
        yield* log.reached("started")
        yield* passTime("4 seconds")
        assert.strictEqual(log.count("stopped"), 0)
        yield* passTime("1 seconds")
        assert.strictEqual(yield* Fiber.join(caller), "None")
        assert.deepStrictEqual(log.entries, ["started", "stopped", "report"])
      }).pipe(serving(engine, layer))
    })
  })
