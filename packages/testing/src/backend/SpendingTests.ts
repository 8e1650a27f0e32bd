/** Conformance: what runs have spent. */
import { assert } from "@effect/vitest"
import type { SpendingChange } from "@fermata/engine/Backend"
import * as Effect from "effect/Effect"
import { commit, end, one, raise, start, startOwned, suspend, type Test } from "./Fixtures.ts"

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

  test(
    "a raise of a day is kept once, adds up, and is told to each commit of that day behind it",
    (backend, connect) =>
      Effect.gen(function*() {
        const other = yield* connect
        yield* backend.write([startOwned("a"), startOwned("b")])
        const [first, again, second] = yield* backend.write([
          raise("1", 1, 5, 2),
          raise("1", 1, 9, 9),
          raise("2", 1, 1, 0, { note: "why" })
        ])
        const third = yield* one(other, raise("3", 2, 0, 7))
        assert.deepStrictEqual([first, again, second, third].map(({ raised, result }) => ({ raised, result })), [
          { result: "accepted", raised: { micros: 5, tokens: 2 } },
          { result: "duplicate", raised: { micros: 5, tokens: 2 } },
          { result: "accepted", raised: { micros: 6, tokens: 2 } },
          { result: "accepted", raised: { tokens: 7 } }
        ])
        assert.deepStrictEqual(yield* one(other, commit("a", 0, ["x"], spends([sums(1, 1, 0), sums(3, 1, 0)], 2))), {
          ok: true,
          days: [{ ...sums(1, 1, 0), raised: { micros: 6, tokens: 2 } }, sums(3, 1, 0)]
        })
        assert.deepStrictEqual(
          (yield* backend.spending({ until: 2 })).map(({ day, micros, raised }) => [day, micros, raised]),
          [[1, 1, { micros: 6, tokens: 2 }], [2, 0, { tokens: 7 }]]
        )
        assert.deepStrictEqual(yield* backend.dayRaises({}), [
          raise("1", 1, 5, 2).row,
          raise("2", 1, 1, 0, { note: "why" }).row,
          raise("3", 2, 0, 7).row
        ])
        assert.deepStrictEqual((yield* backend.dayRaises({ since: 2 })).map(({ id }) => id), ["3"])
        assert.deepStrictEqual((yield* backend.dayRaises({ until: 1, workflow: "purchase" })).map(({ id }) => id), [
          "1",
          "2"
        ])
        assert.deepStrictEqual(yield* backend.dayRaises({ workflow: "else" }), [])
      })
  )

  test("a raise of a day tells the runs of its workflow that run, or are suspended for one of its reasons", (backend) =>
    Effect.gen(function*() {
      const waits = (run: string, reason: string) =>
        suspend(run, 0, null, { status: { status: "suspended", reason, waits: "[]" } })
      yield* backend.write([
        startOwned("runs"),
        ...["short", "asks", "stands"].map((id) => startOwned(id)),
        start("queued"),
        startOwned("over"),
        start("else", { workflow: "else", status: "running", owner: "a", dueAt: null }),
        waits("short", "budget"),
        waits("asks", "approval"),
        waits("stands", "corrupt"),
        end("over", 0, "done")
      ])
      const { told } = yield* one(backend, raise("1", 1, 5, 0, {}, ["budget", "corrupt"]))
      assert.deepStrictEqual(told, ["runs", "short", "stands"])
      assert.deepStrictEqual((yield* backend.run("short"))?.dueAt, 0)
      assert.deepStrictEqual(yield* backend.inbox("runs"), [
        { run: "runs", id: "raise:1", kind: "signal", payload: "1", at: 1_700 }
      ])
      assert.deepStrictEqual(yield* backend.inbox("asks"), [])
      assert.deepStrictEqual((yield* one(backend, raise("1", 1, 5, 0, {}, ["approval"]))).told, [])
      assert.deepStrictEqual(yield* backend.inbox("asks"), [])
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
