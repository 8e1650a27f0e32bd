import { assert, describe, it } from "@effect/vitest"
import { end, startOwned } from "@fermata/testing/backend/Fixtures"
import { Cause, Deferred, Effect, Exit, Fiber } from "effect"
import { StorageFailed } from "../src/Backend.ts"
import { RunWaiters } from "../src/internal/process/RunWaiters.ts"
import * as MemoryBackend from "../src/MemoryBackend.ts"

describe("RunWaiters", () => {
  it.effect("wait until they are told of the status they want, and are forgotten then", () =>
    Effect.gen(function*() {
      const backend = MemoryBackend.make(MemoryBackend.makeStore())
      yield* backend.write([startOwned("r"), startOwned("s")])
      let looks = 0
      const waiters = new RunWaiters({
        ...backend,
        run: (id) => Effect.andThen(Effect.sync(() => looks++), backend.run(id))
      })
      const [one, two, other] = yield* Effect.forEach(["r", "r", "s"], (id) =>
        Effect.forkChild(waiters.untilEnd(id), { startImmediately: true }))
      assert.deepStrictEqual(waiters.runIds, ["r", "s"])
      assert.strictEqual(looks, 3)
      waiters.notify("r")
      yield* Effect.yieldNow
      assert.strictEqual(looks, 5, "those who were told looked once each")
      yield* Fiber.interrupt(two!)
      assert.deepStrictEqual(waiters.runIds.toSorted(), ["r", "s"])
      yield* backend.write([end("r", 0, "done")])
      waiters.notify("r")
      assert.strictEqual((yield* Fiber.join(one!))?.row.id, "r")
      assert.deepStrictEqual(waiters.runIds, ["s"])
      yield* Fiber.interrupt(other!)
      assert.deepStrictEqual(waiters.runIds, [])
    }))

  it.effect("do not wait for a run that is as wanted already, or is none", () =>
    Effect.gen(function*() {
      const backend = MemoryBackend.make(MemoryBackend.makeStore())
      yield* backend.write([startOwned("r"), end("r", 0, "done")])
      const waiters = new RunWaiters(backend)
      assert.strictEqual((yield* waiters.untilEnd("r"))?.row.id, "r")
      assert.isNull(yield* waiters.untilEnd("nobody"))
      assert.deepStrictEqual(waiters.runIds, [])
      waiters.notify("nobody")
    }))

  it.effect("are given an end that was committed here, and look for nothing", () =>
    Effect.gen(function*() {
      const backend = MemoryBackend.make(MemoryBackend.makeStore())
      const { run } = (yield* backend.write([startOwned("r")]))[0]
      let looks = 0
      const waiters = new RunWaiters({
        ...backend,
        run: (id) => Effect.tap(backend.run(id), () => Effect.sync(() => looks++))
      })
      const waiting = yield* Effect.forkChild(waiters.untilEnd("r"), { startImmediately: true })
      const row = { ...run, status: "completed" }
      const last = { _tag: "RunCompleted", seq: 1, epoch: 1, at: 0 } as const
      waiters.notify("r", { row, last })
      assert.deepStrictEqual(yield* Fiber.join(waiting), { row, last })
      assert.strictEqual(looks, 1)
    }))

  it.effect("are given what is told while the run is only being started, and its end rather than what is told behind it", () =>
    Effect.gen(function*() {
      const backend = MemoryBackend.make(MemoryBackend.makeStore())
      const { run } = (yield* backend.write([startOwned("r")]))[0]
      const waiters = new RunWaiters({ ...backend, run: () => Effect.die("nobody need look") })
      const told = (status: string) => waiters.notify("r", { row: { ...run, status } })
      const starting = Effect.sync(() => {
        told("suspended")
        told("completed")
        told("suspended")
        return run
      })
      assert.strictEqual((yield* waiters.untilRest("r", starting))?.row.status, "completed")
    }))

  it.effect("wait on where they are told of something else than they want", () =>
    Effect.gen(function*() {
      const backend = MemoryBackend.make(MemoryBackend.makeStore())
      const { run } = (yield* backend.write([startOwned("r")]))[0]
      const waiters = new RunWaiters(backend)
      const waiting = yield* Effect.forkChild(waiters.untilEnd("r"), { startImmediately: true })
      waiters.notify("r", { row: { ...run, status: "suspended" } })
      yield* Effect.yieldNow
      assert.isUndefined(waiting.pollUnsafe())
      yield* backend.write([end("r", 0, "done")])
      waiters.notify("r")
      assert.strictEqual((yield* Fiber.join(waiting))?.row.status, "completed")
    }))

  it.effect("S4: are interrupted when the engine closes, and when they ask behind that, also where the store fails then", () =>
    Effect.gen(function*() {
      const backend = MemoryBackend.make(MemoryBackend.makeStore())
      yield* backend.write([startOwned("r"), startOwned("s")])
      const waiters = new RunWaiters(backend)
      const failed = new StorageFailed({ operation: "read", problem: "closed", cause: undefined })
      const starting = yield* Deferred.make<never, StorageFailed>()
      const fibers = yield* Effect.forEach(
        [waiters.untilEnd("r"), waiters.untilRest("s", Deferred.await(starting))],
        (wait) => Effect.forkChild(wait, { startImmediately: true })
      )
      assert.strictEqual((yield* Effect.flip(waiters.untilRest("s", Effect.fail(failed)))).message, failed.message)
      waiters.close()
      yield* Deferred.fail(starting, failed)
      const late = yield* Effect.forkChild(waiters.untilEnd("r"), { startImmediately: true })
      for (const fiber of [...fibers, late]) {
        const exit = yield* Fiber.await(fiber)
        assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
      }
      assert.deepStrictEqual(waiters.runIds, [])
    }))

  it.effect("are given an end that was committed before the engine closes", () =>
    Effect.gen(function*() {
      const backend = MemoryBackend.make(MemoryBackend.makeStore())
      const { run } = (yield* backend.write([startOwned("r")]))[0]
      const waiters = new RunWaiters(backend)
      const starting = Effect.sync(() => {
        waiters.notify("r", { row: { ...run, status: "completed" } })
        waiters.close()
        return run
      })
      assert.strictEqual((yield* waiters.untilRest("r", starting))?.row.status, "completed")
    }))
})
