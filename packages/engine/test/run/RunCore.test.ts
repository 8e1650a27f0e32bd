import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"
import * as Phase from "../../src/internal/run/Phase.ts"
import { bareRun } from "../support/BareRun.ts"

const gone = { ended: Phase.ended, evicted: Phase.evicted, dropped: Phase.dropped }

describe("what the parts of a run share", () => {
  it("keeps a happening until it is taken, and wakes the run", () => {
    const { loop, run } = bareRun()
    run.push({ _tag: "Still" })
    assert.deepStrictEqual([run.ready, loop.woken], [[{ _tag: "Still" }], 1])
  })

  for (const [how, phase] of Object.entries(gone)) {
    it(`keeps nothing that happens to a run that is ${how}, and wakes nobody`, () => {
      const { loop, run } = bareRun()
      run.phase = phase
      run.push({ _tag: "Still" })
      assert.deepStrictEqual([run.ready, loop.woken], [[], 0])
    })

    it.effect(`S5: takes no request of a run that is ${how}, whose fiber waits`, () =>
      Effect.gen(function*() {
        const { loop, run } = bareRun()
        run.phase = phase
        const fiber = yield* Effect.forkChild(run.ask(() => assert.fail("it is asked for")), { startImmediately: true })
        yield* Effect.yieldNow
        assert.strictEqual(loop.woken, 1)
        assert.isUndefined(fiber.pollUnsafe())
        yield* Fiber.interrupt(fiber)
      }))
  }

  it.effect("S9: takes no request behind the first place where code and journal part", () =>
    Effect.gen(function*() {
      const { run } = bareRun()
      run.diverge({ key: "a", detail: "first" })
      run.diverge({ key: "b", detail: "second" })
      assert.deepStrictEqual(run.replayer.problem, { key: "a", detail: "first" })
      const fiber = yield* Effect.forkChild(run.ask(() => assert.fail("it is asked for")), { startImmediately: true })
      yield* Effect.yieldNow
      assert.isUndefined(fiber.pollUnsafe())
      yield* Fiber.interrupt(fiber)
    }))

  it.effect("resumes a request once, and takes back one that is interrupted before", () =>
    Effect.gen(function*() {
      const { loop, run } = bareRun()
      let withdrawn = 0
      let resume = (_: number): void => {}
      const ask = run.ask<number>((resumed) => {
        resume = resumed
        return () => void withdrawn++
      })
      const asked = yield* Effect.forkChild(ask, { startImmediately: true })
      resume(1)
      resume(2)
      assert.strictEqual(yield* Fiber.join(asked), 1)
      assert.strictEqual(withdrawn, 0)
      const given = yield* Effect.forkChild(ask, { startImmediately: true })
      const before = loop.woken
      yield* Fiber.interrupt(given)
      assert.deepStrictEqual([withdrawn, loop.woken], [1, before + 1])
      const left = yield* Effect.forkChild(ask, { startImmediately: true })
      run.phase = Phase.dropped
      yield* Fiber.interrupt(left)
      assert.strictEqual(withdrawn, 1, "what is gone is not taken back")
      run.phase = Phase.live
      const refused = yield* Effect.exit(run.ask((_, refuse) => refuse(new Error("no"))))
      assert.isTrue(Exit.isFailure(refused))
    }))
})
