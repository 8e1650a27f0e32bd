/** Conformance: runs that are deleted for good, and rules for how long they are kept. */
import { assert } from "@effect/vitest"
import type { Backend, EndedGroup, RemoveOp, RetentionRow, RetentionScope } from "@fermata/engine/Backend"
import { pathOf } from "@fermata/engine/EventLog"
import * as Effect from "effect/Effect"
import {
  act,
  acted,
  approval,
  brief,
  commit,
  definition,
  end,
  event,
  eventIds,
  events,
  ids,
  inbox,
  one,
  outboxRow,
  raise,
  start,
  startOwned,
  subscription,
  suspend,
  type Test
} from "./Fixtures.ts"

/** Deletes a run, at once where its tree has no more rows than this. */
export const remove = (run: string, limit = 100): RemoveOp => ({ op: "remove", run, limit })

/** Everything that deleted runs have left to do, in parts of so many rows. How many parts that took. */
const clear = Effect.fnUntraced(function*(backend: Backend, limit = 100) {
  let parts = 0
  while ((yield* one(backend, { op: "clear", limit })).left) parts++
  assert.isFalse(yield* backend.uncleared)
  return parts
})

/** A run that has ended, of `length` entries. */
const ended = (id: string, length: number, at = 2_000, run: Parameters<typeof start>[1] = {}) => [
  start(id, { status: "running", owner: "a", dueAt: null, ...run }),
  ...Array.from({ length }, (_, index) => commit(id, index, [`${id} ${index}`])),
  end(id, length, "{}", { at })
]

const scope = (rest: Partial<RetentionScope> = {}): RetentionScope => ({
  tenant: null,
  workflow: null,
  status: null,
  ...rest
})
const rule = (of: RetentionScope, rest: Partial<RetentionRow> = {}): RetentionRow => ({
  ...of,
  maxAgeMs: null,
  maxCount: null,
  by: "ann",
  at: 1_000,
  ...rest
})
const group = (workflow: string, status = "completed", tenant: string | null = null): EndedGroup => ({
  tenant,
  workflow,
  status
})

const changes = (backend: Backend, after: string | null) => Effect.map(backend.changes(after, 100), ({ rows }) => rows)

/** Tests of retention. */
export const retentionTests = (test: Test): void => {
  test(
    "a run that has ended is deleted with all that is its: row, journal, labels, spent, marks, places in lists",
    (backend, connect) =>
      Effect.gen(function*() {
        const other = yield* connect
        yield* backend.write([
          start("r", { status: "running", owner: "a", dueAt: null, labels: { team: "x" }, title: "t" }),
          commit("r", 0, ["e0"], { spending: { spent: { micros: 3 }, days: [] } }),
          commit("r", 1, [], { status: { status: "running", reason: null, waits: null } }),
          ...ended("kept", 2)
        ])
        yield* one(other, end("r", 1, "{}"))
        assert.deepStrictEqual(yield* one(backend, remove("r")), { result: "removed", runs: 1, left: false })
        for (const connection of [backend, other]) {
          assert.isNull(yield* connection.run("r"))
          assert.deepStrictEqual(yield* connection.entries("r", 0, 10), [])
          assert.deepStrictEqual(ids(yield* connection.runs({ limit: 9 })), ["kept"])
          assert.deepStrictEqual(yield* connection.runs({ limit: 9, labels: { team: "x" } }), [])
          assert.deepStrictEqual(yield* connection.runIds("r", 9), [])
          assert.deepStrictEqual((yield* changes(connection, null)).map(brief), [
            "kept 0: kept 0",
            "kept 1: kept 1",
            "kept completed null null"
          ])
          assert.deepStrictEqual(yield* connection.entries("kept", 0, 10), ["kept 0", "kept 1"])
          assert.deepStrictEqual((yield* connection.census).byStatus, { completed: 1 })
        }
        assert.deepStrictEqual(yield* one(backend, remove("r")), { result: "unknown" })
      })
  )

  test("a run that is open is not deleted, nor one of which a child is open or on its way", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([
        startOwned("open"),
        ...ended("top", 1),
        start("child", { root: "top", parent: "top" }),
        start("parent", { status: "running", owner: "a", dueAt: null }),
        commit("parent", 0, [], { outbox: [{ ...outboxRow("start:parent:late"), kind: "start" }] }),
        end("parent", 0, "{}")
      ])
      assert.deepStrictEqual(yield* one(backend, remove("open")), { result: "open", run: "open" })
      assert.deepStrictEqual(yield* one(backend, remove("top")), { result: "open", run: "child" })
      assert.deepStrictEqual(yield* one(backend, remove("parent")), { result: "open", run: "late" })
      assert.strictEqual(yield* backend.runCount({}), 4)
      yield* one(backend, { op: "delivered", ids: ["start:parent:late"] })
      assert.deepInclude(yield* one(backend, remove("parent")), { result: "removed" })
    }))

  test("a tree goes as a whole, and none of it by itself", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([
        ...ended("top", 1),
        ...ended("child", 1, 2_000, { root: "top", parent: "top" }),
        ...ended("grandchild", 1, 2_000, { root: "top", parent: "child" }),
        ...ended("top-of-another", 1)
      ])
      assert.deepStrictEqual(yield* one(backend, remove("grandchild")), { result: "part", run: "top" })
      assert.deepStrictEqual(yield* one(backend, remove("top")), { result: "removed", runs: 3, left: false })
      assert.deepStrictEqual(ids(yield* backend.runs({ limit: 9 })), ["top-of-another"])
    }))

  test("what is too large to go at once goes in parts, and what is left of it is seen by nobody when all is done", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([
        ...ended("top", 1),
        ...Array.from({ length: 9 }, (_, index) => ended(`child ${index}`, 2, 2_000, { root: "top", parent: "top" }))
          .flat(),
        ...ended("long", 30),
        ...ended("kept", 3)
      ])
      yield* one(backend, remove("top", 4))
      yield* one(backend, remove("long", 4))
      yield* clear(backend, 4)
      assert.deepStrictEqual(ids(yield* backend.runs({ limit: 20 })), ["kept"])
      assert.deepStrictEqual((yield* changes(backend, null)).map((change) => "run" in change && change.run), [
        "kept",
        "kept",
        "kept",
        "kept"
      ])
    }))

  test(
    "a run that is started under the id of a deleted one is another run, on every connection",
    (backend, connect) =>
      Effect.gen(function*() {
        const other = yield* connect
        yield* other.write(ended("r", 3))
        yield* one(other, remove("r"))
        assert.deepInclude(yield* one(backend, start("r", {}, { rows: ["new"] })), { started: true })
        assert.deepInclude(yield* backend.run("r"), { status: "queued", length: 1, epoch: 0 })
        assert.deepInclude(yield* one(other, start("r", {}, { rows: ["newer"] })), { started: false })
        assert.deepStrictEqual(yield* other.entries("r", 0, 9), ["new"])
        assert.deepInclude(yield* one(other, commit("r", 1, ["more"], { epoch: 0 })), { ok: true })
        assert.deepStrictEqual(yield* backend.entries("r", 0, 9), ["new", "more"])
      })
  )

  test(
    "a connection that knew a run finds out that another has deleted it",
    (backend, connect) =>
      Effect.gen(function*() {
        const other = yield* connect
        yield* backend.write(ended("r", 1))
        yield* backend.write([...ended("s", 1), start("t", {}, { rows: ["e"] })])
        yield* one(other, remove("r"))
        assert.deepStrictEqual(yield* one(backend, inbox("r", "i")), { result: "unknown" })
        assert.deepInclude(yield* one(backend, commit("r", 1, ["late"])), { ok: false, epoch: 0, length: 0 })
        assert.deepInclude(yield* one(backend, start("r")), { started: true })
        yield* one(other, remove("s"))
        assert.deepInclude(yield* one(backend, commit("t", 1, ["next"], { epoch: 0 })), { ok: true })
        assert.deepStrictEqual(yield* other.entries("t", 0, 9), ["e", "next"])
      })
  )

  test("what a deleted run has left to do touches no run that was started under its id since", (backend) =>
    Effect.gen(function*() {
      yield* backend.write(ended("r", 30))
      yield* one(backend, remove("r", 4))
      yield* backend.write(ended("r", 3, 5_000))
      yield* clear(backend, 4)
      assert.deepStrictEqual(yield* backend.entries("r", 0, 99), ["r 0", "r 1", "r 2"])
      assert.deepStrictEqual(yield* one(backend, { ...remove("r"), until: 4_999 }), { result: "open", run: "r" })
      assert.deepInclude(yield* one(backend, { ...remove("r"), until: 5_000 }), { result: "removed" })
    }))

  test(
    "positions are given once: who follows sees what comes behind a deletion, and nothing of before",
    (backend, connect) =>
      Effect.gen(function*() {
        const last = yield* backend.position
        yield* backend.write(ended("r", 2))
        const behind = yield* backend.position
        yield* one(backend, remove("r"))
        yield* clear(backend)
        assert.deepStrictEqual(yield* changes(backend, last), [])
        const other = yield* connect
        const now = yield* other.position
        assert.isTrue(now >= behind)
        yield* other.write([start("r", {}, { rows: ["again"] })])
        for (const from of [last, behind, now]) {
          const { reset, rows } = yield* backend.changes(from, 10)
          assert.deepStrictEqual([rows.map(brief), reset], [["r 0: again"], undefined])
          assert.isTrue(rows[0]!.position > behind)
        }
      })
  )

  test("messages for a deleted run find none, and who listened to it or was listened to goes on", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([
        startOwned("waits"),
        ...ended("top", 1),
        startOwned("other"),
        start("other", {}, { listener: "top" })
      ])
      yield* one(backend, remove("top"))
      assert.deepStrictEqual(yield* one(backend, inbox("top", "i")), { result: "unknown" })
      assert.deepInclude(yield* one(backend, end("other", 0, "{}")), { ok: true })
      assert.deepInclude(yield* one(backend, start("late", {}, { listener: "top" })), { started: true })
      assert.deepStrictEqual(yield* backend.inbox("waits"), [])
    }))

  test("a blob stays as long as a run names it, and goes with the last", (backend, connect) =>
    Effect.gen(function*() {
      const hash = (letter: string) => letter.repeat(64)
      const names = (...hashes: ReadonlyArray<string>) =>
        JSON.stringify({ at: 1, _tag: "StepCompleted", key: "k", artifacts: hashes.map((hash) => ({ hash })) })
      const large = (of: string) => JSON.stringify({ at: 1, _tag: "RunRequested", blobs: { payload: of } })
      yield* backend.write([
        startOwned("a", {
          rows: [large(hash("1"))],
          blobs: [{ hash: hash("1"), data: "one" }]
        }),
        commit("a", 1, [names(hash("2"), hash("3"))], {
          blobs: [{ hash: hash("2"), data: "two" }, { hash: hash("3"), data: "three" }]
        }),
        end("a", 2, "{}"),
        // It shares the entry, and stores no blob.
        startOwned("fork", { rows: [names(hash("2"))] }),
        end("fork", 1, "{}")
      ])
      const other = yield* connect
      const stored = Effect.forEach(["1", "2", "3"], (letter) => other.blob(hash(letter)))
      yield* one(backend, remove("a"))
      yield* clear(backend, 1)
      assert.deepStrictEqual(yield* stored, [null, "two", null])
      yield* backend.write([startOwned("later", { rows: [names(hash("2"))] }), end("later", 1, "{}"), remove("fork")])
      yield* clear(backend)
      assert.deepStrictEqual(yield* stored, [null, "two", null])
      yield* one(other, remove("later"))
      yield* clear(other)
      assert.deepStrictEqual(yield* stored, [null, null, null])
    }))

  test("a run carries on with the journal of another only while that is there", (backend) =>
    Effect.gen(function*() {
      yield* backend.write(ended("r", 1))
      assert.deepInclude(yield* one(backend, start("fork", {}, { from: "r" })), { started: true })
      yield* one(backend, remove("r"))
      assert.deepInclude(yield* one(backend, start("late", {}, { from: "r" })), { started: false, gone: true })
      assert.isNull(yield* backend.run("late"))
      // One that is there is joined as ever.
      assert.deepInclude(yield* one(backend, start("fork", {}, { from: "r" })), { started: false })
      assert.deepInclude(yield* one(backend, remove("fork")), { result: "open" })
    }))

  test("a deletion that fails with its list has deleted nothing", (backend, connect) =>
    Effect.gen(function*() {
      yield* backend.write([...ended("r", 2), ...ended("s", 1)])
      const before = [yield* backend.run("r"), yield* changes(backend, null)]
      yield* Effect.flip(backend.write([remove("r"), start("r"), { op: "impossible" } as never]))
      for (const connection of [backend, yield* connect]) {
        assert.deepStrictEqual([yield* connection.run("r"), yield* changes(connection, null)], before)
        assert.deepStrictEqual(yield* connection.entries("r", 0, 9), ["r 0", "r 1"])
        assert.deepStrictEqual(ids(yield* connection.runs({ limit: 9 })), ["s", "r"])
      }
      assert.deepInclude(yield* one(backend, remove("r")), { result: "removed" })
    }))

  test("a deletion is an act with a line in the audit, and one that is refused has none", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([...ended("r", 1), startOwned("open")])
      const by = (run: string) => act(run, { action: "run.delete" })
      yield* one(backend, acted(remove("open"), by("open")))
      yield* one(backend, acted(remove("none"), by("none")))
      yield* one(backend, acted(remove("r"), by("r")))
      assert.deepStrictEqual((yield* backend.audit({ limit: 9 })).map(({ target }) => target), ["r"])
    }))

  test("runs of another store are taken in together, or not at all", (backend, connect) =>
    Effect.gen(function*() {
      const runs = (...ids: ReadonlyArray<string>) =>
        ids.map((id) => ({
          start: start(id, { status: "queued", dueAt: null }, {
            rows: [`${id} 0`],
            blobs: [{ hash: `h-${id}`, data: "d" }]
          }),
          rest: end(id, 1, "{}", { epoch: 0, at: 9_000 })
        }))
      const bring = (
        ids: ReadonlyArray<string>,
        definitions: ReadonlyArray<Parameters<typeof definition>[0]> = []
      ) =>
        one(backend, {
          op: "import",
          runs: runs(...ids),
          definitions: definitions.map((rest) => definition(rest)),
          act: act(ids[0]!, { action: "run.import" })
        })
      yield* backend.write([
        ...ended("there", 1),
        { op: "define", row: definition({ name: "doc", kind: "contract", document: "{}" }) }
      ])
      assert.deepStrictEqual(yield* bring(["a", "there"]), { result: "there", run: "there" })
      const other = { name: "doc", kind: "contract", document: "[]", hash: "h2" }
      assert.deepInclude(yield* bring(["a"], [other]), { result: "other" })
      assert.isNull(yield* backend.run("a"))
      assert.isNull(yield* backend.blob("h-a"))
      assert.deepStrictEqual(yield* backend.audit({ limit: 9 }), [])
      assert.deepStrictEqual(yield* bring(["a", "b"], [{ ...other, name: "doc-2" }, { name: "known" }]), {
        result: "imported"
      })
      const elsewhere = yield* connect
      assert.deepInclude(yield* elsewhere.run("b"), { status: "completed", updatedAt: 9_000, length: 1, owner: null })
      assert.strictEqual(yield* elsewhere.blob("h-b"), "d")
      assert.strictEqual((yield* elsewhere.definition("doc-2", "1"))?.hash, "h2")
      assert.lengthOf(yield* backend.audit({ limit: 9, action: "run.import" }), 1)
      assert.deepStrictEqual(yield* bring(["b"]), { result: "there", run: "b" })
    }))

  test(
    "rules are kept by tenant, workflow and status, each in place of the one before",
    (backend, connect) =>
      Effect.gen(function*() {
        const all = rule(scope(), { maxAgeMs: 5 })
        const failed = rule(scope({ workflow: "w", status: "failed" }), { maxCount: 2 })
        const own = rule(scope({ tenant: "acme" }), { maxAgeMs: 9, maxCount: 1 })
        for (const row of [failed, own, all]) {
          assert.deepStrictEqual(yield* one(backend, { op: "retain", rule: row, row }), { before: null })
        }
        const other = yield* connect
        assert.deepStrictEqual(yield* other.retention, [all, failed, own])
        const longer = { ...all, maxAgeMs: 7, by: "bob" }
        assert.deepStrictEqual(yield* one(other, { op: "retain", rule: scope(), row: longer }), { before: all })
        assert.deepStrictEqual(yield* one(other, { op: "retain", rule: scope({ tenant: "acme" }), row: null }), {
          before: own
        })
        assert.deepStrictEqual(yield* backend.retention, [longer, failed])
      })
  )

  test("runs that have ended are found by tenant, workflow and status, those first that ended first", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([
        ...ended("b", 1, 3_000),
        ...ended("a", 1, 2_000),
        ...ended("c", 1, 3_000),
        ...ended("below", 1, 1_000, { root: "a", parent: "a" }),
        ...ended("acme~x", 1, 2_500),
        ...ended("other", 1, 2_500, { workflow: "other" }),
        startOwned("failed"),
        commit("failed", 0, [], { status: { status: "failed", reason: null, waits: null }, ended: { payload: "{}" } }),
        startOwned("open")
      ])
      const all = [
        group("other"),
        group("purchase"),
        group("purchase", "completed", "acme"),
        group("purchase", "failed")
      ]
      assert.deepStrictEqual(yield* backend.endedGroups(null, 9), all)
      assert.deepStrictEqual(yield* backend.endedGroups(null, 2), all.slice(0, 2))
      for (const [index, one] of all.entries()) {
        assert.deepStrictEqual(yield* backend.endedGroups(one, 9), all.slice(index + 1))
      }
      const found = (until: number | null, beyond: number | null, limit = 9, skip = 0) =>
        backend.ended({ ...group("purchase"), until, beyond }, limit, skip)
      assert.deepStrictEqual(yield* found(null, null), [])
      assert.deepStrictEqual(yield* found(1_999, null), [])
      assert.deepStrictEqual(yield* found(2_000, null), ["a"])
      assert.deepStrictEqual(yield* found(3_000, null), ["a", "b", "c"])
      assert.deepStrictEqual(yield* found(null, 3), [])
      assert.deepStrictEqual(yield* found(null, 1), ["a", "b"])
      assert.deepStrictEqual(yield* found(2_000, 1), ["a", "b"])
      assert.deepStrictEqual(yield* found(3_000, 2), ["a", "b", "c"])
      assert.deepStrictEqual(yield* found(3_000, null, 1, 1), ["b"])
      assert.deepStrictEqual(
        yield* backend.ended({ ...group("purchase", "completed", "acme"), until: 9_000, beyond: null }, 9, 0),
        ["acme~x"]
      )
      assert.deepStrictEqual(ids(yield* backend.runs({ limit: 9, top: true, endedUntil: 2_500 })), [
        "failed",
        "other",
        "acme~x",
        "a"
      ])
      assert.strictEqual(yield* backend.runCount({ endedUntil: 2_000, workflow: "purchase" }), 3)
      assert.strictEqual(yield* backend.runCount({ endedUntil: 2_000, workflow: "purchase", status: ["completed"] }), 2)
    }))

  test("all that a tenant has beside its runs is deleted in parts, and what is of others and the audit stay", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([
        start("acme~r", {}, { subscriptions: [subscription("acme~r", "acme~e", [pathOf(["id"])])] }),
        acted(
          { op: "quota", tenant: "acme", row: { tenant: "acme", openRuns: 1, streams: null, by: "x", at: 1 } },
          act("acme", { tenant: "acme" })
        ),
        { op: "quota", tenant: "beta", row: { tenant: "beta", openRuns: 1, streams: null, by: "x", at: 1 } },
        { op: "retain", rule: scope({ tenant: "acme" }), row: rule(scope({ tenant: "acme" })) },
        { op: "retain", rule: scope(), row: rule(scope()) },
        events(event("1", "acme~e", { id: 1 }), event("2", "acme~f"), event("3", "e"), event("4", "acme-two~e")),
        raise("d1", 1, 2, 3, { workflow: "acme~w" }),
        raise("d2", 1, 2, 3),
        { ...inbox("acme~early", "i"), early: true },
        suspend("acme~r", 0, null, { epoch: 0, approvalsOpened: [approval("acme~r", "k")] })
      ])
      let parts = 0
      while ((yield* one(backend, { op: "forget", tenant: "acme", limit: 2 })).left) parts++
      assert.isAbove(parts, 2)
      assert.deepStrictEqual(yield* eventIds(backend), ["3", "4"])
      assert.isNull(yield* backend.quota("acme"))
      assert.isNotNull(yield* backend.quota("beta"))
      assert.deepStrictEqual((yield* backend.retention).map(({ tenant }) => tenant), [null])
      assert.deepStrictEqual((yield* backend.spending({})).map(({ workflow }) => workflow), ["purchase"])
      assert.deepStrictEqual((yield* backend.dayRaises({})).map(({ id }) => id), ["d2"])
      assert.strictEqual((yield* backend.audit({ limit: 9, tenant: "acme" })).length, 1)
      assert.deepInclude(yield* one(backend, start("acme~early")), { started: true })
      assert.deepStrictEqual(yield* backend.inbox("acme~early"), [])
      assert.isNotNull(yield* backend.run("acme~r"))
    }))
}
