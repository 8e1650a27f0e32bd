import { assert, describe, it } from "@effect/vitest"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Effect, Layer, Logger, Option, Schedule, Schema } from "effect"
import * as Step from "../src/Step.ts"
import { begin, define, Log, pass } from "./support/Program.ts"

const W = define("W")
const Child = define("child", { success: Schema.Void })
const quiet = Effect.provide(Logger.layer([]))

const told = ({ attempt, entry, key, recovery }: Step.StepContext) => `${key} ${attempt} at ${entry}, ${recovery}`

/** What the bodies and probes of a run have to have been told, one line a request. */
const requested = (world: CrashHost.World, id: string) =>
  Effect.map(world.journal(id), (entries) =>
    entries.flatMap((entry) =>
      entry._tag === "StepRequested"
        ? [`${entry.key} ${entry.attempt} at ${entry.seq}, ${entry.recovery ?? 0}`]
        : []
    ))

describe("what a body is told", () => {
  it.effect("each try is told the place of its own request and how often its attempt was cut short", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const step = Step.make("work", {
        error: Schema.String,
        onCrash: "rerun",
        retry: Schedule.recurs(1),
        run: (_, context) =>
          Effect.andThen(log.add(told(context)), context.attempt === 1 ? Effect.fail("again") : Effect.never)
      })
      const layer = W.toLayer(() => Effect.orDie(step()))
      let host = yield* world.start(layer)
      const id = yield* begin(host, W)
      host = yield* world.restart(host, layer)
      host = yield* world.restart(host, layer)
      yield* host.close
      host = yield* world.start(layer)
      yield* host.settled
      assert.deepStrictEqual(log.entries, yield* requested(world, id))
      assert.deepStrictEqual(log.entries.map((line) => line.replace(/at \d+, /, "")), [
        "work 1 0",
        "work 2 0",
        "work 2 1",
        "work 2 2",
        "work 2 2"
      ])
      assert.strictEqual(new Set(log.entries).size, 5)
    }))

  it.effect("a step that lost a race, one that was evicted and one that runs inside its commit are told a place of their own", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const slow = Step.make("slow", {
        onCrash: "rerun",
        key: () => "only",
        run: (_, context) =>
          Effect.andThen(log.add(told(context)), Effect.orDie(Child.execute({ id: `${context.entry}` })))
      })
      const seat = Step.make("seat", {
        onCrash: "commit-together",
        run: (_, context) => log.add(told(context))
      })
      const host = yield* world.start(Layer.merge(
        Child.toLayer(() => Effect.sleep("1 minute")),
        W.toLayer(Effect.fnUntraced(function*() {
          yield* Effect.timeoutOption(slow(), "1 second")
          yield* seat()
          yield* slow()
        }))
      ))
      const id = yield* begin(host, W)
      yield* pass(host, "1 second")
      yield* host.evict
      yield* pass(host, "1 minute")
      yield* pass(host, "1 minute")
      assert.strictEqual((yield* world.run(id)).status, "completed")
      assert.deepStrictEqual(log.entries, yield* requested(world, id))
      assert.strictEqual(log.entries.length, 4)
    }).pipe(quiet))

  it.effect("a probe is told the place of the request that asks it, and the body that follows one of its own", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const pay = Step.make("pay", {
        onCrash: "probe",
        probe: (_, context) => Effect.as(log.add(told(context)), Option.none()),
        run: (_, context) => Effect.andThen(log.add(told(context)), Effect.never)
      })
      const layer = W.toLayer(() => pay())
      const host = yield* world.start(layer)
      const id = yield* begin(host, W)
      yield* (yield* world.restart(host, layer)).settled
      assert.deepStrictEqual(log.entries, yield* requested(world, id))
      assert.deepStrictEqual(log.entries.map((line) => line.replace(/at \d+, /, "")), ["pay 1 0", "pay 1 1", "pay 1 1"])
    }))
})
