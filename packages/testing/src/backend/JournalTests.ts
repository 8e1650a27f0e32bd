/** Conformance: how journals grow, commit by commit, whatever happens between two of them. */
import { assert } from "@effect/vitest"
import type { Backend, CommitOp } from "@fermata/engine/Backend"
import * as Effect from "effect/Effect"
import {
  approval,
  claim,
  commit,
  end,
  heartbeat,
  impossible,
  inbox,
  one,
  outboxRow,
  start,
  startOwned,
  type Test
} from "./Fixtures.ts"

const named = (name: string, count: number, from = 0): ReadonlyArray<string> =>
  Array.from({ length: count }, (_, index) => `${name} ${from + index}`)

const assertJournal = Effect.fnUntraced(function*(backend: Backend, run: string, expected: ReadonlyArray<string>) {
  assert.strictEqual((yield* backend.run(run))?.length, expected.length)
  assert.deepStrictEqual(yield* backend.entries(run, 0, 100_000), expected)
})

/** The tests of journals. */
export const journalTests = (test: Test): void => {
  test("a commit of any number of entries reads the same from any place", (backend, connect) =>
    Effect.gen(function*() {
      const other = yield* connect
      for (const count of [1, 2, 99, 100, 101, 199, 200, 201, 256, 257, 1_000]) {
        for (const alone of [true, false]) {
          const run = `${count} ${alone}`
          const all = named(run, count + 2)
          yield* one(backend, startOwned(run, { rows: all.slice(0, 1) }))
          const many = commit(run, 1, all.slice(1, -1))
          assert.deepStrictEqual((yield* backend.write(alone ? [many] : [many, heartbeat("a", 1)]))[0], { ok: true })
          assert.deepStrictEqual(yield* one(other, commit(run, count + 1, all.slice(-1))), { ok: true })
          yield* assertJournal(backend, run, all)
          for (const from of [0, 1, 2, 99, 100, 101, 102, 200, 201, count, count + 1, count + 2]) {
            for (const limit of [0, 1, 100, 101]) {
              assert.deepStrictEqual(yield* other.entries(run, from, limit), all.slice(from, from + limit))
            }
          }
        }
      }
    }))

  test("what is made inside a commit of many entries comes behind them", (backend) =>
    Effect.gen(function*() {
      if (!backend.supports.together) return
      const all = named("e", 210)
      yield* one(backend, startOwned("r"))
      const together = () => ({ rows: all.slice(95, 205), blobs: [], outbox: [] })
      assert.deepStrictEqual(yield* one(backend, commit("r", 0, all.slice(0, 95), { together })), { ok: true })
      assert.deepStrictEqual(yield* one(backend, commit("r", 205, all.slice(205))), { ok: true })
      yield* assertJournal(backend, "r", all)
    }))

  test(
    "a list that fails between two commits leaves every run where it was, on every connection",
    (backend, connect) =>
      Effect.gen(function*() {
        const other = yield* connect
        yield* backend.write([startOwned("r"), startOwned("s", { rows: ["s 0"] })])
        assert.deepStrictEqual(yield* one(backend, commit("s", 1, ["s 1"])), { ok: true })
        const lost = [
          startOwned("t", { rows: ["lost"] }),
          commit("r", 0, named("lost", 3)),
          commit("s", 2, named("lost", 300))
        ]
        yield* Effect.flip(backend.write([...lost, impossible]))
        // Another run gets as many entries as this one has lost.
        assert.deepStrictEqual(yield* one(other, commit("s", 2, ["s 2"])), { ok: true })
        yield* other.write([startOwned("u", { rows: ["u 0"] }), startOwned("t", { rows: ["t 0", "t 1"] })])
        assert.deepStrictEqual(yield* one(backend, commit("r", 0, ["r 0"])), { ok: true })
        assert.deepStrictEqual(yield* one(backend, commit("r", 1, ["r 1"])), { ok: true })
        assert.deepStrictEqual(yield* one(backend, commit("s", 2, ["late"])), { ok: false, epoch: 1, length: 3 })
        assert.deepStrictEqual(yield* one(backend, commit("s", 3, ["s 3"])), { ok: true })
        assert.deepStrictEqual(yield* one(backend, commit("t", 2, ["t 2"])), { ok: true })
        assert.deepStrictEqual(yield* one(backend, commit("u", 1, ["u 1"])), { ok: true })
        for (const reader of [backend, other]) {
          yield* assertJournal(reader, "r", ["r 0", "r 1"])
          yield* assertJournal(reader, "s", named("s", 4))
          yield* assertJournal(reader, "t", named("t", 3))
          yield* assertJournal(reader, "u", named("u", 2))
        }
      })
  )

  test(
    "S5: of two connections that append in turn, each is told where the other has left the run, however much that was",
    (backend, connect) =>
      Effect.gen(function*() {
        const other = yield* connect
        yield* backend.write([startOwned("r"), startOwned("s")])
        const journals: Record<string, Array<string>> = { r: [], s: [] }
        let [writer, reader] = [backend, other]
        for (const count of [1, 255, 256, 257, 5_001, 1]) {
          for (let left = count; left > 0; left -= 50) {
            const [r, s] = [journals["r"]!, journals["s"]!]
            const [more, beside] = [named("r", Math.min(left, 50), r.length), named("s", 1, s.length)]
            const answers = yield* writer.write([
              ...more.map((row, index) => commit("r", r.length + index, [row])),
              commit("s", s.length, beside)
            ])
            assert.isTrue(answers.every((answer) => "ok" in answer && answer.ok))
            r.push(...more)
            s.push(...beside)
          }
          for (const [run, { length }] of Object.entries(journals)) {
            assert.deepStrictEqual(yield* one(reader, commit(run, length - 1, ["late"])), {
              ok: false,
              epoch: 1,
              length
            })
          }
          ;[writer, reader] = [reader, writer]
        }
        for (const [run, expected] of Object.entries(journals)) yield* assertJournal(reader, run, expected)
      })
  )

  test(
    "S5: entries of an owner that was deposed are refused, although nothing else was written since",
    (backend, connect) =>
      Effect.gen(function*() {
        const other = yield* connect
        for (const [run, way] of [["r", { op: "reap", now: 1 }], ["s", { op: "retire", owner: "a" }]] as const) {
          yield* one(backend, start(run, {}, { rows: ["e0"] }))
          yield* one(backend, claim())
          assert.deepStrictEqual(yield* one(backend, commit(run, 1, ["e1"])), { ok: true })
          yield* other.write([way, claim({ owner: "b" })])
          assert.deepStrictEqual(yield* one(backend, commit(run, 2, ["late"])), { ok: false, epoch: 2, length: 2 })
          assert.deepStrictEqual(yield* one(other, commit(run, 2, ["e2"], { epoch: 2 })), { ok: true })
          yield* assertJournal(backend, run, ["e0", "e1", "e2"])
          yield* one(other, end(run, 3, "done", { epoch: 2 }))
        }
      })
  )

  test("the first entry after a takeover ends the count, also of an owner who takes its own run over", (backend) =>
    Effect.gen(function*() {
      yield* one(backend, start("r", {}, { rows: ["e0"] }))
      yield* one(backend, claim())
      assert.deepStrictEqual(yield* one(backend, commit("r", 1, ["e1"])), { ok: true })
      yield* backend.write([{ op: "reap", now: 1 }, claim()])
      assert.strictEqual((yield* backend.run("r"))!.takeovers, 1)
      assert.deepStrictEqual(yield* one(backend, commit("r", 2, ["e2"], { epoch: 2 })), { ok: true })
      assert.strictEqual((yield* backend.run("r"))!.takeovers, 0)
      yield* assertJournal(backend, "r", ["e0", "e1", "e2"])
    }))

  test("what a commit brings beside its entries is stored, whatever it is, after commits of entries alone", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([startOwned("r"), inbox("r", "i1"), inbox("r", "i2")])
      let length = 0
      /** A commit of one entry and this, between commits of one entry each. */
      const bring = Effect.fnUntraced(function*(rest: Partial<CommitOp>) {
        for (const more of [{}, rest]) {
          const answer = yield* one(backend, commit("r", length, [`e ${length}`], more))
          assert.deepStrictEqual(answer, more.ended === undefined ? { ok: true } : { ok: true, told: true })
          length++
        }
      })
      yield* bring({ blobs: [{ hash: "h", data: "d" }] })
      assert.strictEqual(yield* backend.blob("h"), "d")
      yield* bring({ outbox: [outboxRow("o")] })
      assert.strictEqual((yield* backend.outbox(10, true)).length, 1)
      yield* bring({ consumed: ["i1"] })
      assert.deepStrictEqual((yield* backend.inbox("r")).map(({ id }) => id), ["i2"])
      yield* bring({ approvalsOpened: [approval("r", "k")] })
      assert.strictEqual((yield* backend.approvals("r", 10)).length, 1)
      yield* bring({ approvalsClosed: ["k"] })
      assert.strictEqual((yield* backend.approvals("r", 10)).length, 0)
      yield* bring({ status: { status: "suspended", reason: "timer", waits: "[1]" } })
      assert.strictEqual((yield* backend.run("r"))!.waits, "[1]")
      yield* bring({ release: { dueAt: 7, quiet: true } })
      assert.strictEqual((yield* backend.run("r"))!.dueAt, 7)
      if (backend.supports.together) {
        yield* bring({ together: () => ({ rows: [], blobs: [{ hash: "made", data: "d" }], outbox: [] }) })
        assert.strictEqual(yield* backend.blob("made"), "d")
      }
      yield* one(backend, start("listening", { dueAt: null }))
      yield* one(backend, startOwned("r", { listener: "listening" }))
      yield* bring({ ended: { payload: "the end" }, consumed: ["i2"] })
      assert.deepStrictEqual((yield* backend.inbox("listening")).map(({ payload }) => payload), ["the end"])
      assert.isEmpty(yield* backend.inbox("r"))
      yield* assertJournal(backend, "r", named("e", length))
    }))
}
