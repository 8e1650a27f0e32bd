/** What a run may end with, and how payloads and results survive encoding. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as DurableDeferred from "effect/workflow/DurableDeferred"
import * as Workflow from "effect/workflow/Workflow"
import {
  answer,
  assertDied,
  awaitExit,
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

const noon = date(1_709_208_000_000)
const Go = DurableDeferred.make("Go")

/** Registers the tests of results, errors, defects and codecs. */
export const results = (engine: Engine) =>
  describe("results", () => {
    it.effect("execute succeeds with the value of the handler", () => {
      const Greet = Workflow.make("Greet", { ...keyed, success: Schema.String })
      return Effect.gen(function*() {
        assert.strictEqual(yield* Greet.execute({ id: "Ada" }), "Hello Ada")
      }).pipe(serving(engine, Greet.toLayer(({ id }) => Effect.succeed(`Hello ${id}`))))
    })

    it.effect("a workflow without a success schema succeeds with undefined", () => {
      const Quiet = Workflow.make("Quiet", keyed)
      return Effect.gen(function*() {
        assert.isUndefined(yield* Quiet.execute({ id: "a" }))
        const exit = yield* awaitExit(Quiet, yield* Quiet.executionId({ id: "a" }))
        assert.deepStrictEqual(exit, Exit.void)
      }).pipe(serving(engine, Quiet.toLayer(() => Effect.void)))
    })

    it.effect("execute fails with the typed error of the handler", () => {
      const Pay = Workflow.make("Pay", { ...keyed, success: Schema.String, error: Declined })
      const layer = Pay.toLayer(() => Effect.fail(new Declined({ reason: "empty" })))
      return Effect.gen(function*() {
        const error = yield* Effect.flip(Pay.execute({ id: "a" }))
        assert.instanceOf(error, Declined)
        assert.strictEqual(error.reason, "empty")
      }).pipe(serving(engine, layer))
    })

    it.effect("a defect of the handler is the recorded result of the run", () => {
      const Crash = Workflow.make("Crash", keyed)
      return Effect.gen(function*() {
        const exit = yield* Effect.exit(Crash.execute({ id: "a" }))
        const recorded = yield* awaitExit(Crash, yield* Crash.executionId({ id: "a" }))
        for (const each of [exit, recorded]) {
          assertDied(each, "boom")
        }
      }).pipe(serving(engine, Crash.toLayer(() => Effect.die(new Error("boom")))))
    })

    it.effect("a handler that throws before it returns an effect ends its run with that defect", () => {
      const Crash = Workflow.make("Crash", keyed)
      const layer = Crash.toLayer((): Effect.Effect<void> => {
        throw new Error("thrown")
      })
      return Effect.gen(function*() {
        const exit = yield* Effect.exit(Crash.execute({ id: "a" }))
        assertDied(exit, "thrown")
      }).pipe(serving(engine, layer))
    })

    it.effect("with CaptureDefects false a defect reaches the caller and is no result", () => {
      const Crash = Workflow.make("Crash", keyed).annotate(Workflow.CaptureDefects, false)
      return Effect.gen(function*() {
        const exit = yield* Effect.exit(Crash.execute({ id: "a" }))
        assertDied(exit, "boom")
        const polled = yield* Effect.exit(Crash.poll(yield* Crash.executionId({ id: "a" })))
        assert.isTrue(Exit.isFailure(polled) && Cause.hasDies(polled.cause))
      }).pipe(serving(engine, Crash.toLayer(() => Effect.die(new Error("boom")))))
    })

    it.effect("a typed error is recorded when CaptureDefects is false", () => {
      const Pay = Workflow.make("Pay", { ...keyed, error: Declined }).annotate(Workflow.CaptureDefects, false)
      const layer = Pay.toLayer(() => Effect.fail(new Declined({ reason: "empty" })))
      return Effect.gen(function*() {
        yield* Effect.flip(Pay.execute({ id: "a" }))
        const exit = yield* awaitExit(Pay, yield* Pay.executionId({ id: "a" }))
        assert.isTrue(Exit.isFailure(exit) && Cause.hasFails(exit.cause))
      }).pipe(serving(engine, layer))
    })

    it.effect("a payload with dates reaches the handler as dates, also after a wait", () => {
      const seen: Array<readonly [Date, Date]> = []
      const Book = Workflow.make("Book", {
        payload: { id: Schema.String, from: Schema.Date, until: Schema.DateFromString },
        success: Schema.Int,
        idempotencyKey: ({ from, id }) => `${id}/${from.toISOString()}`
      })
      const layer = Book.toLayer(({ from, until }) =>
        Effect.sync(() => void seen.push([from, until])).pipe(
          Effect.andThen(DurableDeferred.await(Go)),
          Effect.as(until.getTime() - from.getTime())
        )
      )
      const until = date(noon.getTime() + 1_000)
      return Effect.gen(function*() {
        const executionId = yield* startSuspended(Book, { id: "a", from: noon, until })
        yield* answer(Go, { workflow: Book, executionId }, undefined)
        assert.deepStrictEqual(yield* awaitExit(Book, executionId), Exit.succeed(1_000))
        for (const dates of seen) assert.deepStrictEqual(dates, [noon, until])
        assert.isAbove(seen.length, 0)
      }).pipe(serving(engine, layer))
    })

    it.effect("a success of a class with transformed fields comes back as that class", () => {
      const Charge = Workflow.make("Charge", { ...keyed, success: Receipt })
      const receipt = new Receipt({ at: noon, cents: 12n })
      return Effect.gen(function*() {
        const executed = yield* Charge.execute({ id: "a" })
        const joined = yield* Charge.execute({ id: "a" })
        const polled = yield* awaitExit(Charge, yield* Charge.executionId({ id: "a" }))
        for (const value of [executed, joined]) {
          assert.instanceOf(value, Receipt)
          assert.deepStrictEqual(value, receipt)
        }
        assert.deepStrictEqual(polled, Exit.succeed(receipt))
      }).pipe(serving(engine, Charge.toLayer(() => Effect.succeed(receipt))))
    })

    it.effect("a failed run ends for every caller with the same error", () => {
      const log = new Log()
      const Pay = Workflow.make("Pay", { ...keyed, error: Declined })
      const layer = Pay.toLayer(() => Effect.andThen(log.add("pay"), Effect.fail(new Declined({ reason: "empty" }))))
      return Effect.gen(function*() {
        const first = yield* Effect.flip(Pay.execute({ id: "a" }))
        const second = yield* Effect.flip(Pay.execute({ id: "a" }))
        assert.strictEqual(first.reason, "empty")
        assert.strictEqual(second.reason, "empty")
        assert.strictEqual(log.count("pay"), 1)
      }).pipe(serving(engine, layer))
    })

    it.effect("with SuspendOnFailure a failing run suspends with its cause, and resume runs it again", () => {
      const log = new Log()
      let repaired = false
      const Pay = Workflow.make("Pay", { ...keyed, success: Schema.String, error: Declined })
        .annotate(Workflow.SuspendOnFailure, true)
      const layer = Pay.toLayer(() =>
        Effect.suspend(() => repaired ? Effect.succeed("paid") : Effect.fail(new Declined({ reason: "empty" }))).pipe(
          Effect.tapError(() => log.add("failed")),
          Pay.withCompensation(() => log.add("compensated"))
        )
      )
      return Effect.gen(function*() {
        const executionId = yield* startSuspended(Pay, { id: "a" })
        const suspended = yield* Pay.poll(executionId)
        assert.isTrue(suspended._tag === "Some" && suspended.value._tag === "Suspended" && suspended.value.failed)
        if (suspended._tag === "Some" && suspended.value._tag === "Suspended") {
          assert.include(Cause.pretty(suspended.value.cause!), "Declined")
        }
        yield* Pay.resume(executionId)
        yield* log.reached("failed", 2)
        yield* eventually(
          "the run is suspended again",
          Effect.map(Pay.poll(executionId), (result) => result._tag === "Some" && result.value._tag === "Suspended")
        )
        repaired = true
        yield* Pay.resume(executionId)
        assert.deepStrictEqual(yield* awaitExit(Pay, executionId), Exit.succeed("paid"))
        assert.strictEqual(log.count("compensated"), 0)
      }).pipe(serving(engine, layer))
    })
  })
