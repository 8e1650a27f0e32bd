/** Conformance: what runs have spent. */
import { assert } from "@effect/vitest"
import type { DayClaim } from "@fermata/core/DayClaims"
import type { Backend, SpendingChange } from "@fermata/engine/Backend"
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

/** A claim of tokens, for the row at this place, within a limit of tokens. */
const claim = (day: number, tokens: number, limit: number, row = 0): DayClaim => ({
  day,
  amount: { tokens },
  limit: { tokens: limit },
  row,
  otherwise: (refusal) => `no room: ${JSON.stringify(refusal)}`
})

const claims = (...claims: ReadonlyArray<DayClaim>) => ({ spending: { days: [], claims } })

/** The sums of a day of tokens alone. */
const tokens = (day: number, tokens: number, reservedTokens: number) => ({
  day,
  micros: 0,
  tokens,
  reservedMicros: 0,
  reservedTokens
})

const rowsOf = (backend: Backend, run: string) =>
  Effect.map(
    backend.entries(run, 0, 100),
    (rows) => rows.map((row) => row.startsWith("no room: ") ? JSON.parse(row.slice("no room: ".length)) : row)
  )

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
    "the sums of days are those of a workflow, over all connections, with what each commit has added",
    (backend, connect) =>
      Effect.gen(function*() {
        const other = yield* connect
        yield* backend.write([
          startOwned("a"),
          startOwned("b"),
          start("c", { workflow: "else", owner: "a", dueAt: null })
        ])
        yield* backend.write([
          commit("a", 0, ["x"], spends([sums(1, 0, 5)])),
          commit("b", 0, ["x"], spends([sums(1, 0, 3), sums(2, 1, 0)], 1)),
          commit("c", 0, ["x"], spends([sums(1, 0, 9)]))
        ])
        yield* one(other, commit("a", 1, ["y"], spends([sums(1, 2, -5)], 2)))
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
      yield* one(backend, commit("a", 7, ["x"], claims(claim(1, 1, 1))))
      if (backend.supports.together) yield* one(backend, commit("a", 0, [], { together: () => null, ...change }))
      assert.deepStrictEqual(yield* backend.spending({}), [])
      assert.notProperty(yield* backend.run("a"), "spent")
    }))

  test(
    "a commit reserves on a day what that has room for, to the last of it, and is stored with a row that says so where it has none",
    (backend, connect) =>
      Effect.gen(function*() {
        const other = yield* connect
        yield* backend.write([
          startOwned("a"),
          startOwned("b"),
          startOwned("c"),
          start("d", { workflow: "else", owner: "a", dueAt: null })
        ])
        const taken = yield* one(backend, commit("a", 0, ["x"], claims(claim(1, 6, 10))))
        assert.deepStrictEqual(taken, { ok: true })
        const refusal = {
          day: 1,
          wanted: { tokens: 5 },
          spent: {},
          reserved: { tokens: 6 },
          limit: { tokens: 10 },
          next: 2
        }
        const refused = yield* one(
          other,
          commit("b", 0, ["x", "y", "z"], {
            ...claims(claim(1, 5, 10, 1)),
            status: { status: "suspended", reason: "budget", waits: "[]" }
          })
        )
        assert.deepStrictEqual(refused, { ok: true, refused: [{ row: 1, refusal }] })
        assert.deepStrictEqual(yield* rowsOf(backend, "b"), ["x", refusal, "z"])
        assert.strictEqual((yield* backend.run("b"))?.reason, "budget")
        // What is left, to the last, and on another day and for another workflow all of it.
        const rest = yield* backend.write([
          commit("c", 0, ["x"], claims(claim(1, 4, 10))),
          commit("c", 1, ["x"], claims(claim(2, 10, 10))),
          commit("d", 0, ["x"], claims(claim(1, 10, 10)))
        ])
        assert.deepStrictEqual(rest, [{ ok: true }, { ok: true }, { ok: true }])
        assert.deepStrictEqual(yield* backend.spending({}), [
          { workflow: "else", ...tokens(1, 0, 10) },
          { workflow: "purchase", ...tokens(1, 0, 10) },
          { workflow: "purchase", ...tokens(2, 0, 10) }
        ])
      })
  )

  test("claims of a commit come behind what it gives back, and one after another", (backend) =>
    Effect.gen(function*() {
      yield* one(backend, startOwned("a"))
      yield* one(backend, commit("a", 0, ["x"], claims(claim(1, 9, 10))))
      const answer = yield* one(
        backend,
        commit("a", 1, ["outcome", "first", "second", "third"], {
          spending: {
            spent: { tokens: 2 },
            days: [tokens(1, 2, -9)],
            claims: [claim(1, 5, 10, 1), claim(1, 4, 10, 2), claim(1, 3, 10, 3)]
          }
        })
      )
      const refusal = {
        day: 1,
        wanted: { tokens: 4 },
        spent: { tokens: 2 },
        reserved: { tokens: 5 },
        limit: { tokens: 10 },
        next: 2
      }
      assert.deepStrictEqual(answer, { ok: true, refused: [{ row: 2, refusal }] })
      assert.deepStrictEqual(yield* rowsOf(backend, "a"), ["x", "outcome", "first", refusal, "third"])
      assert.deepStrictEqual(yield* backend.spending({}), [{ workflow: "purchase", ...tokens(1, 2, 8) }])
      assert.deepStrictEqual((yield* backend.run("a"))?.spent, { tokens: 2 })
    }))

  test("a raise of a day is room on it, and a claim that is refused is told the next day that has some", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([
        startOwned("a"),
        raise("1", 1, 0, 2),
        raise("3", 3, 0, 4),
        raise("4", 4, 0, 9),
        raise("else", 2, 0, 99, { workflow: "else" })
      ])
      const refusals: Array<unknown> = []
      for (const [length, wanted] of [7, 8, 9, 15].entries()) {
        const answer = yield* one(backend, commit("a", length, ["x"], claims(claim(1, wanted, 5))))
        if (answer.ok) refusals.push(answer.refused?.map(({ refusal: { limit, next } }) => [limit.tokens, next]))
      }
      assert.deepStrictEqual(refusals, [undefined, [[7, 3]], [[7, 3]], [[7, undefined]]])
      // Of money nothing is said, so that it has no limit.
      const dear = { ...claim(1, 0, 7), amount: { micros: 1_000_000 } }
      assert.deepStrictEqual(yield* one(backend, commit("a", 4, ["x"], claims(dear))), { ok: true })
      assert.deepStrictEqual(
        (yield* backend.spending({ workflow: "purchase", until: 1 })).map(({ reservedMicros, reservedTokens }) => [
          reservedMicros,
          reservedTokens
        ]),
        [[1_000_000, 7]]
      )
    }))

  test(
    "a raise of a day is kept once, adds up, and stands beside the sums of that day",
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
        yield* one(other, commit("a", 0, ["x"], spends([sums(1, 1, 0), sums(3, 1, 0)], 2)))
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
      assert.deepStrictEqual(answer, { ok: true })
      assert.deepStrictEqual(yield* backend.spending({}), [{ workflow: "purchase", ...sums(1, 1, 0) }])
      assert.deepStrictEqual((yield* backend.run("a"))?.spent, { micros: 1 })
    }))
}
