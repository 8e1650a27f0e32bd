import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import * as Phase from "../../src/internal/run/Phase.ts"
import { Waits } from "../../src/internal/run/Waits.ts"
import { bareRun } from "../support/BareRun.ts"

describe("a sleep that nobody waits for any more", () => {
  const sleep = Effect.fnUntraced(function*(phase: Phase.Phase) {
    const { run } = bareRun()
    run.phase = phase
    const fiber = yield* Effect.forkChild(new Waits(run).askTimer(500), { startImmediately: true })
    assert.deepStrictEqual([...run.pass.timers.keys()], [1])
    assert.strictEqual(run.alarms.next, phase === Phase.live ? 500 : Infinity)
    yield* Fiber.interrupt(fiber)
    return run
  })

  it.effect("leaves nothing behind, so that a run may lose as many races as it likes", () =>
    Effect.gen(function*() {
      const { alarms, ledger, pass } = yield* sleep(Phase.live)
      assert.deepStrictEqual([pass.timers.size, ledger.timers.size, alarms.next], [0, 0, Infinity])
    }))

  it.effect("S9: is known while the journal is delivered, which may hold its end", () =>
    Effect.gen(function*() {
      const { ledger, pass } = yield* sleep(Phase.replaying)
      assert.deepStrictEqual([pass.timers.get(1)?.waiter, pass.timers.size, ledger.timers.size], [undefined, 1, 1])
    }))
})

describe("a clock", () => {
  it("S7: without an end is no timer, and is known as one that never ends", () => {
    const { run } = bareRun()
    assert.isUndefined(new Waits(run).startClock("nap", Infinity))
    const { clocks, endlessClocks, timers } = run.pass
    assert.deepStrictEqual([[...clocks], [...endlessClocks], timers.size], [["nap"], ["nap"], 0])
    assert.isTrue(run.batch.isEmpty)
  })

  it("is one timer, however often it is asked for, and completes its deferred", () => {
    const { run } = bareRun()
    const waits = new Waits(run)
    for (const millis of [500, 700]) assert.isUndefined(waits.startClock("nap", millis))
    const { deferreds, endlessClocks, timers } = run.pass
    assert.deepStrictEqual(run.batch.entries.map(({ _tag }) => _tag), ["TimerSet"])
    assert.deepStrictEqual([endlessClocks.size, run.alarms.next], [0, 500])
    timers.get(1)?.waiter?.()
    assert.deepStrictEqual(deferreds.get("nap"), { _tag: "Success" })
  })
})
