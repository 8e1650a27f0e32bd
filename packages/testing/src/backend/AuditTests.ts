/** Conformance: who did what, and what was answered to whom, in the transaction of the act itself. */
import { assert } from "@effect/vitest"
import { origin } from "@fermata/core/AuditLine"
import { faultOf, rememberedMs } from "@fermata/engine/AuditChain"
import type { Backend, Op } from "@fermata/engine/Backend"
import * as StartRequest from "@fermata/engine/StartRequest"
import * as Effect from "effect/Effect"
import { issue } from "./AccessTests.ts"
import {
  act,
  acted,
  answer,
  approval,
  asked,
  commit,
  definition,
  end,
  impossible,
  inbox,
  one,
  raise,
  start,
  startOwned,
  type Test
} from "./Fixtures.ts"

const targets = (backend: Backend) =>
  Effect.map(backend.auditChain(0, 1_000), (rows) => rows.map(({ target }) => target))

/** The chain is one, from its first line to its last. */
const intact = Effect.fnUntraced(function*(backend: Backend) {
  const rows = yield* backend.auditChain(0, 1_000)
  for (const [index, row] of rows.entries()) assert.isUndefined(faultOf(rows[index - 1] ?? null, row))
  return rows.length
})

/** Tests of the audit, and of requests that were answered. */
export const auditTests = (test: Test): void => {
  test(
    "an act leaves its line, behind the one before it, at the time of its transaction",
    (backend, connect) =>
      Effect.gen(function*() {
        const other = yield* connect
        yield* backend.write([startOwned("r")])
        assert.isEmpty(yield* backend.auditChain(0, 10))
        yield* one(backend, acted(inbox("r", "i1"), act("r", { at: 1_500, detail: "{\"a\":1}" })))
        yield* one(other, acted(inbox("r", "i2"), act("r", { at: 1_200.5, who: "b\ud800ö", action: "run.pause" })))
        const [first, second] = yield* other.auditChain(0, 10)
        const { hash, ...rest } = first!
        assert.deepStrictEqual(rest, { ...act("r").line, n: 1, at: 1_500, detail: "{\"a\":1}", prev: origin })
        assert.match(hash, /^[0-9a-f]{64}$/)
        assert.deepInclude(second, { n: 2, at: 1_200.5, who: "b\ud800ö", action: "run.pause", prev: hash })
        assert.strictEqual(yield* intact(backend), 2)
      })
  )

  test("every operation that is done on somebody's behalf leaves one line where it does something, and none where not", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([
        startOwned("r"),
        startOwned("over"),
        end("over", 0, "done"),
        commit("r", 0, ["e0"], { approvalsOpened: [approval("r", "k")] })
      ])
      const twice: ReadonlyArray<readonly [name: string, op: Op]> = [
        ["start", start("new")],
        ["inbox", inbox("r", "i")],
        ["answer", answer("r", "k", "a", 0)],
        ["issue", issue("t")],
        ["withdraw", { op: "withdraw", id: "t" }],
        ["publish", { op: "publish", rows: [StartRequest.outboxRow({ id: "e", name: "x", payload: {} })] }],
        ["raise", raise("m", 20_000, 1, 0)],
        ["define", { op: "define", row: definition({ name: "c", kind: "contract", hash: "1" }) }]
      ]
      for (const [name, op] of twice) yield* one(backend, acted(op, act(name)))
      for (const [name, op] of twice) yield* one(backend, acted(op, act(`${name} again`)))
      const idle: ReadonlyArray<readonly [name: string, op: Op]> = [
        ["closed", inbox("over", "i")],
        ["unknown", inbox("none", "i")],
        ["revoke", { op: "revoke", id: "none" }],
        ["define other", { op: "define", row: definition({ name: "c", kind: "contract", hash: "2" }) }]
      ]
      for (const [name, op] of idle) yield* one(backend, acted(op, act(name)))
      assert.deepStrictEqual(
        yield* targets(backend),
        twice.map(([name]) => name).concat("issue again", "withdraw again")
      )
      yield* intact(backend)
    }))

  test("what a failed transaction did leaves no line and no answer", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([startOwned("r"), acted(inbox("r", "i0"), act("kept"))])
      const request = asked("ann", "k")
      yield* Effect.flip(
        backend.write([
          acted(inbox("r", "i1"), act("lost", { request })),
          acted(inbox("r", "i2"), act("lost")),
          impossible
        ])
      )
      assert.deepStrictEqual(yield* targets(backend), ["kept"])
      assert.isNull(yield* backend.request("ann", "k"))
      yield* one(backend, acted(inbox("r", "i1"), act("later")))
      assert.deepStrictEqual(yield* targets(backend), ["kept", "later"])
      yield* intact(backend)
    }))

  test(
    "acts of one transaction, and of several connections, make one chain in the order of the commits",
    (backend, connect) =>
      Effect.gen(function*() {
        const others = [backend, yield* connect, yield* connect]
        yield* backend.write([startOwned("r")])
        yield* Effect.forEach(
          Array.from({ length: 30 }, (_, index) => index),
          (index) =>
            others[index % 3]!.write([
              acted(inbox("r", `a${index}`), act(`a${index}`)),
              acted(inbox("r", `b${index}`), act(`b${index}`))
            ]),
          { concurrency: "unbounded" }
        )
        assert.strictEqual(yield* intact(backend), 60)
        const all = yield* targets(backend)
        for (let index = 0; index < 30; index++) {
          assert.strictEqual(all.indexOf(`b${index}`), all.indexOf(`a${index}`) + 1)
        }
      })
  )

  test(
    "a request is kept with the answer to its act, and is done once, whichever connection is asked",
    (backend, connect) =>
      Effect.gen(function*() {
        const other = yield* connect
        yield* backend.write([startOwned("r")])
        const request = asked("ann", "k", "h1")
        assert.deepInclude(yield* one(backend, acted(inbox("r", "i1"), act("r", { request }))), { result: "accepted" })
        const row = {
          caller: "ann",
          key: "k",
          route: "POST /api/it",
          hash: "h1",
          answer: "{\"keys\":\"alone,owner,result\"}",
          at: 5_000
        }
        assert.deepStrictEqual(yield* other.request("ann", "k"), row)
        const again = acted(inbox("r", "i2"), act("r", { at: 6_000, request: asked("ann", "k", "h2") }))
        assert.deepStrictEqual(yield* one(other, again), { answered: row })
        assert.deepStrictEqual((yield* backend.inbox("r")).map(({ id }) => id), ["i1"])
        assert.deepStrictEqual(yield* other.request("ann", "k"), row)
        // The key of another caller is another.
        yield* one(other, acted(inbox("r", "i2"), act("r", { request: asked("bob", "k") })))
        assert.strictEqual(yield* intact(backend), 2)
      })
  )

  test(
    "of two that ask for the same at once, one acts, and the other is told what came of it",
    (backend, connect) =>
      Effect.gen(function*() {
        const other = yield* connect
        yield* backend.write([startOwned("r")])
        const ask = (by: Backend, id: string) =>
          one(by, acted(inbox("r", id), act("r", { request: asked("ann", "k") })))
        const answers = yield* Effect.all([ask(backend, "i1"), ask(other, "i2"), ask(backend, "i3")], {
          concurrency: "unbounded"
        })
        assert.strictEqual(answers.filter((given) => "answered" in given).length, 2)
        assert.strictEqual((yield* backend.inbox("r")).length, 1)
        assert.strictEqual(yield* intact(backend), 1)
      })
  )

  test("a request whose act was refused is not kept, and one that found it done is", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([startOwned("over"), end("over", 0, "done"), startOwned("r"), inbox("r", "i")])
      yield* one(backend, acted(inbox("over", "i"), act("over", { request: asked("ann", "refused") })))
      yield* one(backend, acted(inbox("r", "i"), act("r", { request: asked("ann", "same") })))
      assert.isNull(yield* backend.request("ann", "refused"))
      assert.isNotNull(yield* backend.request("ann", "same"))
      assert.isEmpty(yield* targets(backend))
    }))

  test("a request is forgotten after 24 h, and those that are forgotten are deleted in passing, so many at a time", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([startOwned("r")])
      const ask = (key: string, at: number) =>
        one(backend, acted(inbox("r", `${key} ${at}`), act("r", { at, request: asked("ann", key) })))
      for (let index = 0; index < 30; index++) yield* ask(`k${index}`, 1_000 + index)
      assert.isTrue("answered" in (yield* ask("k29", 1_029 + rememberedMs - 1)))
      assert.isFalse("answered" in (yield* ask("k29", 1_029 + rememberedMs)))
      const kept = Effect.map(
        Effect.forEach(Array.from({ length: 30 }, (_, index) => index), (index) => backend.request("ann", `k${index}`)),
        (rows) => rows.flatMap((row, index) => row === null ? [] : [index])
      )
      assert.deepStrictEqual(yield* kept, Array.from({ length: 10 }, (_, index) => index + 20))
      yield* ask("k", 1_029 + rememberedMs)
      assert.deepStrictEqual(yield* kept, [29])
    }))

  test("lines are found by who, action, run and time, the newest first, page by page", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([startOwned("r")])
      const lines: ReadonlyArray<Parameters<typeof act>> = [
        ["r", { at: 1_000 }],
        ["r/ask", { at: 2_000, who: "bob", action: "approval.answer" }],
        ["r2", { at: 3_000, action: "run.pause" }],
        ["r", { at: 2_500, action: "runner" }]
      ]
      for (const [index, line] of lines.entries()) yield* one(backend, acted(inbox("r", `i${index}`), act(...line)))
      const found = (filter: Partial<Parameters<Backend["audit"]>[0]>) =>
        Effect.map(backend.audit({ limit: 10, ...filter }), (rows) => rows.map(({ n }) => n))
      assert.deepStrictEqual(yield* found({}), [4, 3, 2, 1])
      assert.deepStrictEqual(yield* found({ limit: 2 }), [4, 3])
      assert.deepStrictEqual(yield* found({ limit: 2, before: 3 }), [2, 1])
      assert.deepStrictEqual(yield* found({ limit: 0 }), [])
      assert.deepStrictEqual(yield* found({ run: "r" }), [4, 2, 1])
      assert.deepStrictEqual(yield* found({ run: "r", before: 4, who: "ann" }), [1])
      assert.deepStrictEqual(yield* found({ who: "bob" }), [2])
      assert.deepStrictEqual(yield* found({ action: "run.*" }), [3, 1])
      assert.deepStrictEqual(yield* found({ action: "run.pause", since: 2_000 }), [3])
      assert.deepStrictEqual(yield* found({ since: 2_500 }), [4, 3])
      assert.deepStrictEqual((yield* backend.auditChain(1, 2)).map(({ n }) => n), [2, 3])
    }))
}
