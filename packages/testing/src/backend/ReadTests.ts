/** Conformance: lists, definitions and counts. */
import { assert } from "@effect/vitest"
import { bulkWorkflow } from "@fermata/core/BulkAct"
import * as Effect from "effect/Effect"
import {
  commit,
  definition,
  end,
  ids,
  inbox,
  one,
  outboxRow,
  start,
  startOwned,
  suspend,
  type Test
} from "./Fixtures.ts"

/** The tests of reads. */
export const readTests = (test: Test): void => {
  test("runs are listed newest first, filtered and in pages", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([
        start("top"),
        startOwned("waiting"),
        suspend("waiting", 0, null),
        start("refund", { workflow: "refund", root: "top", parent: "top" }),
        startOwned("done"),
        end("done", 0, "done"),
        startOwned("timer"),
        suspend("timer", 0, 5, { status: { status: "suspended", reason: "timer", waits: "[]" } })
      ])
      const listed = Effect.fnUntraced(function*(filter: Partial<Parameters<typeof backend.runs>[0]>) {
        assert.strictEqual(
          yield* backend.runCount(filter),
          (yield* backend.runs({ ...filter, limit: Infinity })).length,
          "they are counted as they are listed"
        )
        return ids(yield* backend.runs({ limit: 10, ...filter }))
      })
      assert.deepStrictEqual(yield* listed({}), ["timer", "done", "refund", "waiting", "top"])
      assert.deepStrictEqual(yield* listed({ limit: 2 }), ["timer", "done"])
      assert.deepStrictEqual(yield* listed({ limit: 0 }), [])
      assert.strictEqual((yield* listed({ limit: Infinity })).length, 5)
      assert.deepStrictEqual(yield* listed({ limit: 2, before: "done" }), ["refund", "waiting"])
      assert.deepStrictEqual(yield* listed({ before: "top" }), [])
      assert.deepStrictEqual(yield* listed({ before: "unknown" }), [])
      assert.deepStrictEqual(yield* listed({ status: ["suspended", "completed", "suspended"] }), [
        "timer",
        "done",
        "waiting"
      ])
      assert.deepStrictEqual(yield* listed({ status: ["suspended", "completed"], limit: 2 }), ["timer", "done"])
      assert.deepStrictEqual(yield* listed({ status: [] }), [])
      assert.deepStrictEqual(yield* listed({ reason: ["timer", "approval"] }), ["timer"])
      assert.deepStrictEqual(yield* listed({ status: ["suspended"], reason: ["signal"] }), ["waiting"])
      assert.deepStrictEqual(yield* listed({ status: ["queued"], reason: ["signal"] }), [])
      assert.deepStrictEqual(yield* listed({ workflow: "refund" }), ["refund"])
      assert.deepStrictEqual(yield* listed({ owner: "a" }), [])
      assert.deepStrictEqual(yield* listed({ without: ["refund", "none"] }), ["timer", "done", "waiting", "top"])
      assert.deepStrictEqual(yield* listed({ without: ["refund"], root: "top" }), ["top"])
      assert.deepStrictEqual(yield* listed({ without: ["purchase"], status: ["queued"] }), ["refund"])
      assert.deepStrictEqual(yield* listed({ without: ["purchase"], reason: ["timer"] }), [])
      assert.deepStrictEqual(yield* listed({ parent: "top" }), ["refund"])
      assert.deepStrictEqual(yield* listed({ root: "top" }), ["refund", "top"])
      assert.deepStrictEqual(yield* listed({ root: "top", workflow: "purchase", status: ["queued"] }), ["top"])
      assert.deepStrictEqual(yield* listed({ status: ["suspended"], before: "timer" }), ["waiting"])
    }))

  test("runs have titles and labels, and are found by labels, times and how their ids begin, together with all else", (backend) =>
    Effect.gen(function*() {
      const acme = { customer: "acme" }
      yield* backend.write([
        start("a1", { createdAt: 1_000, title: "the first", labels: acme }),
        start("a2", { createdAt: 3_000, labels: { ...acme, region: "eu" }, workflow: "refund" }),
        start("b1", { createdAt: 2_000, labels: { customer: "other", region: "eu" } }),
        start("b2", { createdAt: 2_000, root: "a1", parent: "a1", labels: acme, owner: "a", status: "running" }),
        end("b2", 0, "done"),
        start("c", { createdAt: 4_000 })
      ])
      const listed = Effect.fnUntraced(function*(filter: Partial<Parameters<typeof backend.runs>[0]>) {
        assert.strictEqual(
          yield* backend.runCount(filter),
          (yield* backend.runs({ ...filter, limit: Infinity })).length,
          "they are counted as they are listed"
        )
        return ids(yield* backend.runs({ limit: 10, ...filter }))
      })
      assert.deepStrictEqual(yield* listed({ labels: acme }), ["b2", "a2", "a1"])
      assert.deepStrictEqual(yield* listed({ labels: { region: "eu", ...acme } }), ["a2"])
      assert.deepStrictEqual(yield* listed({ labels: { customer: "nobody" } }), [])
      assert.deepStrictEqual(yield* listed({ labels: {} }), ["c", "b2", "b1", "a2", "a1"])
      assert.deepStrictEqual(yield* listed({ labels: acme, status: ["completed"] }), ["b2"])
      assert.deepStrictEqual(yield* listed({ labels: acme, workflow: "refund" }), ["a2"])
      assert.deepStrictEqual(yield* listed({ labels: acme, before: "b2", limit: 1 }), ["a2"])
      assert.deepStrictEqual(yield* listed({ labels: acme, root: "a1" }), ["b2", "a1"])
      assert.deepStrictEqual(yield* listed({ since: 2_000 }), ["c", "b2", "b1", "a2"])
      assert.deepStrictEqual(yield* listed({ since: 2_000, until: 3_000 }), ["b2", "b1", "a2"])
      assert.deepStrictEqual(yield* listed({ until: 999 }), [])
      assert.deepStrictEqual(yield* listed({ since: 4_001 }), [])
      assert.deepStrictEqual(yield* listed({ since: 2_000, status: ["queued"], workflow: "purchase" }), ["c", "b1"])
      assert.deepStrictEqual(yield* listed({ since: 1_001, until: 2_000, labels: { region: "eu" } }), ["b1"])
      assert.deepStrictEqual(yield* listed({ prefix: "a" }), ["a2", "a1"])
      assert.deepStrictEqual(yield* listed({ prefix: "b", parent: "a1", before: "c" }), ["b2"])
      assert.deepStrictEqual(yield* listed({ prefix: "", status: ["queued"] }), ["c", "b1", "a2", "a1"])
      assert.deepStrictEqual(yield* listed({ prefix: "%" }), [])
      const row = yield* backend.run("a1")
      assert.deepInclude(row, { title: "the first", labels: acme })
      const other = yield* backend.run("c")
      assert.isFalse(other !== null && ("title" in other || "labels" in other))
    }))

  test("ids are found by their beginning", (backend) =>
    Effect.gen(function*() {
      yield* backend.write(["ab2", "ab1", "b", "a%", "ab"].map((id) => start(id)))
      assert.deepStrictEqual(yield* backend.runIds("ab", 10), ["ab", "ab1", "ab2"])
      assert.deepStrictEqual(yield* backend.runIds("ab", 2), ["ab", "ab1"])
      assert.deepStrictEqual(yield* backend.runIds("a%", 10), ["a%"])
      assert.deepStrictEqual(yield* backend.runIds("", 10), ["a%", "ab", "ab1", "ab2", "b"])
      assert.deepStrictEqual(yield* backend.runIds("c", 10), [])
    }))

  test("a program is replaced by its new definition", (backend) =>
    Effect.gen(function*() {
      const first = definition()
      const second = definition({ hash: "h2", schemas: `{"payload":1}`, at: 2_000 })
      assert.deepStrictEqual(yield* one(backend, { op: "define", row: first }), { result: "added", known: null })
      assert.deepStrictEqual(
        yield* one(backend, { op: "define", row: definition({ at: 9 }) }),
        { result: "same", known: first }
      )
      assert.deepStrictEqual(yield* one(backend, { op: "define", row: second }), { result: "replaced", known: first })
      assert.deepStrictEqual(yield* backend.definition("purchase", "1"), second)
      assert.isNull(yield* backend.definitionByHash("h1"))
      assert.deepStrictEqual(yield* backend.definitionByHash("h2"), second)
    }))

  test("a document keeps its definition", (backend) =>
    Effect.gen(function*() {
      const contract = definition({ name: "triage", kind: "contract", hash: "c1", document: "{}" })
      yield* one(backend, { op: "define", row: contract })
      assert.deepStrictEqual(yield* one(backend, { op: "define", row: contract }), { result: "same", known: contract })
      for (
        const other of [
          { ...contract, hash: "c2" },
          definition({ name: "triage", hash: "p1" }),
          definition({ name: "triage", hash: "c1" })
        ]
      ) {
        assert.deepStrictEqual(
          yield* one(backend, { op: "define", row: other }),
          { result: "refused", known: contract }
        )
      }
      assert.deepStrictEqual(yield* backend.definition("triage", "1"), contract)
    }))

  test("definitions are listed by name and version", (backend) =>
    Effect.gen(function*() {
      const rows = [
        definition({ name: "b", version: "2" }),
        definition({ name: "b", version: "1" }),
        definition({ name: "a", version: "3", hash: "h3" })
      ] as const
      yield* backend.write(rows.map((row) => ({ op: "define", row })))
      assert.deepStrictEqual(yield* backend.definitions, [rows[2], rows[1], rows[0]])
      assert.deepStrictEqual(yield* backend.definitionByHash("h1"), rows[1])
      assert.isNull(yield* backend.definition("a", "1"))
    }))

  test("the census counts what there is", (backend) =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* backend.census, { byStatus: {}, byReason: {}, owned: 0, inbox: 0, outbox: 0 })
      yield* backend.write([
        start("q1"),
        start("q2"),
        startOwned("r1"),
        startOwned("r2"),
        startOwned("d"),
        commit("r1", 0, [], { outbox: [outboxRow("o1"), outboxRow("o2")] }),
        inbox("q1", "i1"),
        inbox("r1", "i2"),
        inbox("d", "i3"),
        end("d", 0, "done", { consumed: ["i3"] }),
        suspend("r2", 0, null)
      ])
      assert.deepStrictEqual(yield* backend.census, {
        byStatus: { queued: 2, running: 1, suspended: 1, completed: 1 },
        byReason: { signal: 1 },
        owned: 1,
        inbox: 2,
        outbox: 2
      })
    }))

  test("the census leaves out the engine's own runs by status and reason, as lists do, and counts what they have on its way", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([
        start("w"),
        start("own", { workflow: bulkWorkflow }),
        start("waits", { workflow: bulkWorkflow, status: "running", owner: "a", dueAt: null }),
        start("works", { workflow: bulkWorkflow, status: "running", owner: "a", dueAt: null }),
        inbox("own", "i1"),
        suspend("waits", 0, null)
      ])
      assert.deepStrictEqual(yield* backend.census, {
        byStatus: { queued: 1 },
        byReason: {},
        owned: 1,
        inbox: 1,
        outbox: 0
      })
    }))

  test(
    "long journals that grow side by side, over two connections, read the same from any place",
    (backend, connect) =>
      Effect.gen(function*() {
        const other = yield* connect
        const expected: Record<string, Array<string>> = { a: [], b: [], c: [] }
        const ids = Object.keys(expected)
        yield* backend.write(ids.map((id) => startOwned(id)))
        for (let turn = 0; turn < 1_000; turn++) {
          const id = ids[turn % 3]!
          const known = expected[id]!
          // Long turns of one connection after the other, and commits of one entry, a few, or more than a hundred.
          const rows = Array.from(
            { length: turn % 97 === 0 ? 130 : 1 + turn % 4 },
            (_, index) => `${id} ${known.length + index}`
          )
          const writer = turn % 80 < 40 ? backend : other
          assert.deepStrictEqual(yield* one(writer, commit(id, known.length, rows)), { ok: true })
          known.push(...rows)
          const stale = yield* one(turn % 2 === 0 ? backend : other, commit(id, known.length - 1, ["late"]))
          assert.deepStrictEqual(stale, { ok: false, epoch: 1, length: known.length })
        }
        for (const reader of [backend, other, yield* connect]) {
          for (const id of ids) {
            const all = expected[id]!
            assert.strictEqual((yield* reader.run(id))?.length, all.length)
            for (
              const from of [0, 1, 2, 3, 129, 131, 500, all.length - 2, all.length - 1, all.length, all.length + 5]
            ) {
              for (const limit of [1, 2, 131, 10_000]) {
                assert.deepStrictEqual(yield* reader.entries(id, from, limit), all.slice(from, from + limit))
              }
            }
          }
        }
      })
  )
}
