import { assert, describe, it } from "@effect/vitest"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Effect, Schema } from "effect"
import { TestClock } from "effect/testing"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import { assertOutput, begin, define, echo, Log } from "./support/Program.ts"

const Go = Signal.make("go", { schema: Schema.Int })
const W = define("W")

/** A quarter of it, or all where `FERMATA_LONG` is set. */
const share = (count: number): number => process.env["FERMATA_LONG"] === undefined ? count / 4 : count

const [steps, signals, timers] = [share(20_000), share(10_000), share(5_000)]

describe("many runs at once", () => {
  it.effect("3,000 that are started at once all end, with 1,000 of them awake at most", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      let most = 0
      const host = yield* world.start(W.toLayer(({ id }) => Effect.andThen(Effect.sleep("1 minute"), echo(log)(id))))
      const count = Array.from({ length: 3_000 }, (_, index) => `${index}`)
      const watched = Effect.tap(host.awake, (awake) => Effect.sync(() => void (most = Math.max(most, awake))))
      yield* host.use(
        Effect.forEach(count, (id) => Effect.andThen(W.execute({ id }, { discard: true }), watched), {
          concurrency: "unbounded"
        })
      )
      yield* host.settled
      yield* watched
      yield* TestClock.adjust("1 minute")
      yield* host.settled
      assert.deepStrictEqual((yield* world.backend.census).byStatus, { completed: 3_000 })
      assert.strictEqual(log.entries.length, 3_000)
      assert.isAtMost(most, 1_500)
      assert.strictEqual(yield* host.awake, 0)
    }))

  it.effect("those for which there was no room begin when others wait", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const host = yield* world.start(
        W.toLayer(({ id }) => Effect.andThen(echo(log)(id), Signal.receive(Go))),
        { maxAwake: 2 }
      )
      yield* host.use(
        Effect.forEach(["a", "b", "c", "d", "e"], (id) => W.execute({ id }, { discard: true }), {
          concurrency: "unbounded"
        })
      )
      yield* host.settled
      assert.deepStrictEqual((yield* world.backend.census).byStatus, { suspended: 5 })
    }))

  it.effect(`one that computes ${steps} steps does not keep another waiting`, () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const none = Step.make("none", { input: Schema.Int, onCrash: "rerun", run: () => Effect.void })
      let done = 0
      const host = yield* world.start(W.toLayer(Effect.fnUntraced(function*({ id }) {
        if (id === "short") return yield* echo(log)(`after ${done}`)
        for (; done < steps; done++) yield* none(done)
        return done
      })))
      const long = yield* host.use(W.execute({ id: "long" }, { discard: true }))
      yield* host.use(W.execute({ id: "short" }))
      assert.isBelow(done, 2_000)
      yield* host.settled
      yield* assertOutput(host, W, long, steps)
    }))
})

describe("one large run", () => {
  it.effect(`S6: takes ${signals} signals in order, each once`, () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* world.start(W.toLayer(Effect.fnUntraced(function*() {
        let wrong = 0
        for (let next = 0; next < signals; next++) if ((yield* Signal.receive(Go)) !== next) wrong++
        return wrong
      })))
      const id = yield* begin(host, W)
      yield* host.use(Effect.forEach(
        Array.from({ length: signals }, (_, index) => index),
        (payload) => Signal.send(Go, { runId: id, payload }),
        { concurrency: "unbounded", discard: true }
      ))
      yield* host.settled
      yield* assertOutput(host, W, id, 0)
      assert.isEmpty(yield* world.inbox(id))
    }))

  it.effect(`S4: keeps ${timers} timers over a restart, and each fires once, in order`, () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        const fired: Array<number> = []
        yield* Effect.forEach(Array.from({ length: timers }, (_, index) => index), (index) =>
          Effect.andThen(Effect.sleep(timers - index), Effect.sync(() => void fired.push(index))), {
          concurrency: "unbounded"
        })
        return fired.every((index, place) =>
          index === timers - 1 - place
        )
      }))
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      const second = yield* world.restart(first, layer)
      yield* TestClock.adjust(0.4 * timers)
      yield* second.settled
      yield* second.evict
      yield* TestClock.adjust(0.6 * timers)
      yield* second.settled
      yield* assertOutput(second, W, id, true)
      assert.strictEqual((yield* world.journal(id)).filter((entry) => entry._tag === "TimerFired").length, timers)
    }))
})
