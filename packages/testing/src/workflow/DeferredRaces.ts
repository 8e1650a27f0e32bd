/** Recording the exit of an effect in a deferred, and races of durable waits. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as Activity from "effect/workflow/Activity"
import * as DurableClock from "effect/workflow/DurableClock"
import * as DurableDeferred from "effect/workflow/DurableDeferred"
import * as Workflow from "effect/workflow/Workflow"
import {
  answer,
  awaitExit,
  Declined,
  type Engine,
  keyed,
  Log,
  passTime,
  serving,
  settle,
  startSuspended
} from "./Harness.ts"

const Left = DurableDeferred.make("Left", { success: Schema.String })
const Right = DurableDeferred.make("Right", { success: Schema.String })
const Outcome = DurableDeferred.make("Outcome", { success: Schema.String, error: Declined })

/** Registers the tests of `DurableDeferred.into` and `DurableDeferred.raceAll`. */
export const deferredRaces = (engine: Engine) =>
  describe("deferred races", () => {
    it.effect("into returns the success of its effect and completes the deferred with it", () => {
      const log = new Log()
      const Record = Workflow.make("Record", { ...keyed, success: Schema.Array(Schema.String) })
      const work = Activity.make({
        name: "work",
        success: Schema.String,
        execute: Effect.as(log.add("work"), "worked")
      })
      const layer = Record.toLayer(Effect.fnUntraced(function*() {
        const value = yield* DurableDeferred.into(work, Outcome)
        const recorded = yield* DurableDeferred.await(Outcome)
        yield* DurableDeferred.await(Left)
        return [value, recorded]
      }, Effect.orDie))
      return Effect.gen(function*() {
        const executionId = yield* startSuspended(Record, { id: "a" })
        yield* answer(Left, { workflow: Record, executionId }, "go")
        assert.deepStrictEqual(yield* awaitExit(Record, executionId), Exit.succeed(["worked", "worked"]))
        assert.strictEqual(log.count("work"), 1)
      }).pipe(serving(engine, layer))
    })

    it.effect("into completes the deferred with the failure of its effect", () => {
      const Record = Workflow.make("Record", { ...keyed, success: Schema.String })
      const failing = Activity.make({
        name: "work",
        success: Schema.String,
        error: Declined,
        execute: Effect.fail(new Declined({ reason: "empty" }))
      })
      const layer = Record.toLayer(() =>
        DurableDeferred.into(failing, Outcome).pipe(
          Effect.catchTag("Declined", () => DurableDeferred.await(Outcome)),
          Effect.catchTag("Declined", ({ reason }) => Effect.succeed(`recorded ${reason}`))
        )
      )
      return Effect.gen(function*() {
        assert.strictEqual(yield* Record.execute({ id: "a" }), "recorded empty")
      }).pipe(serving(engine, layer))
    })

    it.effect("into around a wait completes the deferred when the wait ends", () => {
      const Record = Workflow.make("Record", { ...keyed, success: Schema.Array(Schema.String), error: Declined })
      const layer = Record.toLayer(() =>
        Effect.all([
          DurableDeferred.into(DurableDeferred.await(Left), Outcome),
          DurableDeferred.await(Outcome)
        ], { concurrency: "unbounded" })
      )
      return Effect.gen(function*() {
        const executionId = yield* startSuspended(Record, { id: "a" })
        yield* answer(Left, { workflow: Record, executionId }, "left")
        assert.deepStrictEqual(yield* awaitExit(Record, executionId), Exit.succeed(["left", "left"]))
      }).pipe(serving(engine, layer))
    })

    it.effect("raceAll of waits returns the first completion, and a later one changes nothing", () => {
      const Go = DurableDeferred.make("Go")
      const Race = Workflow.make("Race", { ...keyed, success: Schema.String })
      const layer = Race.toLayer(() =>
        DurableDeferred.raceAll({
          name: "first",
          success: Schema.String,
          error: Schema.Never,
          effects: [DurableDeferred.await(Left), DurableDeferred.await(Right)]
        }).pipe(Effect.tap(DurableDeferred.await(Go)))
      )
      return Effect.gen(function*() {
        const executionId = yield* startSuspended(Race, { id: "a" })
        yield* answer(Right, { workflow: Race, executionId }, "right")
        yield* settle
        yield* answer(Left, { workflow: Race, executionId }, "left")
        yield* settle
        yield* answer(Go, { workflow: Race, executionId }, undefined)
        assert.deepStrictEqual(yield* awaitExit(Race, executionId), Exit.succeed("right"))
      }).pipe(serving(engine, layer))
    })

    it.effect("raceAll of a wait and a clock returns the answer that comes in time", () => {
      const Timed = Workflow.make("Timed", { ...keyed, success: Schema.String })
      return Effect.gen(function*() {
        const executionId = yield* startSuspended(Timed, { id: "a" })
        yield* passTime("1 hour")
        yield* answer(Left, { workflow: Timed, executionId }, "in time")
        assert.deepStrictEqual(yield* awaitExit(Timed, executionId), Exit.succeed("in time"))
        yield* passTime("3 hours")
        assert.deepStrictEqual(yield* awaitExit(Timed, executionId), Exit.succeed("in time"))
      }).pipe(serving(engine, Timed.toLayer(() => deadlineRace)))
    })

    it.effect("raceAll of a wait and a clock returns the clock when nobody answers", () => {
      const Timed = Workflow.make("Timed", { ...keyed, success: Schema.String })
      return Effect.gen(function*() {
        const executionId = yield* startSuspended(Timed, { id: "a" })
        yield* passTime("2 hours")
        assert.deepStrictEqual(yield* awaitExit(Timed, executionId), Exit.succeed("late"))
        yield* answer(Left, { workflow: Timed, executionId }, "too late")
        yield* settle
        assert.deepStrictEqual(yield* awaitExit(Timed, executionId), Exit.succeed("late"))
      }).pipe(serving(engine, Timed.toLayer(() => deadlineRace)))
    })

    it.effect("raceAll returns an activity that ends while the other effect waits", () => {
      const log = new Log()
      const Race = Workflow.make("Race", { ...keyed, success: Schema.String })
      const work = Activity.make({
        name: "work",
        success: Schema.String,
        execute: Effect.as(log.add("work"), "worked")
      })
      const layer = Race.toLayer(() =>
        DurableDeferred.raceAll({
          name: "first",
          success: Schema.String,
          error: Schema.Never,
          effects: [DurableDeferred.await(Left), work]
        })
      )
      return Effect.gen(function*() {
        assert.strictEqual(yield* Race.execute({ id: "a" }), "worked")
        assert.strictEqual(log.count("work"), 1)
      }).pipe(serving(engine, layer))
    })
  })

const deadlineRace = DurableDeferred.raceAll({
  name: "answer or deadline",
  success: Schema.String,
  error: Schema.Never,
  effects: [
    DurableDeferred.await(Left),
    Effect.as(DurableClock.sleep({ name: "deadline", duration: "2 hours" }), "late")
  ]
})
