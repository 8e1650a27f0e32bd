/** Conformance: inbox, outbox and approvals. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import {
  answer,
  approval,
  commit,
  end,
  ids,
  inbox,
  inboxRow,
  one,
  outboxRow,
  start,
  startOwned,
  suspend,
  type Test
} from "./Fixtures.ts"

/** The tests of messages. */
export const messageTests = (test: Test): void => {
  test("inbox rows are kept in order of arrival and make the run due", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([startOwned("r"), suspend("r", 0, 9_000)])
      const answers = yield* backend.write([inbox("r", "z"), inbox("r", "a"), inbox("r", "m")])
      assert.deepStrictEqual(answers.map((answer) => answer.result), ["accepted", "accepted", "accepted"])
      assert.deepStrictEqual(yield* backend.inbox("r"), [inboxRow("r", "z"), inboxRow("r", "a"), inboxRow("r", "m")])
      assert.strictEqual((yield* backend.run("r"))!.dueAt, 0)
    }))

  test("an inbox row with a known id is a duplicate, in its run only", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([startOwned("r"), startOwned("s"), inbox("r", "i")])
      assert.deepStrictEqual(yield* one(backend, inbox("r", "i")), { result: "duplicate" })
      assert.strictEqual((yield* one(backend, inbox("s", "i"))).result, "accepted")
      assert.strictEqual((yield* backend.inbox("r")).length, 1)
    }))

  test("an inbox row is a duplicate where the journal has come to hold it since its sender has looked", (backend) =>
    Effect.gen(function*() {
      const unless = (from: number, text: string) => ({ from, holds: (entry: string) => entry.includes(text) })
      yield* backend.write([startOwned("r"), commit("r", 0, ["\"one\""]), inbox("r", "i")])
      yield* backend.write([commit("r", 1, ["\"two i\"", "\"three\""], { consumed: ["i"] })])
      assert.deepStrictEqual(yield* one(backend, { ...inbox("r", "i"), unless: unless(1, "two i") }), {
        result: "duplicate"
      })
      assert.deepStrictEqual(yield* backend.inbox("r"), [])
      for (const [id, from, text] of [["a", 2, "two i"], ["b", 0, "none"], ["c", 9, "two i"]] as const) {
        assert.strictEqual((yield* one(backend, { ...inbox("r", id), unless: unless(from, text) })).result, "accepted")
      }
      yield* backend.write([commit("r", 3, [], { consumed: ["a", "b", "c"] }), end("r", 3, "\"over i\"")])
      assert.deepStrictEqual(yield* one(backend, { ...inbox("r", "i"), unless: unless(0, "i") }), { result: "closed" })
      assert.deepStrictEqual(yield* one(backend, { ...inbox("none", "i"), unless: unless(0, "i") }), {
        result: "unknown"
      })
    }))

  test("the answer to a row says who owns the run, and whether nothing else is in its inbox", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([startOwned("r"), start("free")])
      const alone = { result: "accepted", alone: true } as const
      assert.deepStrictEqual(yield* one(backend, inbox("r", "1")), { ...alone, owner: "a" })
      assert.deepStrictEqual(yield* one(backend, inbox("r", "2")), { result: "accepted", owner: "a" })
      yield* one(backend, commit("r", 0, [], { consumed: ["1", "2"] }))
      assert.deepStrictEqual(yield* one(backend, inbox("r", "3")), { ...alone, owner: "a" })
      assert.deepStrictEqual(yield* one(backend, inbox("free", "1")), { ...alone, owner: null })
      assert.deepStrictEqual(yield* one(backend, { ...inbox("new", "1"), early: true }), { result: "accepted" })
    }))

  test("an inbox row for a run that is unknown or final is refused", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([startOwned("r"), end("r", 0, "done")])
      assert.deepStrictEqual(yield* one(backend, inbox("other", "i")), { result: "unknown" })
      assert.deepStrictEqual(yield* one(backend, inbox("r", "i")), { result: "closed" })
      assert.deepStrictEqual(yield* backend.inbox("r"), [])
      assert.deepStrictEqual(yield* backend.inbox("other"), [])
      assert.isNull((yield* backend.run("r"))!.dueAt)
    }))

  test("an owner's inbox holds the rows of its runs, in order of arrival", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([
        startOwned("r"),
        startOwned("s"),
        start("other", { owner: "b" }),
        start("free"),
        inbox("s", "1"),
        inbox("other", "2"),
        inbox("r", "3"),
        inbox("free", "4"),
        inbox("s", "5")
      ])
      assert.deepStrictEqual(yield* backend.inboxOf("a", 10), [
        inboxRow("s", "1"),
        inboxRow("r", "3"),
        inboxRow("s", "5")
      ])
      assert.deepStrictEqual(ids(yield* backend.inboxOf("a", 2)), ["1", "3"])
      yield* one(backend, commit("s", 0, [], { consumed: ["1"] }))
      assert.deepStrictEqual(ids(yield* backend.inboxOf("a", 10)), ["3", "5"])
      yield* one(backend, { op: "claimOne", owner: "a", run: "free" })
      assert.deepStrictEqual(ids(yield* backend.inboxOf("a", 10)), ["3", "4", "5"])
      yield* one(backend, { op: "retire", owner: "a" })
      assert.deepStrictEqual(yield* backend.inboxOf("a", 10), [])
    }))

  test("S16: an answer changes the question and goes into the inbox, as one", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([
        startOwned("r"),
        commit("r", 0, ["e0"], {
          approvalsOpened: [approval("r", "k"), approval("r", "k2")],
          release: { dueAt: 9_000 }
        })
      ])
      const taken = yield* one(backend, answer("r", "k", "a1", 0, { status: "open", now: () => 1_700 }))
      assert.deepStrictEqual(taken, { result: "accepted", at: 1_700 })
      const row = { id: "a1", kind: "answer", payload: `"a1"` }
      assert.deepStrictEqual(yield* backend.inbox("r"), [{ ...row, run: "r", at: 1_700 }])
      assert.strictEqual((yield* backend.run("r"))!.dueAt, 0)
      assert.deepStrictEqual(yield* backend.approvals("r", 10), [
        approval("r", "k", { answers: `["a1"]`, version: 1 }),
        approval("r", "k2")
      ])
      yield* one(backend, answer("r", "k", "a2", 1, { answers: `["a1","a2"]` }))
      yield* one(backend, answer("r", "k", "none", 2, { row: null, status: "open" }))
      assert.deepStrictEqual(ids(yield* backend.inbox("r")), ["a1", "a2"])
      assert.deepStrictEqual((yield* backend.approvals("r", 1)).map(({ status, version }) => [status, version]), [[
        "open",
        3
      ]])
    }))

  test(
    "S16: of two answers to one question as it was, the second is stale and leaves no trace",
    (backend, connect) =>
      Effect.gen(function*() {
        const other = yield* connect
        yield* backend.write([startOwned("r"), commit("r", 0, ["e0"], { approvalsOpened: [approval("r", "k")] })])
        assert.strictEqual((yield* one(backend, answer("r", "k", "ann", 0))).result, "accepted")
        assert.strictEqual((yield* one(other, answer("r", "k", "bob", 0))).result, "stale")
        assert.strictEqual((yield* one(other, answer("r", "k", "bob", 2))).result, "stale")
        assert.deepStrictEqual(ids(yield* backend.inbox("r")), ["ann"])
        assert.strictEqual((yield* backend.approvals("r", 1))[0]!.answers, `["ann"]`)
      })
  )

  test("S16: an answer that comes at the wrong time by the transaction's own clock changes nothing", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([
        startOwned("r"),
        commit("r", 0, ["e0"], { approvalsOpened: [approval("r", "k", { deadline: 2_000 })] })
      ])
      const at = (now: number, rest: object) =>
        Effect.map(one(backend, answer("r", "k", `a${now}`, 0, { now: () => now, ...rest })), ({ result }) => result)
      assert.strictEqual(yield* at(2_000, { before: 2_000 }), "untimely")
      assert.strictEqual(yield* at(1_999, { from: 2_000 }), "untimely")
      assert.deepStrictEqual(yield* backend.inbox("r"), [])
      assert.strictEqual((yield* backend.approvals("r", 1))[0]!.version, 0)
      assert.strictEqual(yield* at(1_999, { before: 2_000 }), "accepted")
    }))

  test("an answer is refused for what is unknown, over, or told already", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([startOwned("r"), startOwned("over"), end("over", 0, "done"), inbox("r", "i")])
      const result = (op: Parameters<typeof one>[1]) =>
        Effect.map(one(backend, op), (answer) => (answer as { readonly result: string }).result)
      assert.strictEqual(yield* result(answer("other", "k", "a", 0)), "unknown")
      assert.strictEqual(yield* result(answer("r", "k", "a", 0)), "unknown")
      assert.strictEqual(yield* result(answer("over", "k", "a", 0)), "closed")
      yield* one(backend, commit("r", 0, ["e0"], { approvalsOpened: [approval("r", "k")] }))
      assert.strictEqual(yield* result(answer("r", "k", "i", 0)), "duplicate")
      assert.strictEqual((yield* backend.approvals("r", 1))[0]!.version, 0)
      yield* one(backend, commit("r", 1, ["e1"], { approvalsClosed: ["k"] }))
      assert.strictEqual(yield* result(answer("r", "k", "a", 0)), "unknown")
      assert.deepStrictEqual(ids(yield* backend.inbox("r")), ["i"])
    }))

  test("S16: a run does not end while its inbox holds what it has not taken", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([
        startOwned("r", { rows: ["e0"] }),
        inbox("r", "i1"),
        inbox("r", "i2"),
        commit("r", 1, [], { approvalsOpened: [approval("r", "k")] })
      ])
      const before = yield* backend.run("r")
      const everything = { blobs: [{ hash: "h", data: "d" }], outbox: [outboxRow("o")], consumed: ["i1"] }
      assert.deepStrictEqual(yield* one(backend, end("r", 1, "done", everything)), {
        ok: false,
        epoch: 1,
        length: 1,
        unseen: true
      })
      assert.deepStrictEqual(yield* backend.run("r"), before)
      assert.deepStrictEqual(ids(yield* backend.inbox("r")), ["i1", "i2"])
      assert.deepStrictEqual(yield* backend.outbox(10, true), [])
      assert.isNull(yield* backend.blob("h"))
      assert.deepStrictEqual(
        yield* one(backend, end("r", 1, "done", { ...everything, rows: ["e1", "e2"], consumed: ["i1", "i2"] })),
        { ok: true }
      )
      assert.deepStrictEqual(yield* backend.inbox("r"), [])
      assert.deepStrictEqual(yield* backend.approvals("r", 10), [])
      assert.strictEqual((yield* backend.run("r"))!.status, "completed")
    }))

  test("open approvals are listed oldest first", (backend) =>
    Effect.gen(function*() {
      const rows = [
        approval("r", "k1", { requestedAt: 300, deadline: 900 }),
        approval("s", "k2", { requestedAt: 100 }),
        approval("r", "k3", { requestedAt: 100 }),
        approval("r", "k4", { requestedAt: 200 })
      ] as const
      yield* backend.write([
        startOwned("r"),
        startOwned("s"),
        commit("s", 0, [], { approvalsOpened: [rows[1]] }),
        commit("r", 0, [], { approvalsOpened: [rows[0], rows[2], rows[3]] })
      ])
      assert.deepStrictEqual(yield* backend.approvals(null, 10), [rows[1], rows[2], rows[3], rows[0]])
      assert.deepStrictEqual(yield* backend.approvals(null, 2), [rows[1], rows[2]])
      assert.deepStrictEqual(yield* backend.approvals(null, 0), [])
      assert.deepStrictEqual(yield* backend.approvals("r", 10), [rows[2], rows[3], rows[0]])
      assert.deepStrictEqual(yield* backend.approvals("other", 10), [])
      assert.deepStrictEqual(yield* backend.approval("r", "k3"), rows[2])
      assert.isNull(yield* backend.approval("s", "k3"))
      assert.isNull(yield* backend.approval("other", "k3"))
      yield* one(
        backend,
        commit("r", 0, [], { approvalsOpened: [approval("r", "k4", { prompt: "Again?" })], approvalsClosed: ["k3"] })
      )
      assert.deepStrictEqual(
        (yield* backend.approvals("r", 10)).map((row) => [row.key, row.prompt]),
        [["k4", "Charge?"], ["k1", "Charge?"]]
      )
    }))

  test("outbox rows are kept in order until they are delivered", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([
        startOwned("r"),
        commit("r", 0, [], { outbox: [outboxRow("z"), outboxRow("a")] }),
        { op: "publish", rows: [outboxRow("m"), outboxRow("a")] },
        commit("r", 0, [], { outbox: [outboxRow("z"), outboxRow("b")] })
      ])
      assert.deepStrictEqual(yield* backend.outbox(10, true), [
        outboxRow("z"),
        outboxRow("a"),
        outboxRow("m"),
        outboxRow("b")
      ])
      assert.deepStrictEqual(ids(yield* backend.outbox(2, true)), ["z", "a"])
      assert.deepStrictEqual(yield* backend.outbox(0, true), [])
      yield* one(backend, {
        op: "publish",
        rows: [{ ...outboxRow("e"), kind: "event" }, { ...outboxRow("i"), kind: "inbox" }]
      })
      assert.notInclude(ids(yield* backend.outbox(10, false)), "e")
      assert.include(ids(yield* backend.outbox(10, false)), "i")
      assert.include(ids(yield* backend.outbox(10, true)), "e")
      yield* one(backend, { op: "delivered", ids: ["e", "i"] })
      yield* one(backend, { op: "delivered", ids: ["a", "unknown", "z"] })
      assert.deepStrictEqual(ids(yield* backend.outbox(10, true)), ["m", "b"])
    }))

  test("a known outbox id keeps its first payload", (backend) =>
    Effect.gen(function*() {
      yield* one(backend, { op: "publish", rows: [outboxRow("o"), { ...outboxRow("o"), payload: "other" }] })
      assert.deepStrictEqual(yield* backend.outbox(10, true), [outboxRow("o")])
    }))
}
