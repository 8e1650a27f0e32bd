/** Activities side by side: fan-out, races, and a wait beside work. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as Activity from "effect/workflow/Activity"
import * as DurableDeferred from "effect/workflow/DurableDeferred"
import * as Workflow from "effect/workflow/Workflow"
import {
  answer,
  awaitExit,
  awaitSuspended,
  Declined,
  type Engine,
  eventually,
  keyed,
  Log,
  serving,
  settle,
  startSuspended,
  statusOf
} from "./Harness.ts"

const Go = DurableDeferred.make("Go", { success: Schema.String })
const numbers = [0, 1, 2, 3, 4, 5, 6, 7, 8]

/** Registers the tests of concurrent activities. */
export const concurrency = (engine: Engine) =>
  describe("concurrency", () => {
    it.effect("forEach with concurrency 3 works on three activities at a time and keeps the order of results", () => {
      let working = 0
      let most = 0
      const gates = numbers.map(() => Deferred.makeUnsafe<void>())
      const Fan = Workflow.make("Fan", { ...keyed, success: Schema.Array(Schema.Int) })
      const square = (n: number) =>
        Activity.make({
          name: `square/${n}`,
          success: Schema.Int,
          execute: Effect.gen(function*() {
            most = Math.max(most, ++working)
            yield* Deferred.await(gates[n]!)
            working--
            return n * n
          })
        })
      return Effect.gen(function*() {
        const executionId = yield* Fan.execute({ id: "a" }, { discard: true })
        yield* eventually("three activities work", Effect.sync(() => working === 3))
        yield* settle
        assert.strictEqual(working, 3)
        for (const gate of [...gates].reverse()) yield* Deferred.succeed(gate, undefined)
        assert.deepStrictEqual(yield* awaitExit(Fan, executionId), Exit.succeed(numbers.map((n) => n * n)))
        assert.strictEqual(most, 3)
      }).pipe(serving(engine, Fan.toLayer(() => Effect.forEach(numbers, square, { concurrency: 3 }))))
    })

    it.effect("forEach with unbounded concurrency works on all activities and keeps the order of results", () => {
      let working = 0
      const gates = numbers.map(() => Deferred.makeUnsafe<void>())
      const Fan = Workflow.make("Fan", { ...keyed, success: Schema.Array(Schema.Int) })
      const square = (n: number) =>
        Activity.make({
          name: `square/${n}`,
          success: Schema.Int,
          execute: Effect.gen(function*() {
            working++
            yield* Deferred.await(gates[n]!)
            return n * n
          })
        })
      return Effect.gen(function*() {
        const executionId = yield* Fan.execute({ id: "a" }, { discard: true })
        yield* eventually("all activities work", Effect.sync(() => working === numbers.length))
        for (const gate of [...gates].reverse()) yield* Deferred.succeed(gate, undefined)
        assert.deepStrictEqual(yield* awaitExit(Fan, executionId), Exit.succeed(numbers.map((n) => n * n)))
      }).pipe(serving(engine, Fan.toLayer(() => Effect.forEach(numbers, square, { concurrency: "unbounded" }))))
    })

    it.effect("a fan-out before a wait is not repeated after it", () => {
      const log = new Log()
      const Fan = Workflow.make("Fan", { ...keyed, success: Schema.Array(Schema.Int) })
      const square = (n: number) =>
        Activity.make({ name: `square/${n}`, success: Schema.Int, execute: Effect.as(log.add(`square ${n}`), n * n) })
      const layer = Fan.toLayer(() =>
        Effect.forEach(numbers, square, { concurrency: "unbounded" }).pipe(Effect.tap(DurableDeferred.await(Go)))
      )
      return Effect.gen(function*() {
        const executionId = yield* startSuspended(Fan, { id: "a" })
        yield* answer(Go, { workflow: Fan, executionId }, "go")
        assert.deepStrictEqual(yield* awaitExit(Fan, executionId), Exit.succeed(numbers.map((n) => n * n)))
        assert.deepStrictEqual([...log.entries].sort(), numbers.map((n) => `square ${n}`))
      }).pipe(serving(engine, layer))
    })

    it.effect("the first failure of a fan-out fails the run and interrupts the activities beside it", () => {
      const log = new Log()
      const Fan = Workflow.make("Fan", { ...keyed, error: Declined })
      const slow = Activity.make({
        name: "slow",
        execute: log.add("started").pipe(Effect.andThen(Effect.never), Effect.onInterrupt(() => log.add("stopped")))
      })
      const failing = Activity.make({
        name: "failing",
        error: Declined,
        execute: Effect.andThen(log.reached("started"), Effect.fail(new Declined({ reason: "empty" })))
      })
      return Effect.gen(function*() {
        const error = yield* Effect.flip(Fan.execute({ id: "a" }))
        assert.strictEqual(error.reason, "empty")
        assert.deepStrictEqual(log.entries, ["started", "stopped"])
      }).pipe(
        serving(engine, Fan.toLayer(() => Effect.all([slow, failing], { concurrency: "unbounded", discard: true })))
      )
    })

    it.effect("Activity.raceAll returns the winner, interrupts the loser, and keeps the winner in later passes", () => {
      const log = new Log()
      const Race = Workflow.make("Race", { ...keyed, success: Schema.String })
      const fast = Activity.make({
        name: "fast",
        success: Schema.String,
        execute: Effect.andThen(log.reached("slow started"), Effect.as(log.add("fast"), "fast"))
      })
      const slow = Activity.make({
        name: "slow",
        success: Schema.String,
        execute: Effect.suspend(() =>
          log.count("fast") === 0
            ? log.add("slow started").pipe(
              Effect.andThen(Effect.never),
              Effect.onInterrupt(() => log.add("slow stopped"))
            )
            : Effect.as(log.add("slow again"), "slow")
        )
      })
      const layer = Race.toLayer(() =>
        Activity.raceAll("race", [slow, fast]).pipe(Effect.tap(DurableDeferred.await(Go)))
      )
      return Effect.gen(function*() {
        const executionId = yield* startSuspended(Race, { id: "a" })
        yield* answer(Go, { workflow: Race, executionId }, "go")
        assert.deepStrictEqual(yield* awaitExit(Race, executionId), Exit.succeed("fast"))
        assert.deepStrictEqual(log.entries, ["slow started", "fast", "slow stopped"])
      }).pipe(serving(engine, layer))
    })

    it.effect("Activity.raceAll passes over a failure and returns the first success", () => {
      const Race = Workflow.make("Race", { ...keyed, success: Schema.String, error: Declined })
      const failing = Activity.make({
        name: "failing",
        success: Schema.String,
        error: Declined,
        execute: Effect.fail(new Declined({ reason: "empty" }))
      })
      const fine = Activity.make({ name: "fine", success: Schema.String, execute: Effect.as(settle, "fine") })
      return Effect.gen(function*() {
        assert.strictEqual(yield* Race.execute({ id: "a" }), "fine")
      }).pipe(serving(engine, Race.toLayer(() => Activity.raceAll("race", [failing, fine]))))
    })

    it.effect("Activity.raceAll of only failures fails with a typed error", () => {
      const Race = Workflow.make("Race", { ...keyed, error: Declined })
      const failing = (name: string) =>
        Activity.make({ name, error: Declined, execute: Effect.fail(new Declined({ reason: "empty" })) })
      return Effect.gen(function*() {
        const error = yield* Effect.flip(Race.execute({ id: "a" }))
        assert.instanceOf(error, Declined)
        assert.strictEqual(error.reason, "empty")
      }).pipe(serving(engine, Race.toLayer(() => Activity.raceAll("race", [failing("one"), failing("two")]))))
    })

    it.effect("a run does not suspend on a wait while an activity beside it works", () => {
      const log = new Log()
      const gate = Deferred.makeUnsafe<void>()
      const Both = Workflow.make("Both", { ...keyed, success: Schema.Array(Schema.String) })
      const work = Activity.make({
        name: "work",
        success: Schema.String,
        execute: log.add("working").pipe(Effect.andThen(Deferred.await(gate)), Effect.as("worked"))
      })
      const layer = Both.toLayer(() => Effect.all([work, DurableDeferred.await(Go)], { concurrency: "unbounded" }))
      return Effect.gen(function*() {
        const executionId = yield* Both.execute({ id: "a" }, { discard: true })
        yield* log.reached("working")
        yield* settle
        assert.strictEqual(yield* statusOf(Both, executionId), "None")
        yield* Deferred.succeed(gate, undefined)
        yield* awaitSuspended(Both, executionId)
        yield* answer(Go, { workflow: Both, executionId }, "go")
        assert.deepStrictEqual(yield* awaitExit(Both, executionId), Exit.succeed(["worked", "go"]))
        assert.strictEqual(log.count("working"), 1)
      }).pipe(serving(engine, layer))
    })

    it.effect("a deferred completed while an activity beside the wait works yields both results", () => {
      const log = new Log()
      const gate = Deferred.makeUnsafe<void>()
      const Both = Workflow.make("Both", { ...keyed, success: Schema.Array(Schema.String) })
      const work = Activity.make({
        name: "work",
        success: Schema.String,
        execute: log.add("working").pipe(Effect.andThen(Deferred.await(gate)), Effect.as("worked"))
      })
      const layer = Both.toLayer(() => Effect.all([work, DurableDeferred.await(Go)], { concurrency: "unbounded" }))
      return Effect.gen(function*() {
        const executionId = yield* Both.execute({ id: "a" }, { discard: true })
        yield* log.reached("working")
        yield* answer(Go, { workflow: Both, executionId }, "go")
        yield* settle
        yield* Deferred.succeed(gate, undefined)
        assert.deepStrictEqual(yield* awaitExit(Both, executionId), Exit.succeed(["worked", "go"]))
      }).pipe(serving(engine, layer))
    })
  })
