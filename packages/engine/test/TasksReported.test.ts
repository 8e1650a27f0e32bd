/** What users of other queues have reported, as it is here. */
import { assert, describe, it } from "@effect/vitest"
import { TestHost } from "@fermata/testing/TestHost"
import { Deferred, Effect, Layer } from "effect"
import { Tasks } from "../src/Tasks.ts"

const app = Tasks.layer.pipe(Layer.provideMerge(TestHost.layer))

const adjust = (millis: number) => Effect.flatMap(TestHost, (host) => host.adjust(millis))
const settled = Effect.flatMap(TestHost, (host) => host.settled)
const lease = (owner: string) =>
  Effect.flatMap(Tasks, (tasks) => tasks.lease({ queue: "default", owner, leaseMs: 10_000, limit: 9 }))
const ids = (owner: string) => Effect.map(lease(owner), (tasks) => tasks.map(({ id }) => id))

describe("limits of what is at work", () => {
  it.effect("are free again once the lease of a worker that died is over", () =>
    Effect.gen(function*() {
      const tasks = yield* Tasks
      yield* tasks.configure("default", { concurrency: 1, perLane: 1 }, { by: "ops" })
      yield* tasks.enqueue({ id: "first", kind: "work", lane: "key" })
      yield* tasks.enqueue({ id: "second", kind: "work", lane: "key" })
      assert.deepStrictEqual(yield* ids("dies"), ["first"])
      assert.deepStrictEqual(yield* ids("lives"), [])
      yield* adjust(10_000)
      assert.deepStrictEqual(yield* ids("lives"), ["first"])
      yield* tasks.complete("first", 2, null)
      assert.deepStrictEqual(yield* ids("lives"), ["second"])
    }).pipe(Effect.provide(app)))

  it.effect("are not freed a second time by a worker that was taken for dead and comes to its end later", () =>
    Effect.gen(function*() {
      const tasks = yield* Tasks
      yield* tasks.configure("default", { concurrency: 1 }, { by: "ops" })
      for (const id of ["a", "b", "c"]) yield* tasks.enqueue({ id, kind: "work" })
      yield* lease("slow")
      yield* adjust(10_000)
      assert.deepStrictEqual(yield* ids("other"), ["a"])
      const late = yield* Effect.flip(tasks.complete("a", 1, "late"))
      assert.strictEqual(late._tag, "TaskNotHeld")
      assert.strictEqual((yield* Effect.flip(tasks.fail("a", 1, { message: "late" })))._tag, "TaskNotHeld")
      assert.strictEqual((yield* Effect.flip(tasks.release("a", 1)))._tag, "TaskNotHeld")
      const [queue] = yield* tasks.queues
      assert.strictEqual(queue?.running, 1)
      assert.deepStrictEqual(yield* ids("third"), [])
    }).pipe(Effect.provide(app)))

  it.effect("of a worker are free again once it has stopped what somebody cancelled", () =>
    Effect.gen(function*() {
      const tasks = yield* Tasks
      const done: Array<string> = []
      yield* tasks.enqueue({ id: "hangs", kind: "work" })
      yield* tasks.enqueue({ id: "next", kind: "work" })
      yield* tasks.serve({
        queue: "default",
        run: ({ id }) => id === "hangs" ? Effect.never : Effect.sync(() => void done.push(id))
      })
      yield* settled
      yield* tasks.cancel("hangs")
      yield* settled
      assert.deepStrictEqual(done, ["next"])
    }).pipe(Effect.provide(app)))
})

describe("tasks that stand for one another", () => {
  it.effect("never leave out the last that was asked for, also when it came while one was at work", () =>
    Effect.gen(function*() {
      const tasks = yield* Tasks
      const seen: Array<unknown> = []
      const gate = yield* Deferred.make<void>()
      const save = (payload: number) =>
        tasks.enqueue({ kind: "save", payload, dedupe: "page", onDuplicate: "replace", delayMs: 1_000 })
      yield* tasks.serve({
        queue: "default",
        run: ({ payload }) => Effect.andThen(Effect.sync(() => void seen.push(payload)), Deferred.await(gate))
      })
      for (const payload of [1, 2, 3]) yield* save(payload)
      yield* settled
      yield* adjust(1_000)
      assert.deepStrictEqual(seen, [3])
      for (const payload of [4, 5]) yield* save(payload)
      yield* Deferred.succeed(gate, undefined)
      yield* settled
      yield* adjust(1_000)
      assert.deepStrictEqual(seen, [3, 5])
    }).pipe(Effect.provide(app)))

  it.effect("are put off no longer than they may be, however often they are asked for", () =>
    Effect.gen(function*() {
      const tasks = yield* Tasks
      const seen: Array<unknown> = []
      yield* tasks.serve({ queue: "default", run: ({ payload }) => Effect.sync(() => void seen.push(payload)) })
      for (let second = 0; second < 10; second++) {
        yield* tasks.enqueue({
          kind: "save",
          payload: second,
          dedupe: "page",
          onDuplicate: "replace",
          delayMs: 2_000,
          maxDelayMs: 5_000
        })
        yield* adjust(1_000)
      }
      assert.deepStrictEqual(seen, [4, 9])
    }).pipe(Effect.provide(app)))
})
