/** Durable clocks, all on the test clock. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as Activity from "effect/workflow/Activity"
import * as DurableClock from "effect/workflow/DurableClock"
import * as Workflow from "effect/workflow/Workflow"
import {
  assertInterrupted,
  awaitExit,
  awaitSuspended,
  type Engine,
  keyed,
  Log,
  passTime,
  serving,
  settle,
  startSuspended,
  statusOf
} from "./Harness.ts"

/** Registers the tests of durable sleeps. */
export const clocks = (engine: Engine) =>
  describe("clocks", () => {
    it.effect("a sleep of zero ends without the clock", () => {
      const Nap = Workflow.make("Nap", { ...keyed, success: Schema.String })
      const layer = Nap.toLayer(() => Effect.as(DurableClock.sleep({ name: "nap", duration: 0 }), "awake"))
      return Effect.gen(function*() {
        assert.strictEqual(yield* Nap.execute({ id: "a" }), "awake")
      }).pipe(serving(engine, layer))
    })

    it.effect("a short sleep ends when its duration has passed, not before", () => {
      const Nap = Workflow.make("Nap", { ...keyed, success: Schema.String })
      const layer = Nap.toLayer(() => Effect.as(DurableClock.sleep({ name: "nap", duration: "10 seconds" }), "awake"))
      return Effect.gen(function*() {
        const executionId = yield* Nap.execute({ id: "a" }, { discard: true })
        yield* passTime("9 seconds")
        assert.notStrictEqual(yield* statusOf(Nap, executionId), "Complete")
        yield* passTime("1 seconds")
        assert.deepStrictEqual(yield* awaitExit(Nap, executionId), Exit.succeed("awake"))
      }).pipe(serving(engine, layer))
    })

    it.effect("a long sleep suspends the run until its duration has passed, not before", () => {
      const log = new Log()
      const Rest = Workflow.make("Rest", { ...keyed, success: Schema.String })
      const layer = Rest.toLayer(() =>
        Activity.make({ name: "before", execute: log.add("before") }).pipe(
          Effect.andThen(DurableClock.sleep({ name: "rest", duration: "14 days" })),
          Effect.andThen(Activity.make({ name: "after", execute: log.add("after") })),
          Effect.as("rested")
        )
      )
      return Effect.gen(function*() {
        const executionId = yield* startSuspended(Rest, { id: "a" })
        yield* passTime("13 days")
        yield* awaitSuspended(Rest, executionId)
        assert.deepStrictEqual(log.entries, ["before"])
        yield* passTime("1 days")
        assert.deepStrictEqual(yield* awaitExit(Rest, executionId), Exit.succeed("rested"))
        assert.deepStrictEqual(log.entries, ["before", "after"])
      }).pipe(serving(engine, layer))
    })

    it.effect("a sleep longer than its inMemoryThreshold suspends the run", () => {
      const Nap = Workflow.make("Nap", { ...keyed, success: Schema.String })
      const layer = Nap.toLayer(() =>
        Effect.as(DurableClock.sleep({ name: "nap", duration: "10 seconds", inMemoryThreshold: 0 }), "awake")
      )
      return Effect.gen(function*() {
        const executionId = yield* startSuspended(Nap, { id: "a" })
        yield* passTime("10 seconds")
        assert.deepStrictEqual(yield* awaitExit(Nap, executionId), Exit.succeed("awake"))
      }).pipe(serving(engine, layer))
    })

    it.effect("sleeps in sequence add up", () => {
      const log = new Log()
      const Stages = Workflow.make("Stages", keyed)
      const stage = (name: string) =>
        DurableClock.sleep({ name, duration: "1 hour" }).pipe(
          Effect.andThen(Activity.make({ name: `${name} done`, execute: log.add(name) }))
        )
      const layer = Stages.toLayer(() => Effect.forEach(["one", "two", "three"], stage, { discard: true }))
      return Effect.gen(function*() {
        const executionId = yield* startSuspended(Stages, { id: "a" })
        yield* passTime("1 hour")
        yield* log.reached("one")
        yield* awaitSuspended(Stages, executionId)
        yield* passTime("1 hour")
        yield* log.reached("two")
        yield* awaitSuspended(Stages, executionId)
        yield* passTime("59 minutes")
        yield* awaitSuspended(Stages, executionId)
        yield* passTime("1 minutes")
        assert.deepStrictEqual(yield* awaitExit(Stages, executionId), Exit.void)
        assert.deepStrictEqual(log.entries, ["one", "two", "three"])
      }).pipe(serving(engine, layer))
    })

    it.effect("sleeps side by side all end", () => {
      const Fan = Workflow.make("Fan", { ...keyed, success: Schema.Array(Schema.Int) })
      const timer = (hours: number) =>
        Effect.as(DurableClock.sleep({ name: `${hours}`, duration: `${hours} hours` }), hours)
      const layer = Fan.toLayer(() => Effect.forEach([3, 1, 2], timer, { concurrency: "unbounded" }))
      return Effect.gen(function*() {
        const executionId = yield* startSuspended(Fan, { id: "a" })
        yield* passTime("2 hours")
        yield* awaitSuspended(Fan, executionId)
        // An engine that arms a clock only when the one before it has ended needs their sum.
        for (const hours of [1, 1, 2] as const) yield* passTime(`${hours} hours`)
        assert.deepStrictEqual(yield* awaitExit(Fan, executionId), Exit.succeed([3, 1, 2]))
      }).pipe(serving(engine, layer))
    })

    it.effect("a second sleep of the same name in a run has already ended", () => {
      const Twice = Workflow.make("Twice", { ...keyed, success: Schema.String })
      const rest = DurableClock.sleep({ name: "rest", duration: "1 hour" })
      const layer = Twice.toLayer(() => rest.pipe(Effect.andThen(rest), Effect.as("rested")))
      return Effect.gen(function*() {
        const executionId = yield* startSuspended(Twice, { id: "a" })
        yield* passTime("1 hour")
        assert.deepStrictEqual(yield* awaitExit(Twice, executionId), Exit.succeed("rested"))
      }).pipe(serving(engine, layer))
    })

    it.effect("equal clock names of two runs are separate clocks", () => {
      const Rest = Workflow.make("Rest", {
        payload: { hours: Schema.Int },
        success: Schema.Int,
        idempotencyKey: ({ hours }) => `${hours}`
      })
      const layer = Rest.toLayer(({ hours }) =>
        Effect.as(DurableClock.sleep({ name: "rest", duration: `${hours} hours` }), hours)
      )
      return Effect.gen(function*() {
        const long = yield* startSuspended(Rest, { hours: 2 })
        const short = yield* startSuspended(Rest, { hours: 1 })
        yield* passTime("1 hour")
        assert.deepStrictEqual(yield* awaitExit(Rest, short), Exit.succeed(1))
        yield* awaitSuspended(Rest, long)
        yield* passTime("1 hour")
        assert.deepStrictEqual(yield* awaitExit(Rest, long), Exit.succeed(2))
      }).pipe(serving(engine, layer))
    })

    it.effect("a clock that comes due after its run was interrupted changes nothing", () => {
      const log = new Log()
      const Rest = Workflow.make("Rest", keyed)
      const layer = Rest.toLayer(() =>
        DurableClock.sleep({ name: "rest", duration: "2 hours" }).pipe(
          Effect.andThen(Activity.make({ name: "after", execute: log.add("after") }))
        )
      )
      return Effect.gen(function*() {
        const executionId = yield* startSuspended(Rest, { id: "a" })
        yield* Rest.interrupt(executionId)
        const exit = yield* awaitExit(Rest, executionId)
        assertInterrupted(exit)
        yield* passTime("3 hours")
        assert.deepStrictEqual(yield* awaitExit(Rest, executionId), exit)
        assert.deepStrictEqual(log.entries, [])
      }).pipe(serving(engine, layer))
    })

    it.effect("an early resume does not end or restart a sleep", () => {
      const Rest = Workflow.make("Rest", { ...keyed, success: Schema.String })
      const layer = Rest.toLayer(() => Effect.as(DurableClock.sleep({ name: "rest", duration: "2 hours" }), "rested"))
      return Effect.gen(function*() {
        const executionId = yield* startSuspended(Rest, { id: "a" })
        yield* passTime("1 hour")
        yield* Rest.resume(executionId)
        yield* settle
        yield* awaitSuspended(Rest, executionId)
        yield* passTime("1 hour")
        assert.deepStrictEqual(yield* awaitExit(Rest, executionId), Exit.succeed("rested"))
      }).pipe(serving(engine, layer))
    })
  })
