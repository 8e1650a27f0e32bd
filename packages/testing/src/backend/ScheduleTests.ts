/** Conformance: schedules, what they fire, and what is kept of that. */
import { assert } from "@effect/vitest"
import type {
  Backend,
  FireOp,
  FiringRow,
  Op,
  ScheduleOp,
  ScheduleRow,
  ScheduleState,
  UnscheduleOp
} from "@fermata/engine/Backend"
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import { act, acted, impossible, one, outboxRow, type Test } from "./Fixtures.ts"

/** How a schedule stands that has just been made. */
const state = (rest: Partial<ScheduleState> = {}): string =>
  JSON.stringify({
    since: 1_000,
    paused: false,
    nextSlot: 2_000,
    lastSlot: null,
    lastRun: null,
    problem: null,
    running: [],
    buffered: [],
    backfills: [],
    missed: 0,
    started: 0,
    ...rest
  })

const waits = { id: "f0", slot: 2_000, cause: "due", by: "ann" }

/** A schedule in its first version. */
const schedule = (name: string, row: Partial<ScheduleRow> = {}): ScheduleRow => ({
  name,
  producer: null,
  options: "{}",
  state: state(),
  dueAt: 2_000,
  version: 1,
  by: "ann",
  createdAt: 1_000,
  updatedAt: 1_000,
  ...row
})

const put = (name: string, seen: number | null, row: Partial<ScheduleRow> = {}): ScheduleOp => ({
  op: "schedule",
  row: schedule(name, { version: (seen ?? 0) + 1, ...row }),
  seen
})

const remove = (name: string): UnscheduleOp => ({ op: "unschedule", name })

const firing = (schedule: string, id: string, rest: Partial<FiringRow> = {}): FiringRow => ({
  schedule,
  id,
  slot: 2_000,
  at: 2_100,
  cause: "due",
  outcome: "started",
  missed: 0,
  run: null,
  event: null,
  task: id === "c" ? "t" : null,
  problem: null,
  by: null,
  ...rest
})

const fire = (
  name: string,
  seen: number,
  firings: ReadonlyArray<string>,
  rest: Partial<Omit<FireOp, "op" | "row" | "seen" | "firings">> & { readonly row?: Partial<ScheduleRow> } = {}
): FireOp => {
  const { row, ...others } = rest
  return {
    op: "fire",
    row: schedule(name, { version: seen + 1, ...row }),
    seen,
    firings: firings.map((id) => firing(name, id)),
    outbox: [],
    kept: 3,
    ...others
  }
}

const names = (rows: ReadonlyArray<{ readonly name: string }>) => rows.map(({ name }) => name)
const firingsOf = (backend: Backend, name: string, limit = 9, before?: string) =>
  Effect.map(backend.firings(name, limit, before), (rows) => rows.map(({ id, outcome }) => `${id} ${outcome}`))

/** Tests of schedules. */
export const scheduleTests = (test: Test): void => {
  test(
    "a schedule is kept as it was given, and is changed only by who has seen its last version",
    (backend, connect) =>
      Effect.gen(function*() {
        const other = yield* connect
        const row = schedule("nightly", { producer: "p", dueAt: null, by: "b\ud800ö" })
        assert.deepStrictEqual(yield* one(backend, { op: "schedule", row, seen: null }), { result: "stored" })
        assert.deepStrictEqual(yield* other.schedule("nightly"), row)
        assert.deepStrictEqual(yield* one(other, put("nightly", null)), { result: "stale" })
        assert.deepStrictEqual(yield* one(other, put("nightly", 2)), { result: "stale" })
        assert.deepStrictEqual(yield* one(other, put("else", 1)), { result: "stale" })
        assert.deepStrictEqual(yield* one(other, put("nightly", 1, { note: "n", dueAt: 9 } as never)), {
          result: "stored"
        })
        assert.deepInclude(yield* backend.schedule("nightly"), { version: 2, dueAt: 9, producer: null })
        assert.isNull(yield* backend.schedule("else"))
      })
  )

  test("what a schedule produces it produces alone, until it says something else or is gone", (backend) =>
    Effect.gen(function*() {
      yield* one(backend, put("a", null, { producer: "heartbeat" }))
      assert.deepStrictEqual(yield* one(backend, put("b", null, { producer: "heartbeat" })), {
        result: "taken",
        owner: "a"
      })
      assert.isNull(yield* backend.schedule("b"))
      assert.deepStrictEqual(yield* one(backend, put("a", 1, { producer: "heartbeat" })), { result: "stored" })
      yield* one(backend, put("a", 2, { producer: "other" }))
      assert.deepStrictEqual(yield* one(backend, put("b", null, { producer: "heartbeat" })), { result: "stored" })
      yield* one(backend, remove("b"))
      assert.deepStrictEqual(yield* one(backend, put("c", null, { producer: "heartbeat" })), { result: "stored" })
    }))

  test("schedules are listed by name, page by page, and those of a tenant alone", (backend) =>
    Effect.gen(function*() {
      yield* backend.write(["z", "acme~b", "a", "acme~a", "acme-2~a", "acmea"].map((name) => put(name, null)))
      const listed = (filter: object) => Effect.map(backend.schedules({ limit: 9, ...filter }), names)
      assert.deepStrictEqual(yield* listed({}), ["a", "acme-2~a", "acmea", "acme~a", "acme~b", "z"])
      assert.deepStrictEqual(yield* listed({ limit: 2, after: "acmea" }), ["acme~a", "acme~b"])
      assert.deepStrictEqual(yield* listed({ tenant: "acme" }), ["acme~a", "acme~b"])
      assert.deepStrictEqual(yield* listed({ tenant: "acme", after: "acme~a" }), ["acme~b"])
      assert.deepStrictEqual(yield* listed({ tenant: "beta" }), [])
    }))

  test("schedules at which somebody has to look come earliest first, page by page", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([
        put("c", null, { dueAt: 0 }),
        put("b", null, { dueAt: 5 }),
        put("a", null, { dueAt: 5 }),
        put("never", null, { dueAt: null }),
        put("later", null, { dueAt: 9 })
      ])
      assert.deepStrictEqual(names(yield* backend.dueSchedules(9, null)), ["c", "a", "b", "later"])
      assert.deepStrictEqual(names(yield* backend.dueSchedules(2, { dueAt: 5, name: "a" })), ["b", "later"])
      assert.deepStrictEqual(names(yield* backend.dueSchedules(1, null)), ["c"])
    }))

  test(
    "of two who have seen a schedule due one fires, with what that starts",
    (backend, connect) =>
      Effect.gen(function*() {
        const other = yield* connect
        yield* one(backend, put("s", null))
        const first = fire("s", 1, ["f1"], { outbox: [outboxRow("m0")], row: { dueAt: 3_000 } })
        const second = fire("s", 1, ["f2"], { outbox: [outboxRow("m1")], row: { dueAt: 4_000 } })
        assert.deepStrictEqual(yield* one(other, first), { fired: true })
        assert.deepStrictEqual(yield* one(backend, second), { fired: false })
        assert.deepStrictEqual(yield* backend.outbox(9, true), [outboxRow("m0")])
        assert.deepStrictEqual(yield* firingsOf(backend, "s"), ["f1 started"])
        assert.deepInclude(yield* backend.schedule("s"), { version: 2, dueAt: 3_000 })
        assert.deepStrictEqual(yield* one(backend, fire("none", 0, ["f"])), { fired: false })
        assert.isEmpty(yield* backend.firings("none", 9))
      })
  )

  test("a firing that comes to nothing leaves nothing", (backend) =>
    Effect.gen(function*() {
      yield* one(backend, put("s", null))
      yield* Effect.flip(backend.write([fire("s", 1, ["f1"], { outbox: [outboxRow("m0")] }), impossible]))
      assert.isEmpty(yield* backend.outbox(9, true))
      assert.isEmpty(yield* backend.firings("s", 9))
      assert.deepInclude(yield* backend.schedule("s"), { version: 1 })
    }))

  test("the last firings are kept, the newest first; one of a known id takes the place of that", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([put("s", null), put("t", null), fire("t", 1, ["x"])])
      yield* backend.write([fire("s", 1, ["a", "b"]), fire("s", 2, ["c", "d"])])
      assert.deepStrictEqual(yield* firingsOf(backend, "s"), ["d started", "c started", "b started"])
      yield* one(backend, { ...fire("s", 3, []), firings: [firing("s", "b", { outcome: "failed", problem: "gone" })] })
      assert.deepStrictEqual(yield* firingsOf(backend, "s"), ["d started", "c started", "b failed"])
      assert.deepStrictEqual(yield* firingsOf(backend, "s", 1, "c"), ["b failed"])
      assert.deepStrictEqual(yield* firingsOf(backend, "s", 9, "none"), [])
      const [whole] = yield* backend.firings("s", 1, "c")
      assert.deepStrictEqual(whole, firing("s", "b", { outcome: "failed", problem: "gone" }))
      assert.deepStrictEqual(yield* firingsOf(backend, "t"), ["x started"])
    }))

  test("a schedule that is removed takes its firings with it, and nothing of others", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([put("s", null), put("t", null), fire("s", 1, ["a"]), fire("t", 1, ["b"])])
      assert.deepStrictEqual(yield* one(backend, remove("s")), { removed: true })
      assert.deepStrictEqual(yield* one(backend, remove("s")), { removed: false })
      assert.isEmpty(yield* backend.firings("s", 9))
      assert.deepStrictEqual(yield* firingsOf(backend, "t"), ["b started"])
      assert.deepStrictEqual(names(yield* backend.schedules({ limit: 9 })), ["t"])
    }))

  test("the end of a run is told once to the schedule that started it, and what waited is looked at", (backend) =>
    Effect.gen(function*() {
      const waiting = (rest: Partial<ScheduleState>) => ({ state: state({ running: ["r1", "r2"], ...rest }) })
      yield* backend.write([
        put("plain", null, waiting({})),
        put("buffer", null, waiting({ buffered: [waits] })),
        put("fill", null, waiting({ backfills: [{ after: 0, until: 9, overlap: "skip", by: "ann" }] })),
        put("paused", null, waiting({ buffered: [waits], paused: true }))
      ])
      const free = (schedule: string, run: string) => one(backend, { op: "free", schedule, run })
      for (const name of ["plain", "buffer", "fill", "paused"]) {
        assert.deepStrictEqual(yield* free(name, "r1"), { freed: true, due: false }, name)
        assert.deepStrictEqual(yield* free(name, "r1"), { freed: false, due: false }, name)
        assert.deepInclude(yield* backend.schedule(name), { version: 2, dueAt: 2_000 }, name)
        const isDue = name === "buffer" || name === "fill"
        assert.deepStrictEqual(yield* free(name, "r2"), { freed: true, due: isDue }, name)
        assert.strictEqual((yield* backend.schedule(name))?.dueAt, isDue ? 0 : 2_000, name)
      }
      assert.deepStrictEqual(yield* free("none", "r1"), { freed: false, due: false })
    }))

  test("what somebody does to a schedule is kept where it does something", (backend) =>
    Effect.gen(function*() {
      const ops: ReadonlyArray<Op> = [
        put("s", null, { producer: "p" }),
        put("s", null),
        put("t", null, { producer: "p" }),
        fire("s", 1, ["f"]),
        fire("s", 1, ["g"]),
        remove("s"),
        remove("s")
      ]
      for (const [index, op] of ops.entries()) yield* one(backend, acted(op, act(String(index))))
      assert.deepStrictEqual(
        (yield* backend.auditChain(0, 99)).map(({ target }) => target),
        ["0", "3", "5"]
      )
    }))
}

/** Any operation on schedules, for histories. */
export const scheduleOps: fc.Arbitrary<Op> = fc.record({
  name: fc.constantFrom("s0", "acme~s1"),
  seen: fc.constantFrom(null, 1, 2, 3),
  producer: fc.constantFrom(null, null, "p"),
  dueAt: fc.constantFrom(null, 0, 5, 6),
  running: fc.constantFrom([], ["r0"], ["r0", "r3"]),
  buffered: fc.constantFrom([], [waits]),
  run: fc.constantFrom("r0", "r3"),
  ids: fc.subarray(["f0", "f1", "f2", "f3"]),
  kept: fc.constantFrom(2, 3),
  what: fc.constantFrom("put", "put", "put", "fire", "fire", "free", "remove")
}).map(({ buffered, dueAt, ids, kept, name, producer, run, running, seen, what }) => {
  const row = { producer, dueAt, state: state({ running, buffered }) }
  switch (what) {
    case "put":
      return put(name, seen, row)
    case "fire":
      return fire(name, seen ?? 1, ids, { kept, row: { ...row, producer: null }, outbox: ids.map(outboxRow) })
    case "free":
      return { op: "free", schedule: name, run }
    default:
      return remove(name)
  }
})

/** What a reader sees of schedules. */
export const observeSchedules = (backend: Backend) =>
  Effect.all({
    schedules: backend.schedules({ limit: 100 }),
    ofTenant: backend.schedules({ limit: 1, tenant: "acme", after: "acme~" }),
    due: backend.dueSchedules(100, null),
    dueBehind: backend.dueSchedules(1, { dueAt: 0, name: "s0" }),
    firings: Effect.forEach(["s0", "acme~s1"], (name) => backend.firings(name, 100)),
    firingsBefore: backend.firings("s0", 1, "f2")
  })
