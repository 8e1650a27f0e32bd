/** Conformance: runs that are left by those who listen to them. */
import { assert } from "@effect/vitest"
import type { Backend, Op } from "@fermata/engine/Backend"
import * as Effect from "effect/Effect"
import { commit, end, ids, leave, outboxRow, start, startOwned, stopRow, type Test } from "./Fixtures.ts"

/** Two runs, and a child that the first has started. */
const family = [startOwned("a"), startOwned("b"), start("child", { parent: "a" }, { listener: "a" })]
const join = (listener: string | null, message?: string) =>
  start("child", {}, { listener, ...(message === undefined ? {} : { message }) })

const isStopped = (backend: Backend, run = "child") =>
  Effect.map(backend.inbox(run), (rows) => ids(rows).includes(stopRow.id))

/** The tests of leaving. */
export const leaveTests = (test: Test): void => {
  const cases: ReadonlyArray<readonly [what: string, ops: ReadonlyArray<Op>, stopped: boolean]> = [
    ["its keeper leaves, and nobody else listens", [...family, leave("child", "a")], true],
    ["its keeper leaves, and another listens", [...family, join("b"), leave("child", "a")], false],
    ["one that joined leaves", [...family, join("b"), leave("child", "b")], false],
    ["one that joined leaves, and its keeper behind it", [
      ...family,
      join("b"),
      leave("child", "b"),
      leave("child", "a")
    ], true],
    ["its keeper leaves, and one that joined behind it", [
      ...family,
      join("b"),
      leave("child", "a"),
      leave("child", "b")
    ], true],
    ["its keeper leaves, and the other listener has ended", [
      ...family,
      join("b"),
      end("b", 0, "over"),
      leave("child", "a")
    ], true],
    ["its keeper leaves, and the other listener is unknown", [...family, join("nobody"), leave("child", "a")], true],
    ["one leaves that never listened", [...family, leave("child", "b")], false],
    [
      "its keeper ends, and one that joined leaves",
      [...family, join("b"), end("a", 0, "over"), leave("child", "b")],
      false
    ],
    ["it was started by nobody who leaves", [startOwned("a"), start("child"), join("a"), leave("child", "a")], false],
    ["somebody who never leaves has asked for it too", [...family, join(null), leave("child", "a")], false],
    ["its keeper leaves and comes back", [...family, leave("child", "a"), join("a")], true],
    ["its keeper leaves, comes back and ends, and the last leaves", [
      ...family,
      join("b"),
      leave("child", "a"),
      join("a"),
      end("a", 0, "over"),
      leave("child", "b")
    ], true]
  ]
  for (const [what, ops, stopped] of cases) {
    test(`S8: a run is ${stopped ? "stopped" : "not stopped"} when ${what}`, (backend) =>
      Effect.gen(function*() {
        yield* backend.write(ops)
        assert.strictEqual(yield* isStopped(backend), stopped)
        const run = (yield* backend.run("child"))!
        assert.include(run, { status: "queued", dueAt: 0 })
      }))
  }

  test("says whether a leave stops the run, and makes a run due that it stops", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([...family, join("b"), commit("child", 0, [], { epoch: 0, release: { dueAt: null } })])
      assert.deepStrictEqual(yield* backend.write([leave("child", "a"), leave("unknown", "a")]), [{ stopped: false }, {
        stopped: false
      }])
      assert.isNull((yield* backend.run("child"))!.dueAt)
      assert.deepStrictEqual(yield* backend.write([leave("child", "b"), leave("child", "b")]), [{ stopped: true }, {
        stopped: false
      }])
      assert.strictEqual((yield* backend.run("child"))!.dueAt, 0)
    }))

  test("one that has left is not told the end", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([
        ...family,
        join("b"),
        leave("child", "a"),
        commit("child", 0, [], {
          epoch: 0,
          status: { status: "completed", reason: null, waits: null },
          ended: { payload: "the outcome" }
        })
      ])
      assert.deepStrictEqual([ids(yield* backend.inbox("a")), ids(yield* backend.inbox("b"))], [[], ["child:child"]])
      assert.deepStrictEqual(yield* backend.write([leave("child", "b")]), [{ stopped: false }])
    }))

  test("a run that leaves all it listens to leaves each, but for the exceptions", (backend) =>
    Effect.gen(function*() {
      const children = ["c1", "c2", "c3"].map((id) => start(id, { parent: "a" }, { listener: "a" }))
      yield* backend.write([
        startOwned("a"),
        startOwned("b"),
        ...children,
        start("c2", {}, { listener: "b" }),
        commit("a", 0, ["stopped"], { at: 9_000, leaves: { except: ["c3"], row: stopRow } })
      ])
      assert.deepStrictEqual(
        yield* Effect.forEach(["c1", "c2", "c3"], (run) => isStopped(backend, run)),
        [true, false, false]
      )
      assert.deepStrictEqual(yield* backend.inbox("c1"), [{ ...stopRow, run: "c1", at: 9_000 }])
      yield* backend.write([commit("a", 1, [], { leaves: { except: [], row: stopRow } }), leave("c2", "b")])
      assert.deepStrictEqual(
        yield* Effect.forEach(["c1", "c2", "c3"], (run) => isStopped(backend, run)),
        [true, true, true]
      )
      const stale = commit("b", 7, ["stale"], { leaves: { except: [], row: stopRow } })
      assert.deepStrictEqual(yield* backend.write([start("c4", {}, { listener: "b" }), stale]), [
        { started: true, run: (yield* backend.run("c4"))! },
        { ok: false, epoch: 1, length: 0 }
      ])
      assert.isFalse(yield* isStopped(backend, "c4"))
    }))

  test("what came with a message that has been delivered joins and leaves nothing again", (backend) =>
    Effect.gen(function*() {
      const sent = { op: "publish", rows: [outboxRow("m1"), outboxRow("m2")] } as const
      yield* backend.write([...family, join("b"), sent])
      yield* backend.write([leave("child", "b", "m1"), { op: "delivered", ids: ["m1"] }])
      yield* backend.write([join("b"), leave("child", "b", "m1")])
      assert.deepStrictEqual(yield* backend.write([leave("child", "a")]), [{ stopped: false }], "b listens")
      yield* backend.write([leave("child", "b", "m2"), { op: "delivered", ids: ["m2"] }])
      assert.isTrue(yield* isStopped(backend))
      yield* backend.write([start("other", { parent: "a" }, { listener: "a" }), join("b", "m2")])
      yield* backend.write([leave("other", "b"), leave("other", "a")])
      assert.isTrue(yield* isStopped(backend, "other"))
    }))
}
