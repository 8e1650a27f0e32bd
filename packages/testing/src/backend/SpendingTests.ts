/** Conformance: what runs have spent. */
import { assert } from "@effect/vitest"
import type { SpendingChange } from "@fermata/engine/Backend"
import * as Effect from "effect/Effect"
import { commit, one, start, startOwned, type Test } from "./Fixtures.ts"

const sums = (day: number, micros: number, reservedMicros: number) => ({
  day,
  micros,
  tokens: micros * 2,
  reservedMicros,
  reservedTokens: reservedMicros * 2
})

const spends = (days: SpendingChange["days"], micros?: number) => ({
  spending: { days, ...(micros === undefined ? {} : { spent: { micros } }) }
})

/** Tests of what runs have spent: in their rows, and by workflow and day. */
export const spendingTests = (test: Test): void => {
  test("a run has no sum until it has spent something, and then the latest that was said", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([startOwned("a"), commit("a", 0, ["x"]), commit("a", 1, ["y"], spends([sums(1, 0, 5)]))])
      assert.notProperty(yield* backend.run("a"), "spent")
      yield* one(backend, commit("a", 2, ["z"], spends([sums(1, 4, -5)], 4)))
      assert.deepStrictEqual((yield* backend.run("a"))?.spent, { micros: 4 })
      yield* one(backend, commit("a", 3, ["z"], { spending: { days: [], spent: { micros: 6, tokens: 2 } } }))
      yield* one(backend, commit("a", 4, ["z"]))
      assert.deepStrictEqual((yield* backend.runs({ limit: 9 })).map(({ spent }) => spent), [{ micros: 6, tokens: 2 }])
    }))

  test(
    "each commit is told the sums of its workflow's days with what it has added, and without what comes behind it",
    (backend, connect) =>
      Effect.gen(function*() {
        const other = yield* connect
        yield* backend.write([
          startOwned("a"),
          startOwned("b"),
          start("c", { workflow: "else", owner: "a", dueAt: null })
        ])
        const [first, second, third] = yield* backend.write([
          commit("a", 0, ["x"], spends([sums(1, 0, 5)])),
          commit("b", 0, ["x"], spends([sums(1, 0, 3), sums(2, 1, 0)], 1)),
          commit("c", 0, ["x"], spends([sums(1, 0, 9)]))
        ])
        const fourth = yield* one(other, commit("a", 1, ["y"], spends([sums(1, 2, -5)], 2)))
        assert.deepStrictEqual([first, second, third, fourth], [
          { ok: true, days: [sums(1, 0, 5)] },
          { ok: true, days: [sums(1, 0, 8), sums(2, 1, 0)] },
          { ok: true, days: [sums(1, 0, 9)] },
          { ok: true, days: [sums(1, 2, 3)] }
        ])
        assert.deepStrictEqual(yield* backend.spending({ workflow: "purchase" }), [
          { workflow: "purchase", ...sums(1, 2, 3) },
          { workflow: "purchase", ...sums(2, 1, 0) }
        ])
        assert.deepStrictEqual(
          (yield* backend.spending({ since: 1, until: 1 })).map(({ workflow }) => workflow),
          ["else", "purchase"]
        )
      })
  )

  test("a commit that is refused, or undone, adds nothing", (backend) =>
    Effect.gen(function*() {
      yield* one(backend, startOwned("a"))
      const change = spends([sums(1, 1, 0)], 1)
      yield* one(backend, commit("a", 7, ["x"], change))
      yield* one(backend, commit("a", 0, ["x"], { epoch: 2, ...change }))
      if (backend.supports.together) yield* one(backend, commit("a", 0, [], { together: () => null, ...change }))
      assert.deepStrictEqual(yield* backend.spending({}), [])
      assert.notProperty(yield* backend.run("a"), "spent")
    }))

  test("what is made inside a commit adds what it says", (backend) =>
    Effect.gen(function*() {
      if (!backend.supports.together) return
      yield* one(backend, startOwned("a"))
      const together = () => ({ rows: ["x"], blobs: [], outbox: [], ...spends([sums(1, 1, 0)], 1) })
      const answer = yield* one(backend, commit("a", 0, [], { together }))
      assert.deepStrictEqual(answer, { ok: true, days: [sums(1, 1, 0)] })
      assert.deepStrictEqual((yield* backend.run("a"))?.spent, { micros: 1 })
    }))
}
