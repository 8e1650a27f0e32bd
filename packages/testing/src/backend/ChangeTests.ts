/** Conformance: what was committed about runs, in order, behind a position. */
import { assert } from "@effect/vitest"
import type { Backend } from "@fermata/engine/Backend"
import { type Change, type Changes, hasEntries, hasEvent } from "@fermata/engine/ChangeLog"
import * as Effect from "effect/Effect"
import {
  brief,
  commit,
  end,
  event,
  events,
  impossible,
  inbox,
  type MakeStore,
  one,
  start,
  startOwned,
  suspend,
  type Test
} from "./Fixtures.ts"

/** The changes behind a position, read so many at a time. */
export const readAll = (backend: Backend, after: string | null, limit = 3) =>
  Effect.gen(function*() {
    const changes: Array<Change> = []
    for (let position = after;;) {
      const { next, reset, rows } = yield* backend.changes(position, limit)
      assert.isUndefined(reset)
      if (rows.length === 0) return { changes, next }
      assert.strictEqual(next, rows.at(-1)!.position)
      changes.push(...rows)
      position = next
    }
  })

/** The tests of changes and positions. */
export const changeTests = (test: Test, make: MakeStore): void => {
  test("S4: what commits add is told in their order, with what changes a run and adds nothing", (backend) =>
    Effect.gen(function*() {
      const begin = yield* backend.position
      const unrecorded = {
        status: { status: "suspended", reason: "diverged", waits: `[{"reason":"diverged","key":"k"}]` },
        release: { dueAt: null, quiet: true }
      }
      yield* one(backend, startOwned("r", { rows: ["r0"] }))
      yield* backend.write([
        startOwned("child", { rows: ["c0", "c1"] }),
        commit("r", 1, ["r1", "r2"]),
        commit("child", 2, [], unrecorded),
        commit("child", 1, ["refused"]),
        commit("r", 3, ["r3"], { status: { status: "suspended", reason: "signal", waits: "[]" } }),
        inbox("r", "i")
      ])
      yield* Effect.flip(backend.write([commit("r", 4, ["undone"]), commit("child", 2, [], unrecorded), impossible]))
      yield* one(backend, start("below", { root: "r", parent: "r", workflow: "refund" }, { rows: ["b0"] }))
      yield* one(backend, commit("r", 4, [], { release: { dueAt: 5 } }))
      yield* one(backend, commit("child", 2, [], unrecorded))
      const expected = [
        "r 0: r0",
        "child 0: c0 c1",
        "r 1: r1 r2",
        `child suspended diverged [{"reason":"diverged","key":"k"}]`,
        "r 3: r3",
        "below 0: b0",
        `child suspended diverged [{"reason":"diverged","key":"k"}]`
      ]
      for (const [after, limit] of [[null, 100], [begin, 100], [null, 1], [begin, 2], [null, Infinity]] as const) {
        const { changes, next } = yield* readAll(backend, after, limit)
        assert.deepStrictEqual(changes.map(brief), expected)
        assert.deepStrictEqual(yield* backend.changes(next, 10), { rows: [], next })
      }
      const { changes } = yield* readAll(backend, null)
      for (const [index, { position }] of changes.entries()) {
        assert.deepStrictEqual((yield* readAll(backend, position)).changes.map(brief), expected.slice(index + 1))
      }
      const positions = changes.map(({ position }) => position)
      assert.deepStrictEqual(positions.toSorted(), positions)
      assert.deepStrictEqual((yield* backend.changes(null, 0)).rows, [])
      assert.deepStrictEqual(
        changes.map((change) => hasEvent(change) ? "event" : `${change.root} ${change.workflow} ${change.kind}`).slice(
          4
        ),
        ["r purchase program", "r refund program", "child purchase program"]
      )
      const stand = changes.find((change) => !hasEntries(change))
      assert.deepInclude(stand, { run: "child", epoch: 1, at: 2_000 })
    }))

  test("S4: what is published stands among the commits, each once, as long as it is kept", (backend) =>
    Effect.gen(function*() {
      yield* one(backend, events(event("before", "a")))
      yield* backend.write([startOwned("r", { rows: ["r0"] }), suspend("r", 1, null)])
      yield* backend.write([
        events(event("x", "order.placed", { n: 1 }), event("x", "again")),
        commit("r", 1, ["r1"]),
        events(event("y", "order.placed"))
      ])
      yield* one(backend, events(event("x", "known")))
      yield* one(backend, commit("r", 2, [], { status: { status: "running", reason: null, waits: null } }))
      const expected = [
        "a before: null",
        "r 0: r0",
        "r suspended signal []",
        `order.placed x: {"n":1}`,
        "r 1: r1",
        "order.placed y: null",
        "r running null null"
      ]
      const { changes, next } = yield* readAll(backend, null)
      assert.deepStrictEqual(changes.map(brief), expected)
      assert.strictEqual(next, yield* backend.position)
      const positions = changes.map(({ position }) => position)
      assert.deepStrictEqual(positions.toSorted(), positions)
      for (const limit of [1, 2, 100]) {
        for (const [index, { position }] of changes.entries()) {
          const behind = (yield* readAll(backend, position, limit)).changes
          assert.deepStrictEqual(behind.map(brief), expected.slice(index + 1))
        }
      }
      const kept = yield* backend.events({ limit: 10 })
      const told = changes.flatMap((change) => hasEvent(change) ? [change.event] : [])
      assert.deepStrictEqual(told.toReversed(), kept)
      yield* one(backend, { op: "sweep", keptUntil: 9_000, unaskedUntil: 9_000, after: "", names: 10, limit: 2 })
      assert.deepStrictEqual((yield* readAll(backend, null)).changes.map(brief), [
        ...expected.slice(1, 3),
        "r 1: r1",
        ...expected.slice(5)
      ])
      // What is dropped at the end of all leaves its place behind.
      yield* one(backend, { op: "sweep", keptUntil: 9_000, unaskedUntil: 9_000, after: "", names: 10, limit: 2 })
      const now = yield* backend.position
      assert.deepStrictEqual(yield* backend.changes(now, 10), { rows: [], next: now })
      yield* one(backend, events(event("z", "a")))
      assert.deepStrictEqual((yield* backend.changes(now, 10)).rows.map(brief), ["a z: null"])
    }))

  test("the position of now has all that is committed behind it, and nothing that was before", (backend) =>
    Effect.gen(function*() {
      yield* one(backend, startOwned("r", { rows: ["r0"] }))
      const running = { status: { status: "running", reason: null, waits: null } }
      for (let turn = 0; turn < 4; turn++) {
        const now = yield* backend.position
        assert.deepStrictEqual(yield* backend.changes(now, 10), { rows: [], next: now })
        yield* one(backend, turn % 2 === 0 ? commit("r", 1, [], running) : suspend("r", 1, null))
        const status = turn % 2 === 0 ? "r running null null" : "r suspended signal []"
        assert.deepStrictEqual((yield* backend.changes(now, 10)).rows.map(brief), [status])
      }
      const now = yield* backend.position
      yield* backend.write([commit("r", 1, ["r1"]), end("r", 2, "done", { rows: ["r2"] })])
      assert.deepStrictEqual((yield* backend.changes(now, 10)).rows.map(brief), ["r 1: r1", "r 2: r2"])
    }))

  test("a commit of many entries is told whole", (backend) =>
    Effect.gen(function*() {
      const rows = Array.from({ length: 1_234 }, (_, index) => `e${index}`)
      yield* backend.write([startOwned("r", { rows: ["first"] }), commit("r", 1, rows)])
      const { changes } = yield* readAll(backend, null)
      const entries = changes.flatMap((change) => {
        assert.isTrue(hasEntries(change))
        return hasEntries(change) ? change.entries.map((entry, index) => `${change.first + index} ${entry}`) : []
      })
      assert.deepStrictEqual(entries, ["first", ...rows].map((entry, seq) => `${seq} ${entry}`))
    }))

  test(
    "S4: readers between the writes of several connections miss nothing, and hear all in one order",
    (backend, connect) =>
      Effect.gen(function*() {
        const writers = [backend, yield* connect, yield* connect]
        const readers = yield* Effect.forEach([3, 1, 7], (limit) =>
          Effect.map(
            connect,
            (reader) => ({ reader, limit, heard: [] as Array<string>, position: null as string | null })
          ))
        const written: Array<string> = []
        const read = (one: typeof readers[number], most: number) =>
          Effect.gen(function*() {
            const { next, rows } = yield* one.reader.changes(one.position, most)
            one.heard.push(...rows.map(brief))
            one.position = next
            return rows.length
          })
        const write = (writer: Backend, run: string) =>
          Effect.gen(function*() {
            yield* one(writer, startOwned(run, { rows: ["0"] }))
            written.push(`${run} 0: 0`)
            for (let seq = 1; seq < 40; seq++) {
              yield* Effect.yieldNow
              // Every fifth commit has no entry.
              const length = seq - Math.floor((seq - 1) / 5)
              const rests = seq % 5 === 0
              yield* one(writer, rests ? suspend(run, length, null) : commit(run, length, [`${seq}`]))
              written.push(rests ? `${run} suspended signal []` : `${run} ${length}: ${seq}`)
            }
          })
        yield* Effect.all([
          ...writers.flatMap((writer, index) => [write(writer, `a${index}`), write(writer, `b${index}`)]),
          ...readers.map((one) =>
            Effect.gen(function*() {
              for (let turn = 0; turn < 60; turn++) {
                yield* Effect.yieldNow
                yield* read(one, one.limit)
              }
            })
          )
        ], { concurrency: "unbounded" })
        for (const one of readers) {
          while ((yield* read(one, one.limit)) > 0);
          assert.deepStrictEqual(one.heard, written)
        }
      })
  )

  test(
    "a reader sees nothing of a transaction that is open, and all of it right behind where it stood",
    (backend, connect) =>
      Effect.gen(function*() {
        if (!backend.supports.together) return
        const reader = yield* connect
        yield* one(backend, startOwned("r", { rows: ["r0"] }))
        const seen: Array<unknown> = []
        const now = yield* reader.position
        yield* one(
          backend,
          commit("r", 1, ["r1"], {
            together: () => {
              seen.push(Effect.runSync(reader.changes(now, 10)), Effect.runSync(reader.position))
              return { rows: ["r2"], blobs: [], outbox: [] }
            }
          })
        )
        assert.deepStrictEqual(seen, [{ rows: [], next: now }, now])
        const { rows } = yield* reader.changes(now, 10)
        assert.deepStrictEqual(rows.map(brief), ["r 1: r1 r2"])
      })
  )

  test("a position of another store, of a later time, or of none is answered by that, and by the position of now", (backend) =>
    Effect.gen(function*() {
      const other = yield* Effect.flatMap(make, ({ connect }) => connect)
      const ahead = yield* Effect.flatMap(make, ({ connect }) => connect)
      yield* one(other, startOwned("r", { rows: ["r0"] }))
      yield* backend.write([startOwned("r", { rows: ["r0"] }), commit("r", 1, ["r1"])])
      const now = yield* backend.position
      yield* ahead.write([startOwned("r", { rows: ["r0"] }), commit("r", 1, ["r1"]), commit("r", 2, ["r2"])])
      const reset: Changes = { rows: [], next: now, reset: true }
      const later = (yield* ahead.position).replace(/^.*-/, now.replace(/-.*$/, "-"))
      for (const after of [yield* other.position, yield* ahead.position, later, "", "now", `${now}x`, `${now}'`]) {
        assert.deepStrictEqual(yield* backend.changes(after, 10), reset, after)
      }
      yield* one(backend, commit("r", 2, ["r2"]))
      assert.deepStrictEqual((yield* backend.changes(now, 10)).rows.map(brief), ["r 2: r2"])
    }))
}
