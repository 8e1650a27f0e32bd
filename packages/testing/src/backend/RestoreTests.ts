/** Conformance: a store that was put back from a backup. */
import { assert } from "@effect/vitest"
import { epochsAhead, type RestoreOp } from "@fermata/engine/Backend"
import * as Effect from "effect/Effect"
import { commit, end, inbox, one, start, startOwned, suspend, type Test } from "./Fixtures.ts"

const restore = (id: string, rest: Partial<RestoreOp> = {}): RestoreOp => ({
  op: "restore",
  id,
  by: "ops",
  at: 9_000,
  from: null,
  ...rest
})

/** Tests of restores. */
export const restoreTests = (test: Test): void => {
  test(
    "S5: a store that was put back has open runs in doubt, that nobody owns and no earlier owner may write",
    (backend, connect) =>
      Effect.gen(function*() {
        const other = yield* connect
        yield* backend.write([
          startOwned("owned", { rows: ["o0"] }),
          startOwned("rests", { rows: ["r0"] }),
          suspend("rests", 1, 5_000),
          startOwned("over", { rows: ["e0"] }),
          end("over", 1, "done"),
          start("queued"),
          { op: "heartbeat", owner: { id: "a", expiresAt: 99_000, worker: true, info: "{}" } }
        ])
        assert.deepStrictEqual(yield* backend.restores, [])
        const known = { id: "anew1", by: "ops", from: 2_000, to: 9_000 }
        assert.deepStrictEqual(yield* one(backend, restore("anew1")), { restore: known, runs: 3 })
        assert.deepStrictEqual(yield* other.restores, [known])
        assert.deepStrictEqual(yield* other.owners, [])
        const rows = yield* Effect.forEach(["owned", "rests", "queued"], (id) => other.run(id))
        assert.deepStrictEqual(
          rows.map((row) => [row?.epoch, row?.owner, row?.dueAt, row?.status, row?.length, row?.restored]),
          [
            [1 + epochsAhead, null, 0, "running", 1, known],
            [1 + epochsAhead, null, 5_000, "suspended", 1, known],
            [epochsAhead, null, 0, "queued", 0, known]
          ]
        )
        assert.isUndefined((yield* other.run("over"))?.restored)
        assert.isFalse((yield* one(backend, commit("owned", 1, ["late"]))).ok)
        assert.isFalse((yield* one(backend, commit("owned", 1, ["later"], { epoch: 2 }))).ok)
        const { run } = yield* one(backend, { op: "claimOne", owner: "b", run: "owned" })
        assert.deepInclude(run, { epoch: 2 + epochsAhead, owner: "b", restored: known })
        assert.isTrue((yield* one(backend, commit("owned", 1, ["o1"], { epoch: 2 + epochsAhead }))).ok)
        assert.deepStrictEqual(yield* other.entries("owned", 0, 10), ["o0", "o1"])
      })
  )

  test(
    "S5: a store that was put back knows no position that was given before",
    (backend, connect) =>
      Effect.gen(function*() {
        const other = yield* connect
        yield* one(backend, startOwned("r", { rows: ["r0"] }))
        const before = yield* other.position
        yield* one(backend, restore("anew1"))
        assert.deepStrictEqual(yield* other.changes(before, 10), {
          rows: [],
          next: yield* backend.position,
          reset: true
        })
        assert.isTrue((yield* backend.position).startsWith("anew1-"))
      })
  )

  test("runs in doubt are listed until they are certain or over, with every other condition of a list", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([
        startOwned("a", { rows: ["0"] }),
        startOwned("b", { rows: ["0"] }),
        start("c", { workflow: "other", labels: { of: "acme" } }),
        start("d")
      ])
      const ids = (filter: object = {}) =>
        Effect.map(backend.runs({ limit: 10, restored: true, ...filter }), (rows) => rows.map(({ id }) => id))
      assert.deepStrictEqual(yield* ids(), [])
      yield* one(backend, restore("anew1", { from: 1_500 }))
      yield* one(backend, start("e"))
      assert.deepStrictEqual(yield* ids(), ["d", "c", "b", "a"])
      assert.deepStrictEqual(yield* ids({ limit: 2 }), ["d", "c"])
      assert.deepStrictEqual(yield* ids({ before: "c" }), ["b", "a"])
      assert.deepStrictEqual(yield* ids({ workflow: "purchase", status: ["queued"] }), ["d"])
      assert.deepStrictEqual(yield* ids({ labels: { of: "acme" } }), ["c"])
      assert.deepStrictEqual(yield* ids({ prefix: "b" }), ["b"])
      assert.deepStrictEqual(yield* ids({ reason: ["signal"] }), [])
      yield* one(backend, commit("a", 1, ["1"], { epoch: 1 + epochsAhead, certain: true }))
      yield* one(backend, end("b", 1, "done", { epoch: 1 + epochsAhead }))
      assert.deepStrictEqual(yield* ids(), ["d", "c"])
      assert.isUndefined((yield* backend.run("a"))?.restored)
      yield* one(backend, restore("anew2", { at: 9_500, from: 1_600 }))
      assert.deepStrictEqual(yield* ids(), ["e", "d", "c", "a"])
      assert.deepStrictEqual((yield* backend.restores).map(({ from, id }) => [id, from]), [["anew1", 1_500], [
        "anew2",
        1_600
      ]])
      assert.strictEqual((yield* backend.run("c"))?.restored?.id, "anew2")
    }))

  test("S2: what a run in doubt asks for is in doubt, also when that was on its way in the backup", (backend) =>
    Effect.gen(function*() {
      const message = (id: string, kind: string, payload: object) => ({ id, kind, payload: JSON.stringify(payload) })
      yield* backend.write([
        startOwned("parent", { rows: ["0"] }),
        startOwned("sender", { rows: ["0"] }),
        startOwned("teller", { rows: ["0"] }),
        startOwned("quiet", { rows: ["0"] }),
        end("quiet", 1, "done"),
        end("sender", 1, "done", { outbox: [message("m1", "start", { parent: "sender" })] }),
        end("teller", 1, "done", { outbox: [message("m2", "event", { correlationId: "teller", source: "s" })] })
      ])
      yield* one(backend, restore("anew1"))
      const started = (id: string, askedBy?: string) =>
        Effect.map(
          one(backend, start(id, {}, askedBy === undefined ? {} : { askedBy })),
          ({ run }) => run.restored?.id
        )
      assert.strictEqual(yield* started("of parent", "parent"), "anew1")
      assert.strictEqual(yield* started("of sender", "sender"), "anew1")
      assert.strictEqual(yield* started("of teller", "teller"), "anew1")
      assert.isUndefined(yield* started("of quiet", "quiet"))
      assert.isUndefined(yield* started("of nobody"))
      assert.isUndefined(yield* started("of a stranger", "stranger"))
      assert.strictEqual((yield* backend.run("of parent"))?.restored?.id, "anew1")
      // A run that is certain again has done nothing else since the backup.
      yield* one(backend, commit("parent", 1, ["1"], { epoch: 1 + epochsAhead, certain: true }))
      assert.isUndefined(yield* started("later", "parent"))
    }))

  test("what is in the inbox of a run stays there when the store is put back", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([startOwned("r", { rows: ["0"] }), inbox("r", "i")])
      yield* one(backend, restore("anew1"))
      assert.deepStrictEqual((yield* backend.inbox("r")).map(({ id }) => id), ["i"])
    }))
}
