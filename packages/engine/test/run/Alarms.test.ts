import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect } from "effect"
import { TestClock } from "effect/testing"
import { type Timer, TimerQueue } from "../../src/internal/process/TimerQueue.ts"
import { Alarms } from "../../src/internal/run/Alarms.ts"
import type { ReadyItem } from "../../src/internal/run/Happening.ts"

const backoff = (key: string): ReadyItem => ({ _tag: "Backoff", key })

/** Alarms on the clock of the test, what they have delivered, and the timers that the queue has yet to fire. */
const make = Effect.gen(function*() {
  const clock = yield* Clock.Clock
  const queued = new Set<Timer>()
  class Queue extends TimerQueue {
    override set(at: number, fire: () => void): Timer {
      const timer: Timer = super.set(at, () => {
        queued.delete(timer)
        fire()
      })
      queued.add(timer)
      return timer
    }
    override cancel(timer: Timer): void {
      queued.delete(timer)
      super.cancel(timer)
    }
  }
  const queue = new Queue(() => clock.currentTimeMillisUnsafe(), Effect.runForkWith(yield* Effect.context<never>()))
  const told: Array<string> = []
  const on = { told: () => {} }
  const alarms = new Alarms(queue, (item) => {
    told.push(item._tag === "Backoff" ? item.key : item._tag)
    on.told()
  })
  return { alarms, on, queued, told }
})

describe("what is to happen to a run at its time", () => {
  it.effect("happens then, and once", () =>
    Effect.gen(function*() {
      const { alarms, told } = yield* make
      alarms.arm("late", 20, backoff("late"))
      alarms.arm("early", 10, backoff("early"))
      assert.strictEqual(alarms.next, 10)
      yield* TestClock.adjust(10)
      assert.deepStrictEqual(told, ["early"])
      assert.deepStrictEqual([alarms.isArmed("early"), alarms.isArmed("late")], [false, true])
      assert.strictEqual(alarms.next, 20)
      yield* TestClock.adjust(10)
      assert.deepStrictEqual(told, ["early", "late"])
      assert.strictEqual(alarms.next, Infinity)
    }))

  it.effect("does not happen when it is disarmed, and leaves no timer behind", () =>
    Effect.gen(function*() {
      const { alarms, queued, told } = yield* make
      alarms.arm("a", 10, backoff("a"))
      alarms.arm("b", 10, backoff("b"))
      alarms.disarm("a")
      alarms.disarm("unknown")
      assert.strictEqual(queued.size, 1)
      yield* TestClock.adjust(10)
      assert.deepStrictEqual(told, ["b"])
    }))

  it.effect("does not happen when what happens at the same moment disarms it", () =>
    Effect.gen(function*() {
      const { alarms, on, told } = yield* make
      alarms.arm("a", 10, backoff("a"))
      alarms.arm("b", 10, backoff("b"))
      on.told = () => alarms.disarm("b")
      yield* TestClock.adjust(10)
      assert.deepStrictEqual(told, ["a"])
    }))

  it.effect("is replaced by what is armed under the same name", () =>
    Effect.gen(function*() {
      const { alarms, queued, told } = yield* make
      alarms.arm("a", 10, backoff("first"))
      alarms.arm("a", 20, backoff("second"))
      assert.strictEqual(queued.size, 1)
      yield* TestClock.adjust(20)
      assert.deepStrictEqual(told, ["second"])
    }))

  it.effect("is gone with the run", () =>
    Effect.gen(function*() {
      const { alarms, queued, told } = yield* make
      alarms.arm("a", 10, backoff("a"))
      alarms.arm("b", 20, backoff("b"))
      alarms.clear()
      assert.deepStrictEqual([queued.size, alarms.next, alarms.isArmed("a")], [0, Infinity, false])
      yield* TestClock.adjust(20)
      assert.deepStrictEqual(told, [])
    }))
})
