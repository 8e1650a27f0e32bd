/** Conformance: commits with a part that is made inside the transaction. A backend that declares it cannot do that must undo them. */
import { assert } from "@effect/vitest"
import type { Together } from "@fermata/engine/Backend"
import * as Effect from "effect/Effect"
import { approval, commit, impossible, inbox, one, outboxRow, startOwned, type Test } from "./Fixtures.ts"

/** A part that gives these rows, and counts how often it is called. */
const giving = (...rows: ReadonlyArray<string>) => {
  const calls = { count: 0 }
  const together: Together = () => {
    calls.count++
    return { rows, blobs: [{ hash: `h-${rows[0]}`, data: "d" }], outbox: [outboxRow(`o-${rows[0]}`)] }
  }
  return { calls, together }
}

/** The tests of what commits together. */
export const togetherTests = (test: Test): void => {
  test("what is made inside a commit is stored with it, behind its own rows", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([startOwned("r", { rows: ["e0"] }), inbox("r", "i1")])
      const { calls, together } = giving("made", "too")
      const answer = yield* one(
        backend,
        commit("r", 1, ["e1"], { together, consumed: ["i1"], outbox: [outboxRow("o")] })
      )
      if (!backend.supports.together) {
        assert.deepStrictEqual(answer, { ok: false, epoch: 1, length: 1, undone: true })
        assert.strictEqual(calls.count, 0)
        return
      }
      assert.deepStrictEqual(answer, { ok: true })
      assert.deepStrictEqual(yield* backend.entries("r", 0, 10), ["e0", "e1", "made", "too"])
      assert.strictEqual((yield* backend.run("r"))!.length, 4)
      assert.strictEqual(yield* backend.blob("h-made"), "d")
      assert.deepStrictEqual((yield* backend.outbox(10, true)).map(({ id }) => id), ["o", "o-made"])
      assert.deepStrictEqual(yield* backend.inbox("r"), [])
      assert.strictEqual(calls.count, 1)
      assert.deepStrictEqual(yield* one(backend, commit("r", 4, ["e4"])), { ok: true })
    }))

  test("a part that gives nothing or throws undoes its commit, and nothing else of the list", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([startOwned("r", { rows: ["e0"] }), startOwned("s"), inbox("r", "i1")])
      const parts: ReadonlyArray<Together> = [
        () => null,
        () => {
          throw new Error("it broke")
        }
      ]
      for (const [index, together] of parts.entries()) {
        const everything = {
          together,
          blobs: [{ hash: "h", data: "d" }],
          consumed: ["i1"],
          outbox: [outboxRow("o")],
          approvalsOpened: [approval("r", "k")],
          release: { dueAt: 5 }
        }
        const answers = yield* backend.write([
          commit("s", 2 * index, ["before"]),
          commit("r", 1, ["x"], everything),
          commit("s", 2 * index + 1, ["after"])
        ])
        assert.deepStrictEqual(answers, [{ ok: true }, { ok: false, epoch: 1, length: 1, undone: true }, { ok: true }])
        assert.deepStrictEqual(yield* backend.entries("r", 0, 10), ["e0"])
        assert.deepStrictEqual(yield* backend.entries("s", 2 * index, 10), ["before", "after"])
        assert.strictEqual((yield* backend.run("r"))!.owner, "a")
        assert.isNull(yield* backend.blob("h"))
        assert.deepStrictEqual(yield* backend.outbox(10, true), [])
        assert.deepStrictEqual(yield* backend.approvals(null, 10), [])
        assert.deepStrictEqual((yield* backend.inbox("r")).map(({ id }) => id), ["i1"])
      }
      assert.deepStrictEqual(yield* one(backend, commit("r", 1, ["e1"])), { ok: true })
    }))

  test("S5: a part of a stale commit, or of an unknown run, is not called", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([startOwned("r", { rows: ["e0"] })])
      const { calls, together } = giving("made")
      const answers = yield* backend.write([
        commit("r", 1, [], { together, epoch: 2 }),
        commit("r", 0, [], { together }),
        commit("other", 0, [], { together })
      ])
      assert.deepStrictEqual(answers, [
        { ok: false, epoch: 1, length: 1 },
        { ok: false, epoch: 1, length: 1 },
        { ok: false, epoch: 0, length: 0 }
      ])
      assert.strictEqual(calls.count, 0)
      assert.deepStrictEqual(yield* backend.entries("r", 0, 10), ["e0"])
    }))

  test("a failure of the list undoes what was made inside its commits", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([startOwned("r", { rows: ["e0"] })])
      const { together } = giving("made")
      const failure = yield* Effect.flip(backend.write([commit("r", 1, [], { together }), impossible]))
      assert.strictEqual(failure._tag, "StorageFailed")
      assert.deepStrictEqual(yield* backend.entries("r", 0, 10), ["e0"])
      assert.isNull(yield* backend.blob("h-made"))
      assert.deepStrictEqual(yield* backend.outbox(10, true), [])
    }))

  test("an effect that is put into the transaction runs at once, with its value, its failure and its services", (backend) =>
    Effect.gen(function*() {
      if (!backend.supports.together) return
      yield* backend.write([startOwned("r")])
      const told: Array<unknown> = []
      const answers = yield* backend.write([
        commit("r", 0, [], {
          together: (within) => {
            told.push(Effect.runSync(within(Effect.succeed(7))))
            told.push(Effect.runSync(Effect.flip(within(Effect.fail("no")))))
            told.push(Effect.runSync(Effect.flatMap(within(Effect.yieldNow), () => Effect.succeed("later"))))
            return { rows: ["made"], blobs: [], outbox: [] }
          }
        })
      ])
      assert.deepStrictEqual(answers, [{ ok: true }])
      assert.deepStrictEqual(told, [7, "no", "later"])
    }))
}
