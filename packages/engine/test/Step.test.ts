import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Schedule, Schema } from "effect"
import { TestClock } from "effect/testing"
import * as Step from "../src/Step.ts"
import * as CrashHost from "../src/testing/CrashHost.ts"
import { assertOutput, begin, Declined, define, echo, exitOf, Log } from "./support/Program.ts"

describe("Step retry", () => {
  it.effect("a policy that allows three retries allows three when they follow at once", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const W = define("W")
      const flaky = Step.make("flaky", {
        error: Declined,
        onCrash: "rerun",
        retry: Schedule.recurs(3),
        run: (_, { attempt }) => log.entries.length > 20 ? Effect.void : Effect.andThen(log.add(`${attempt}`), new Declined({ reason: "no" }))
      })
      const host = yield* world.start(W.toLayer(() => flaky()))
      const id = yield* begin(host, W)
      assert.deepStrictEqual(log.entries, ["1", "2", "3", "4"])
      assert.deepStrictEqual(yield* exitOf(host, W, id), Exit.fail(new Declined({ reason: "no" })))
    }))

  it.effect("a crash in the backoff leaves the policy where it stood", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const W = define("W")
      const flaky = Step.make("flaky", {
        error: Declined,
        onCrash: "rerun",
        retry: Schedule.exponential("1 second").pipe(Schedule.upTo({ times: 4 })),
        run: (_, { attempt }) => Effect.andThen(log.add(`${attempt}`), new Declined({ reason: "no" }))
      })
      const layer = W.toLayer(() => flaky())
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      yield* TestClock.adjust("1 second")
      yield* first.settled
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(log.entries, ["1", "2"])
      const second = yield* world.restart(first, layer)
      yield* second.settled
      assert.deepStrictEqual(log.entries, ["1", "2"])
      yield* TestClock.adjust("1 second")
      yield* second.settled
      assert.deepStrictEqual(log.entries, ["1", "2", "3"])
      yield* TestClock.adjust("4 seconds")
      yield* second.settled
      yield* TestClock.adjust("8 seconds")
      yield* second.settled
      assert.deepStrictEqual(log.entries, ["1", "2", "3", "4", "5"])
      assert.deepStrictEqual(yield* exitOf(second, W, id), Exit.fail(new Declined({ reason: "no" })))
    }))
})

describe("nested steps", () => {
  it.effect("a step in a step keeps its own outcome apart from one of the same name in the workflow", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const inner = echo(log, "inner")
      const outer = Step.make("outer", { success: Schema.String, onCrash: "rerun", run: () => inner("nested") })
      const W = define("W")
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        const a = yield* outer()
        const b = yield* inner("own")
        yield* Effect.sleep("1 day")
        return [a, b]
      }))
      const host = yield* world.start(layer)
      const id = yield* begin(host, W)
      yield* host.evict
      yield* host.settled
      yield* TestClock.adjust("1 day")
      yield* host.settled
      yield* assertOutput(host, W, id, ["nested", "own"])
      assert.deepStrictEqual(log.entries, ["inner nested", "inner own"])
    }))

  it.effect("S4: a step in a step that was in flight at a crash runs again with the outer one", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const gate = Deferred.makeUnsafe<void>()
      const inner = Step.make("inner", {
        success: Schema.String,
        onCrash: "rerun",
        run: () => log.add("inner").pipe(Effect.andThen(Deferred.await(gate)), Effect.as("done"))
      })
      const outer = Step.make("outer", { success: Schema.String, onCrash: "rerun", run: () => Effect.andThen(log.add("outer"), inner()) })
      const W = define("W")
      const layer = W.toLayer(() => outer())
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      const second = yield* world.restart(first, layer)
      yield* Deferred.succeed(gate, undefined)
      yield* second.settled
      yield* assertOutput(second, W, id, "done")
      assert.deepStrictEqual(log.entries, ["outer", "inner", "outer", "inner"])
    }))
})

describe("keys", () => {
  it.effect("a keyed step that lost a race runs when it is asked for again", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      let slow = true
      const keyed = Step.make("keyed", {
        input: Schema.String,
        success: Schema.String,
        onCrash: "rerun",
        key: (text) => text,
        run: (text) => Effect.andThen(log.add(text), Effect.suspend(() => slow ? Effect.never : Effect.succeed(text)))
      })
      const W = define("W")
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        yield* Effect.timeoutOption(keyed("a"), "1 second")
        return yield* keyed("a")
      }))
      const host = yield* world.start(layer)
      const id = yield* begin(host, W)
      slow = false
      yield* TestClock.adjust("1 second")
      yield* host.settled
      yield* assertOutput(host, W, id, "a")
      assert.deepStrictEqual(log.entries, ["a", "a"])
    }))

  it.effect("an explicit key asked again with other input ends the run with StepKeyConflict, after its compensations", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const keyed = Step.make("keyed", {
        input: { id: Schema.String, n: Schema.Int },
        onCrash: "rerun",
        key: ({ id }) => id,
        run: ({ id, n }) => log.add(`${id}${n}`)
      })
      const W = define("W")
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        yield* keyed({ id: "a", n: 1 }).pipe(W.withCompensation(() => log.add("undone")))
        yield* keyed({ id: "a", n: 2 })
      }))
      const host = yield* world.start(layer)
      const id = yield* begin(host, W)
      const exit = yield* exitOf(host, W, id)
      assert.isTrue(exit !== undefined && Exit.isFailure(exit) && Cause.hasDies(exit.cause))
      assert.include(JSON.stringify((yield* world.rows(id)).at(-1)), "StepKeyConflict")
      assert.deepStrictEqual(log.entries, ["a1", "undone"])
    }))
})
