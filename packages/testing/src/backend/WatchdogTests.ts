/** Conformance: what the watchdog reads and writes. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { commit, end, ids, inbox, one, report, start, startOwned, suspend, type Test } from "./Fixtures.ts"

/** The tests of what the watchdog asks. */
export const watchdogTests = (test: Test): void => {
  test("S7: runs that nobody owns and that are never due are stranded when their row says that somebody must take them up", (backend) =>
    Effect.gen(function*() {
      const suspended = (id: string, reason: string | null, waits: string | null, dueAt: number | null = null) => [
        startOwned(id),
        suspend(id, 0, dueAt, { status: { status: "suspended", reason, waits } })
      ]
      assert.deepStrictEqual(yield* backend.stranded(10), [])
      yield* backend.write([
        start("queued", { dueAt: null }),
        start("due"),
        start("running", { status: "running", dueAt: null }),
        startOwned("owned"),
        startOwned("done"),
        end("done", 0, "done"),
        ...suspended("waits", "signal", "[1]"),
        ...suspended("timer", "timer", "[1]"),
        ...suspended("timed", "timer", "[1]", 50_000),
        ...suspended("empty", "signal", "[]"),
        ...suspended("none", "signal", null),
        ...suspended("reasonless", null, "[1]"),
        startOwned("told"),
        inbox("told", "i1"),
        suspend("told", 0, null, {
          status: { status: "suspended", reason: "diverged", waits: "[1]" },
          release: { dueAt: null, quiet: true }
        })
      ])
      assert.deepStrictEqual(ids(yield* backend.stranded(10)), [
        "told",
        "reasonless",
        "none",
        "empty",
        "timer",
        "running",
        "queued"
      ])
      // A time that is set does not excuse what is in an inbox.
      yield* one(backend, commit("told", 0, [], { release: { dueAt: 50_000, quiet: true } }))
      yield* one(backend, inbox("queued", "i3"))
      assert.deepStrictEqual(ids(yield* backend.stranded(10)), [
        "told",
        "reasonless",
        "none",
        "empty",
        "timer",
        "running"
      ])
      yield* backend.write([
        { op: "claimOne", owner: "b", run: "queued" },
        commit("queued", 0, [], { release: { dueAt: 50_000, quiet: true } })
      ])
      assert.deepStrictEqual(ids(yield* backend.stranded(2)), ["told", "reasonless"])
      assert.deepStrictEqual(ids(yield* backend.stranded(2, "reasonless")), ["none", "empty"])
      assert.deepStrictEqual(ids(yield* backend.stranded(10, "running")), ["queued"])
      assert.deepStrictEqual(yield* backend.stranded(10, "unknown"), [])
      assert.deepStrictEqual(yield* backend.stranded(0), [])
      yield* one(backend, inbox("waits", "i2"))
      yield* one(backend, { op: "claimOne", owner: "b", run: "queued" })
      assert.deepStrictEqual(ids(yield* backend.stranded(10)), [
        "told",
        "reasonless",
        "none",
        "empty",
        "timer",
        "running"
      ])
    }))

  test("due runs are those of the given span, earliest first", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([30, 10, 20, 10].map((dueAt, index) => start(`r${index}`, { dueAt })))
      yield* backend.write([start("never", { dueAt: null }), startOwned("owned")])
      assert.deepStrictEqual(ids(yield* backend.due(-1, 30, 10)), ["r1", "r3", "r2", "r0"])
      assert.deepStrictEqual(ids(yield* backend.due(10, 29, 10)), ["r2"])
      assert.deepStrictEqual(ids(yield* backend.due(-1, Infinity, 2)), ["r1", "r3"])
      assert.deepStrictEqual(yield* backend.due(-1, 30, 0), [])
    }))

  test("S7: a finding is recorded once for each length of the journal, and makes the run due with it", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([start("r", { dueAt: null }), start("other", { dueAt: null })])
      assert.deepStrictEqual(yield* one(backend, report()), { reported: true })
      assert.strictEqual((yield* backend.run("r"))!.dueAt, 0)
      assert.deepStrictEqual(yield* one(backend, report({ problem: "again" }, { dueAt: 0 })), { reported: false })
      assert.deepStrictEqual(yield* one(backend, report({ run: "other", reason: "x", woken: false })), {
        reported: true
      })
      assert.isNull((yield* backend.run("other"))!.dueAt)
      assert.deepStrictEqual(yield* backend.findings(10), [
        report({ run: "other", reason: "x", woken: false }).row,
        report().row
      ])
      yield* one(backend, { op: "claimOne", owner: "a", run: "r" })
      yield* one(backend, commit("r", 0, ["e0"], { release: { dueAt: null } }))
      assert.deepStrictEqual(yield* one(backend, report({}, { epoch: 1 })), { reported: false })
      assert.deepStrictEqual(yield* one(backend, report({ length: 1 }, { epoch: 1 })), { reported: true })
      assert.deepStrictEqual((yield* backend.findings(1)).map(({ length, run }) => [run, length]), [["r", 1]])
      assert.strictEqual((yield* backend.findings(10)).length, 2)
    }))

  test("a finding about a run that stands otherwise by now is not recorded, and goes when its run ends", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([start("r", { dueAt: null })])
      for (const op of [report({}, { epoch: 1 }), report({}, { dueAt: 5 }), report({ run: "unknown" })]) {
        assert.deepStrictEqual(yield* one(backend, op), { reported: false })
      }
      yield* one(backend, { op: "claimOne", owner: "a", run: "r" })
      assert.deepStrictEqual(yield* one(backend, report({}, { epoch: 1 })), { reported: false })
      yield* one(backend, commit("r", 0, [], { release: { dueAt: null } }))
      assert.deepStrictEqual(yield* one(backend, report({}, { epoch: 1 })), { reported: true })
      yield* one(backend, { op: "claimOne", owner: "a", run: "r" })
      yield* one(backend, end("r", 0, "done", { epoch: 2 }))
      assert.deepStrictEqual(yield* backend.findings(10), [])
      assert.deepStrictEqual(yield* one(backend, report({}, { epoch: 2 })), { reported: false })
    }))
}
