/** Conformance: tasks, who is given which, and what becomes of them. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { end, one, start, type Test } from "./Fixtures.ts"
import {
  added,
  cancel,
  counts,
  failed,
  lease,
  leased,
  outcomes,
  queue,
  settle,
  statusOf,
  task
} from "./TaskFixtures.ts"

const ended = (run: string) => end(run, 0, "{}", { epoch: 0, at: 1_500 })

/** Tests of tasks. */
export const taskTests = (test: Test): void => {
  test(
    "of a lane of the engine's own that is held back nothing is begun before its time, and the others go on",
    (backend, connect) =>
      Effect.gen(function*() {
        const other = yield* connect
        const queue = "engine.q"
        const of = (lane: string) => ({ queue, lane })
        const hold = (until: number | null, now = 1_000) =>
          one(backend, { op: "holdLane", queue, lane: "a", until, now })
        const given = (now: number) =>
          Effect.map(one(other, lease(9, { queue, now, until: now + 9_000 })), ({ next, tasks }) => [
            tasks.map(({ id }) => id).join(),
            next
          ])
        yield* backend.write([task("a1", of("a")), task("b1", of("b"))])
        yield* hold(5_000)
        yield* one(backend, task("a2", of("a")))
        assert.deepStrictEqual(yield* given(1_000), ["b1", 5_000])
        yield* hold(6_000)
        assert.deepStrictEqual(yield* given(5_500), ["", 6_000])
        assert.deepStrictEqual((yield* given(6_000))[0], "a1,a2")
        yield* hold(99_000, 6_000)
        yield* one(backend, settle("a1", 1, { _tag: "Released" }, 6_100))
        assert.deepStrictEqual((yield* given(6_200))[0], "")
        yield* hold(null, 6_300)
        assert.deepStrictEqual((yield* given(6_300))[0], "a1")
        // Nobody else holds anything back.
        yield* backend.write([
          task("q1", { lane: "a" }),
          { op: "holdLane", queue: "q", lane: "a", until: 99_000, now: 1_000 }
        ])
        assert.strictEqual(yield* leased(other), "q1")
      })
  )

  test(
    "a task is kept with all that was asked for, given to one owner alone, and ends once",
    (backend, connect) =>
      Effect.gen(function*() {
        const other = yield* connect
        const all = {
          source: "ops:later",
          subject: "Say hello",
          priority: 5,
          lane: "acme",
          adapter: "script",
          profile: "lumen",
          dedupe: "hello",
          maxAttempts: 7
        }
        assert.strictEqual(yield* added(backend, task("t", all)), "added t")
        const [given] = (yield* one(backend, lease())).tasks
        assert.deepInclude(given, {
          ...all,
          id: "t",
          queue: "q",
          kind: "work",
          payload: `"t"`,
          status: "running",
          owner: "a",
          attempts: 1,
          leaseUntil: 2_000
        })
        assert.strictEqual(yield* leased(other), "")
        assert.deepStrictEqual(yield* one(other, settle("t", 2)), { task: null })
        assert.deepInclude((yield* one(other, settle("t", 1))).task, {
          status: "completed",
          result: "1",
          endedAt: 1_100,
          leaseUntil: null
        })
        assert.deepStrictEqual(yield* one(backend, settle("t", 1)), { task: null })
        assert.deepStrictEqual(yield* backend.task("t"), yield* other.task("t"))
        assert.deepStrictEqual(yield* outcomes(backend, "t"), ["1 a completed"])
        assert.deepStrictEqual(yield* counts(backend), [0, 0, 0, 0])
        assert.isNull(yield* backend.task("none"))
      })
  )

  test("in a lane the highest priority is first, and of equal ones the oldest", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([
        task("a"),
        task("b", { priority: 5 }),
        task("c"),
        task("d", { priority: 5 }),
        task("e", { priority: -1 })
      ])
      assert.strictEqual(yield* leased(backend, lease(9)), "b d a c e")
    }))

  test("a task is not given before its time, and whoever asks is told when that is", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([task("later", { notBefore: 5_000 }), task("now")])
      assert.strictEqual(yield* leased(backend), "now")
      yield* one(backend, settle("now", 1))
      assert.deepStrictEqual(yield* one(backend, lease(1, { now: 4_999 })), { tasks: [], next: 5_000 })
      assert.strictEqual(yield* leased(backend, lease(1, { now: 5_000, until: 6_000 })), "later")
    }))

  test("tasks are one by their id, also when it has ended, and by their dedupe as long as it has not", (backend) =>
    Effect.gen(function*() {
      const twin = (id: string, rest = {}, op = {}) => task(id, { dedupe: "d", ...rest }, op)
      assert.strictEqual(yield* added(backend, twin("a")), "added a")
      assert.strictEqual(yield* added(backend, twin("a")), "joined a")
      assert.strictEqual(yield* added(backend, twin("b")), "joined a")
      assert.strictEqual(yield* added(backend, twin("x", { queue: "other" })), "added x")
      yield* one(backend, lease())
      assert.strictEqual(yield* added(backend, twin("b")), "joined a")
      yield* one(backend, settle("a", 1))
      assert.strictEqual(yield* added(backend, twin("b")), "added b")
      assert.strictEqual(yield* added(backend, twin("a")), "joined a")
    }))

  test("one that replaces a queued one gives it its payload, priority and time; one at work is left, and another added", (backend) =>
    Effect.gen(function*() {
      const replace = (id: string, notBefore: number) =>
        task(id, { dedupe: "d", notBefore, priority: 3, subject: id }, { onDuplicate: "replace" })
      assert.strictEqual(yield* added(backend, replace("a", 2_000)), "added a")
      assert.strictEqual(yield* added(backend, replace("b", 3_000)), "replaced a")
      assert.deepInclude(yield* backend.task("a"), { payload: `"b"`, subject: "b", notBefore: 3_000, priority: 3 })
      assert.strictEqual(yield* leased(backend, lease(1, { now: 2_500 })), "")
      assert.strictEqual(yield* added(backend, replace("c", 0)), "replaced a")
      assert.deepStrictEqual(yield* counts(backend), [1, 1, 0, 0])
      assert.strictEqual(yield* added(backend, replace("d", 9_000)), "replaced a")
      assert.deepStrictEqual(yield* counts(backend), [1, 0, 0, 0])
      assert.strictEqual(yield* leased(backend, lease(1, { now: 9_000, until: 9_500 })), "a")
      assert.strictEqual(yield* added(backend, replace("e", 0)), "added e")
      yield* one(backend, task("f", { queue: "p", dedupe: "d", notBefore: 2_000 }))
      const often = { onDuplicate: "replace", maxDelayMs: 5_000, now: 5_500 } as const
      yield* one(backend, task("g", { queue: "p", dedupe: "d", notBefore: 6_500 }, often))
      assert.strictEqual((yield* backend.task("f"))?.notBefore, 6_000)
    }))

  test("lanes are served in turns: the least at work first, then the one not served for longest", (backend) =>
    Effect.gen(function*() {
      const lanes = (name: string, count: number) =>
        Array.from({ length: count }, (_, index) => task(`${name}${index}`, { lane: name, priority: index }))
      yield* backend.write([...lanes("x", 4), ...lanes("y", 2), ...lanes("z", 1)])
      assert.strictEqual(yield* leased(backend, lease(3)), "x3 y1 z0")
      // A lane that comes back is as if served at that moment, and one with fewer at work is first.
      yield* one(backend, settle("y1", 1))
      yield* backend.write([task("z1", { lane: "z" }), task("w0", { lane: "w" })])
      assert.strictEqual(yield* leased(backend, lease(9)), "y0 w0 x2 z1 x1 x0")
    }))

  test("a lane that goes and comes again gets no more than its turn", (backend) =>
    Effect.gen(function*() {
      yield* backend.write(["a0", "a1", "a2", "b0", "b1", "b2"].map((id) => task(id, { lane: id[0]! })))
      const served: Array<string> = []
      for (let index = 0; index < 9; index++) {
        const [given] = (yield* one(backend, lease())).tasks
        served.push(given!.lane)
        yield* one(backend, settle(given!.id, 1))
        if (given!.lane === "a" || index === 0) yield* one(backend, task(`c${index}`, { lane: "c" }))
      }
      assert.strictEqual(served.join(""), "abacbacbc")
    }))

  test("a queue gives no more at a time than its limit, and a lane no more than its own", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([
        queue("q", { concurrency: 3, perLane: 2 }),
        ...["a1", "a2", "a3", "a4", "b1"].map((id) => task(id, { lane: id[0]! }))
      ])
      assert.strictEqual(yield* leased(backend, lease(9)), "a1 b1 a2")
      yield* one(backend, settle("b1", 1))
      assert.strictEqual(yield* leased(backend, lease(9)), "")
      yield* one(backend, settle("a1", 1))
      assert.strictEqual(yield* leased(backend, lease(9)), "a3")
      assert.deepStrictEqual(yield* counts(backend), [1, 1, 2, 2])
      yield* one(backend, queue("q", {}))
      assert.strictEqual(yield* leased(backend, lease(9)), "a4")
    }))

  test("a queue begins no more over time than its rate, and a lane no more than its own", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([
        queue("q", { rateCount: 3, ratePerMs: 3_000, laneRateCount: 1, laneRatePerMs: 2_000 }),
        ...["a1", "a2", "b1", "b2", "c1", "c2"].map((id) => task(id, { lane: id[0]! }))
      ])
      const at = (now: number) => lease(9, { now, until: 60_000 })
      assert.deepInclude(yield* one(backend, at(1_000)), { next: 2_000 })
      assert.strictEqual(yield* leased(backend, at(2_000)), "")
      for (const id of ["a1", "b1", "c1"]) yield* one(backend, settle(id, 1, undefined, 2_000))
      assert.strictEqual((yield* one(backend, at(2_999))).next, 3_000)
      assert.strictEqual(yield* leased(backend, at(3_000)), "a2 b2")
      assert.strictEqual(yield* leased(backend, at(4_000)), "c2")
    }))

  test("whoever adds to a queue that is full is refused, but for what was acknowledged before", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([queue("q", { maxQueued: 2 }), task("a"), task("b", { notBefore: 9_000 })])
      assert.deepStrictEqual(yield* one(backend, task("c")), { result: "full", most: 2 })
      assert.isNull(yield* backend.task("c"))
      assert.strictEqual(yield* added(backend, task("a")), "joined a")
      assert.strictEqual(yield* added(backend, task("d", {}, { isLimited: false })), "added d")
      yield* one(backend, lease(2))
      assert.strictEqual(yield* added(backend, task("c")), "added c")
    }))

  test(
    "nothing of a paused queue is given, also to others, until it goes on",
    (backend, connect) =>
      Effect.gen(function*() {
        const other = yield* connect
        yield* backend.write([task("a"), { op: "queue", name: "q", paused: true, by: "ann", now: 1_000 }])
        assert.strictEqual(yield* leased(other), "")
        assert.deepInclude((yield* other.queues())[0], { paused: true, by: "ann", at: 1_000, concurrency: null })
        yield* one(other, { op: "queue", name: "q", paused: false, by: "ann", now: 1_100 })
        assert.strictEqual(yield* leased(backend), "a")
      })
  )

  test("only who has the adapter of a task is given it, and the turns of lanes are kept", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([
        task("gpu", { adapter: "gpu", priority: 9 }),
        task("any"),
        task("cpu", { adapter: "cpu", priority: 5 }),
        task("gpu2", { adapter: "gpu", lane: "x" })
      ])
      assert.strictEqual(yield* leased(backend, lease(9, { adapters: [] })), "any")
      assert.strictEqual(yield* leased(backend, lease(9, { adapters: ["cpu", "disk"] })), "cpu")
      assert.strictEqual(yield* leased(backend, lease(9, { adapters: ["gpu"] })), "gpu2 gpu")
      assert.deepStrictEqual(yield* counts(backend), [0, 0, 4, 4])
    }))

  test("a task that has failed is tried again as its queue says, and each time is an attempt of its own", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([queue("q", { retry: `{"attempts":3,"delaysMs":[100,500]}` }), task("t")])
      yield* one(backend, lease())
      assert.deepInclude((yield* one(backend, settle("t", 1, failed()))).task, {
        status: "queued",
        notBefore: 1_200,
        failures: 1
      })
      assert.strictEqual(yield* leased(backend, lease(1, { now: 1_199 })), "")
      assert.strictEqual(yield* leased(backend, lease(1, { now: 1_200 })), "t")
      assert.deepInclude((yield* one(backend, settle("t", 2, failed(false, 5), 1_300))).task, { notBefore: 1_305 })
      assert.strictEqual(yield* leased(backend, lease(1, { now: 1_305 })), "t")
      assert.deepInclude((yield* one(backend, settle("t", 3, failed(), 1_400))).task, {
        status: "failed",
        failures: 3,
        error: `{"code":"failed","message":"no"}`
      })
      assert.deepStrictEqual(yield* outcomes(backend, "t"), ["1 a failed", "2 a failed", "3 a failed"])
      assert.strictEqual((yield* one(backend, { op: "retryTask", task: "t", now: 1_500 })).result, "queued")
      yield* one(backend, lease(1, { owner: "b" }))
      assert.deepInclude((yield* one(backend, settle("t", 4, failed(true)))).task, { status: "failed", failures: 1 })
      assert.strictEqual((yield* one(backend, { op: "retryTask", task: "none", now: 1_500 })).result, "unknown")
      assert.deepStrictEqual(yield* counts(backend), [0, 0, 0, 0])
    }))

  test("what a dead owner had is given to others, its attempt is lost, and what it says of it counts no more", (backend) =>
    Effect.gen(function*() {
      yield* one(backend, task("t", { maxAttempts: 1 }))
      yield* one(backend, lease())
      assert.deepStrictEqual(yield* one(backend, { op: "extend", task: "t", attempt: 1, now: 1_500, until: 2_500 }), {
        held: true,
        stop: null
      })
      assert.deepInclude(yield* one(backend, lease(1, { now: 2_499, owner: "b" })), { tasks: [], next: 2_500 })
      assert.strictEqual(yield* leased(backend, lease(1, { now: 2_500, until: 3_000, owner: "b" })), "t")
      assert.deepStrictEqual(yield* one(backend, { op: "extend", task: "t", attempt: 1, now: 2_600, until: 9_000 }), {
        held: false,
        stop: null
      })
      assert.deepStrictEqual(yield* one(backend, settle("t", 1)), { task: null })
      assert.deepStrictEqual(yield* outcomes(backend, "t"), ["1 a lost", "2 b running"])
      assert.deepStrictEqual(yield* counts(backend), [0, 0, 1, 1])
    }))

  test("what ends every owner that takes it up has failed after five", (backend) =>
    Effect.gen(function*() {
      yield* one(backend, task("t"))
      for (let turn = 1; turn <= 5; turn++) {
        assert.strictEqual(yield* leased(backend, lease(1, { now: turn * 1_000, until: turn * 1_000 + 1_000 })), "t")
      }
      assert.strictEqual(yield* leased(backend, lease(1, { now: 6_000 })), "")
      assert.deepInclude(yield* backend.task("t"), { status: "failed", lost: 5 })
    }))

  test("one that is queued is cancelled at once, and one at work is told of it", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([task("a"), task("b"), task("c"), task("d", { notBefore: 9_000 })])
      yield* one(backend, lease(2))
      assert.deepInclude(yield* one(backend, cancel("c")), { result: "cancelled" })
      assert.deepInclude(yield* one(backend, cancel("d")), { result: "cancelled" })
      assert.deepInclude(yield* backend.task("c"), { status: "cancelled", reason: "no more", endedAt: 1_100 })
      assert.deepInclude(yield* one(backend, cancel("a", true)), { result: "running" })
      assert.deepInclude(yield* one(backend, cancel("a")), { result: "asked" })
      assert.deepStrictEqual((yield* backend.stopping("a")).map(({ id }) => id), ["a"])
      assert.deepStrictEqual(yield* one(backend, { op: "extend", task: "a", attempt: 1, now: 1_200, until: 3_000 }), {
        held: true,
        stop: "no more"
      })
      yield* one(backend, settle("a", 1, { _tag: "Stopped" }))
      assert.deepInclude(yield* backend.task("a"), { status: "cancelled", reason: "no more" })
      // Asked to stop, it is not tried again, however its attempt ends.
      yield* one(backend, cancel("b"))
      yield* one(backend, settle("b", 1, { _tag: "Released" }))
      assert.strictEqual(yield* statusOf(backend, "b"), "cancelled")
      assert.deepInclude(yield* one(backend, cancel("b")), { result: "over" })
      assert.deepInclude(yield* one(backend, cancel("none")), { result: "unknown" })
      assert.deepStrictEqual(yield* counts(backend), [0, 0, 0, 0])
    }))

  test("one whose owner has gone is cancelled at once", (backend) =>
    Effect.gen(function*() {
      yield* one(backend, task("t"))
      yield* one(backend, lease())
      assert.deepInclude(yield* one(backend, cancel("t", true, 2_000)), { result: "cancelled" })
      assert.deepStrictEqual(yield* outcomes(backend, "t"), ["1 a lost"])
    }))

  test("what is given back is as if it had not been begun, but for its attempt", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([task("a"), task("b")])
      yield* one(backend, lease())
      assert.deepInclude((yield* one(backend, settle("a", 1, { _tag: "Released" }))).task, {
        status: "queued",
        failures: 0,
        owner: null
      })
      assert.strictEqual(yield* leased(backend, lease(9)), "a b")
      assert.deepStrictEqual(yield* outcomes(backend, "a"), ["1 a released", "2 a running"])
    }))

  test("the run that waits for a task is told of its end", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([start("r"), task("t", { waiterRun: "r", waiterStep: "work" })])
      yield* one(backend, lease())
      yield* one(backend, settle("t", 1))
      const [message] = yield* backend.outbox(9, true)
      assert.strictEqual(message?.kind, "inbox")
      assert.deepStrictEqual(JSON.parse(message!.payload), {
        run: "r",
        id: "task-end:t:1",
        kind: "signal",
        message: { name: "work", payload: { output: 1 } }
      })
    }))

  test("a run does a task that was handed over to it: its end is that of the task, and no lease of it ends", (backend) =>
    Effect.gen(function*() {
      yield* one(backend, task("t"))
      yield* one(backend, lease())
      yield* one(backend, settle("t", 1, { _tag: "HandedOver", run: "r" }))
      assert.strictEqual(yield* leased(backend, lease(1, { now: 9_000 })), "")
      assert.deepStrictEqual(yield* one(backend, settle("t", 1)), { task: null })
      const byRun = (run: string) =>
        one(backend, { op: "settleTask", task: "t", by: { run }, now: 9_000, outcome: failed(true) })
      assert.deepStrictEqual(yield* byRun("other"), { task: null })
      assert.strictEqual((yield* byRun("r")).task?.status, "failed")

      yield* one(backend, task("u"))
      yield* one(backend, lease())
      yield* one(backend, settle("u", 1, { _tag: "HandedOver", run: "s" }))
      assert.deepInclude(yield* one(backend, cancel("u")), { result: "cancelled" })
      const messages = (yield* backend.outbox(9, true)).slice(1)
      assert.deepStrictEqual(messages.map(({ kind }) => kind), ["listen", "leave"])
      for (const { payload } of messages) {
        assert.deepInclude(JSON.parse(payload), { listener: "task:u", run: "s" })
      }
      assert.deepStrictEqual(yield* counts(backend), [0, 0, 0, 0])
    }))

  test("the end of a run is told to the task that it does, once or again, also where it has ended or is not there", (backend) =>
    Effect.gen(function*() {
      const listen = (run: string, listener: string, message?: string) =>
        one(backend, { op: "listen", run, listener, at: 10, ...(message === undefined ? {} : { message }) })
      const told = Effect.map(backend.outbox(9, true), (rows) => rows.map(({ id, kind }) => `${kind} ${id}`))
      yield* backend.write([start("r"), start("over")])
      yield* one(backend, ended("over"))
      yield* listen("r", "task:a")
      yield* listen("r", "task:a")
      assert.deepStrictEqual(yield* told, [])
      yield* listen("over", "task:b")
      yield* listen("nowhere", "task:c")
      assert.deepStrictEqual(yield* told, ["ended ended:b:over", "ended ended:c:nowhere"])
      // What its message asks for is done once.
      yield* listen("over", "task:d", "gone")
      assert.deepInclude(yield* one(backend, ended("r")), { ok: true, told: true, sent: true })
      assert.deepStrictEqual(yield* told, ["ended ended:b:over", "ended ended:c:nowhere", "ended ended:a:r"])
      assert.deepStrictEqual(yield* backend.inbox("task:a"), [])
    }))

  test("a run that ends, or stops, has the tasks cancelled that it waits for", (backend) =>
    Effect.gen(function*() {
      yield* backend.write([start("r"), task("t", { waiterRun: "r", waiterStep: "work" }), task("other")])
      yield* one(backend, lease())
      yield* backend.write([task("u", { waiterRun: "r", waiterStep: "work" })])
      yield* one(backend, ended("r"))
      assert.deepInclude(yield* backend.task("u"), { status: "cancelled", reason: "run_ended" })
      assert.deepInclude(yield* backend.task("t"), { status: "running", stop: "run_ended" })
      assert.strictEqual(yield* statusOf(backend, "other"), "queued")
    }))
}
