import { assert, describe, it } from "@effect/vitest"
import { Clock, Deferred, Duration, Effect } from "effect"
import { TimerQueue } from "../src/internal/process/TimerQueue.ts"

/** A queue on a clock whose sleeps the test ends. */
const make = () => {
  let now = 0
  const nanos = () => BigInt(now) * 1_000_000n
  const sleeps: Array<{ readonly millis: number; readonly over: Deferred.Deferred<void> }> = []
  const clock: Clock.Clock = {
    currentTimeMillisUnsafe: () => now,
    currentTimeMillis: Effect.sync(() => now),
    currentTimeNanosUnsafe: nanos,
    currentTimeNanos: Effect.sync(nanos),
    monotonicTimeNanosUnsafe: nanos,
    monotonicTimeNanos: Effect.sync(nanos),
    sleep: (duration) => {
      const over = Deferred.makeUnsafe<void>()
      sleeps.push({ millis: Duration.toMillis(duration), over })
      return Deferred.await(over)
    }
  }
  const queue = new TimerQueue(() => now, (effect) => Effect.runFork(Effect.provideService(effect, Clock.Clock, clock)))
  const fired: Array<string> = []
  const set = (name: string, at: number) => queue.set(at, () => void fired.push(name))
  /** The latest sleep ends at this time. */
  const sleepUntil = (at: number) =>
    Effect.suspend(() => {
      now = at
      return Effect.andThen(Deferred.succeed(sleeps.at(-1)!.over, undefined), Effect.yieldNow)
    })
  const lengths = () => sleeps.map(({ millis }) => millis)
  return { queue, set, fired, sleepUntil, lengths }
}

describe("TimerQueue", () => {
  it.effect("S4: sleeps to the earliest timer, and fires what is due in order", () =>
    Effect.gen(function*() {
      const { fired, lengths, set, sleepUntil } = make()
      set("c", 30)
      set("b", 20)
      set("b2", 20)
      set("d", 40)
      assert.deepStrictEqual(lengths(), [30, 20])
      yield* sleepUntil(30)
      assert.deepStrictEqual(fired, ["b", "b2", "c"])
      assert.deepStrictEqual(lengths(), [30, 20, 10])
      yield* sleepUntil(40)
      assert.deepStrictEqual(fired, ["b", "b2", "c", "d"])
      assert.deepStrictEqual(lengths(), [30, 20, 10], "nothing is left to sleep for")
    }))

  it.effect("S4: sleeps no longer than a timer of the machine can", () =>
    Effect.gen(function*() {
      const { fired, lengths, set, sleepUntil } = make()
      const longest = 2_147_483_647
      set("far", longest + 5)
      assert.deepStrictEqual(lengths(), [longest])
      yield* sleepUntil(longest)
      assert.deepStrictEqual(fired, [])
      assert.deepStrictEqual(lengths(), [longest, 5])
      yield* sleepUntil(longest + 5)
      assert.deepStrictEqual(fired, ["far"])
    }))

  it.effect("fires neither what was cancelled nor anything once it is closed", () =>
    Effect.gen(function*() {
      const { fired, queue, set, sleepUntil } = make()
      queue.cancel(set("a", 10))
      set("b", 20)
      yield* sleepUntil(10)
      assert.deepStrictEqual(fired, [])
      yield* sleepUntil(20)
      assert.deepStrictEqual(fired, ["b"])
      set("c", 30)
      queue.close()
      yield* sleepUntil(30)
      assert.deepStrictEqual(fired, ["b"])
    }))

  it.effect("S4: fires what is past in the next turn, and not while it is set", () =>
    Effect.gen(function*() {
      const { fired, lengths, set } = make()
      set("now", 0)
      set("past", -5)
      assert.deepStrictEqual(fired, [])
      for (let turn = 0; turn < 3; turn++) yield* Effect.yieldNow
      assert.deepStrictEqual(fired, ["past", "now"])
      assert.deepStrictEqual(lengths(), [])
    }))
})
