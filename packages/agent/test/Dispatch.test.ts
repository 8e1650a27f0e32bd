import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Ref } from "effect"
import * as fc from "fast-check"
import * as Dispatch from "../src/internal/Dispatch.ts"

describe("the calls of one answer", () => {
  it("M-131: neighbours that are safe go together, each other one alone, all of them once and in order", () => {
    fc.assert(fc.property(fc.array(fc.boolean()), (safe) => {
      const calls = safe.map((safe, index) => ({ index, safe }))
      const batches = Dispatch.batches(calls, ({ safe }) => safe)
      assert.deepStrictEqual(batches.flat(), calls)
      for (const [index, batch] of batches.entries()) {
        if (batch.length > 1) assert.isTrue(batch.every(({ safe }) => safe))
        const next = batches[index + 1]
        if (next !== undefined) assert.isFalse(batch.at(-1)!.safe && next[0]!.safe)
      }
    }))
  })

  it.effect("M-130, M-132: at most so many run at once, and results are in the order of the calls", () =>
    Effect.gen(function*() {
      const running = yield* Ref.make(0)
      const most = yield* Ref.make(0)
      const gates = yield* Effect.forEach(Array.from({ length: 15 }), () => Deferred.make<void>())
      const all = yield* Effect.forkChild(
        Dispatch.each(gates, () => true, 10, (gate) =>
          Effect.gen(function*() {
            const now = yield* Ref.updateAndGet(running, (n) => n + 1)
            yield* Ref.update(most, (n) => Math.max(n, now))
            yield* Deferred.await(gate)
            yield* Ref.update(running, (n) => n - 1)
            return gates.indexOf(gate)
          })),
        { startImmediately: true }
      )
      for (const gate of gates.toReversed()) yield* Deferred.succeed(gate, undefined)
      assert.deepStrictEqual(yield* Fiber.join(all), gates.map((_, index) => index))
      assert.strictEqual(yield* Ref.get(most), 10)
    }))
})
