import { assert, describe, it } from "@effect/vitest"
import type { TaskRequest } from "@fermata/core/Task"
import type { QueueSettings } from "@fermata/core/TaskQueue"
import { TestHost } from "@fermata/testing/TestHost"
import { Deferred, Effect, Exit, Layer, Scope } from "effect"
import { AuditLog } from "../src/AuditLog.ts"
import * as CurrentTenant from "../src/CurrentTenant.ts"
import { type LeasedTask, type ServeOptions, TaskFailed, Tasks } from "../src/Tasks.ts"

const app = Layer.mergeAll(Tasks.layer, AuditLog.layer).pipe(Layer.provideMerge(TestHost.layer))
type Services = Layer.Success<typeof app> | Scope.Scope

const test = (title: string, body: Effect.Effect<void, unknown, Services>) =>
  it.effect(title, () => Effect.provide(body, app))

const acme = CurrentTenant.within("acme")
const settled = Effect.flatMap(TestHost, (host) => host.settled)
const adjust = (millis: number) => Effect.flatMap(TestHost, (host) => host.adjust(millis))
const add = (id: string, request: Partial<TaskRequest> = {}) =>
  Effect.flatMap(Tasks, (tasks) => tasks.enqueue({ id, kind: "work", ...request }))
const show = (id: string) => Effect.flatMap(Tasks, (tasks) => tasks.show(id))
const why = (id: string) => Effect.map(show(id), ({ sentence }) => sentence)
const statusOf = (id: string) => Effect.map(show(id), ({ status }) => status)
const configure = (settings: QueueSettings, queue = "default") =>
  Effect.flatMap(Tasks, (tasks) => tasks.configure(queue, settings, { by: "ops" }))
const outcomes = (id: string) =>
  Effect.flatMap(
    Tasks,
    (tasks) => Effect.map(tasks.attempts(id), (attempts) => attempts.map(({ outcome }) => outcome).join(" "))
  )
const lease = (owner: string, limit = 1) =>
  Effect.flatMap(Tasks, (tasks) => tasks.lease({ queue: "default", owner, leaseMs: 1_000, limit }))
const leased = (owner: string, limit = 1) =>
  Effect.map(lease(owner, limit), (rows) => rows.map(({ id }) => id).join(" "))

/** Serves the default queue, and waits until it has nothing more to do. */
const serve = <R>(run: ServeOptions<R>["run"], options: Partial<ServeOptions<R>> = {}) =>
  Effect.andThen(
    Effect.flatMap(Tasks, (tasks) => tasks.serve({ queue: "default", run, ...options })),
    settled
  )

describe("a worker of a queue", () => {
  test(
    "does what is there and what comes, and its result is kept",
    Effect.gen(function*() {
      yield* add("a", { payload: { n: 1 }, subject: "first" })
      const seen: Array<unknown> = []
      yield* serve((task) =>
        Effect.sync(() => {
          seen.push([task.id, task.attempt, task.payload])
          return { done: task.payload }
        })
      )
      yield* add("b", { payload: 2 })
      yield* settled
      assert.deepStrictEqual(seen, [["a", 1, { n: 1 }], ["b", 1, 2]])
      const page = yield* show("a")
      assert.deepInclude(page, { status: "completed", result: { done: { n: 1 } }, payload: { n: 1 }, subject: "first" })
      assert.strictEqual(page.sentence, "It is completed, at attempt 1.")
      assert.isUndefined((yield* show("a")).leaseUntil)
    })
  )

  test(
    "tries again what fails, in the time that its queue says, and stops where no attempt would help",
    Effect.gen(function*() {
      yield* configure({ retry: { attempts: 4, delaysMs: [1_000, 5_000] } })
      const fails = (task: LeasedTask) =>
        task.id === "hopeless"
          ? Effect.fail(new TaskFailed({ message: "never", code: "nope", retryable: false }))
          : task.attempt === 1
          ? Effect.fail(new Error("no luck"))
          : task.attempt === 2
          ? Effect.die("odd")
          : task.attempt === 3
          ? Effect.fail(new TaskFailed({ message: "later", retryAfterMs: 100 }))
          : Effect.succeed("at last")
      yield* add("flaky")
      yield* add("hopeless")
      yield* serve(fails)
      assert.deepInclude((yield* show("hopeless")).error, { code: "nope", message: "never" })
      assert.strictEqual(yield* why("hopeless"), "It has failed once, last with: never.")
      assert.strictEqual(
        yield* why("flaky"),
        "It waits until 1970-01-01 00:00:01Z for attempt 2, since it has failed once of 4."
      )
      yield* adjust(999)
      assert.strictEqual(yield* outcomes("flaky"), "failed")
      yield* adjust(1)
      assert.strictEqual(yield* outcomes("flaky"), "failed failed")
      yield* adjust(5_000)
      yield* adjust(100)
      assert.strictEqual(yield* outcomes("flaky"), "failed failed failed completed")
      assert.deepInclude(yield* show("flaky"), { status: "completed", result: "at last" })
    })
  )

  test(
    "says that it still has what takes longer than a lease, so that nobody else is given it",
    Effect.gen(function*() {
      yield* add("slow")
      const done = yield* Deferred.make<void>()
      yield* serve(() => Deferred.await(done), { leaseMs: 3_000 })
      yield* adjust(60_000)
      assert.strictEqual(yield* leased("other"), "")
      yield* Deferred.succeed(done, undefined)
      yield* settled
      assert.strictEqual(yield* outcomes("slow"), "completed")
    })
  )

  test(
    "interrupts a task that somebody cancels, and the task is cancelled once it has ended",
    Effect.gen(function*() {
      yield* add("t")
      let cut = false
      yield* serve(() => Effect.onInterrupt(Effect.never, () => Effect.sync(() => void (cut = true))))
      const asked = yield* Effect.flatMap(Tasks, (tasks) => tasks.cancel("t", { by: "ann", reason: "not needed" }))
      assert.isTrue(asked.isStopping)
      yield* settled
      assert.isTrue(cut)
      assert.deepInclude(yield* show("t"), { status: "cancelled", reason: "not needed" })
      assert.strictEqual(yield* outcomes("t"), "cancelled")
    })
  )

  test(
    "gives back what it has when it closes",
    Effect.gen(function*() {
      yield* add("t")
      const scope = yield* Scope.make()
      yield* Scope.provide(serve(() => Effect.never), scope)
      assert.strictEqual(yield* statusOf("t"), "running")
      yield* Scope.close(scope, Exit.void)
      assert.deepInclude(yield* show("t"), { status: "queued", failures: 0 })
      assert.strictEqual(yield* outcomes("t"), "released")
      assert.strictEqual(yield* leased("other"), "t")
    })
  )

  test(
    "does as many at a time as it says, and no more",
    Effect.gen(function*() {
      for (const id of ["a", "b", "c", "d"]) yield* add(id)
      const gates = new Map<string, Deferred.Deferred<void>>()
      yield* serve((task) =>
        Effect.gen(function*() {
          const gate = yield* Deferred.make<void>()
          gates.set(task.id, gate)
          yield* Deferred.await(gate)
        }), { concurrency: 2 })
      assert.deepStrictEqual([...gates.keys()], ["a", "b"])
      yield* Deferred.succeed(gates.get("b")!, undefined)
      yield* settled
      assert.deepStrictEqual([...gates.keys()], ["a", "b", "c"])
    })
  )

  test(
    "ends the body of a task that is not its own any more, and says nothing of it",
    Effect.gen(function*() {
      yield* add("t")
      let cut = false
      yield* serve(() => Effect.onInterrupt(Effect.never, () => Effect.sync(() => void (cut = true))), {
        leaseMs: 3_000
      })
      // Another has been given it, as after a worker could not say in time that it has it.
      const tasks = yield* Tasks
      yield* tasks.release("t", 1)
      yield* tasks.lease({ queue: "default", owner: "other", leaseMs: 60_000 })
      yield* adjust(1_000)
      assert.isTrue(cut)
      assert.deepInclude(yield* show("t"), { status: "running", owner: "other" })
    })
  )

  test(
    "does tasks of tenants in their tenant",
    Effect.gen(function*() {
      yield* acme(add("t"))
      const seen: Array<string | undefined> = []
      yield* serve(() => Effect.map(CurrentTenant.current, (tenant) => void seen.push(tenant)))
      assert.deepStrictEqual(seen, ["acme"])
      assert.strictEqual(yield* acme(statusOf("t")), "completed")
    })
  )

  test(
    "whose result is no JSON fails, and is not tried again",
    Effect.gen(function*() {
      yield* add("t")
      yield* serve(() => Effect.succeed(1n))
      assert.deepInclude(yield* show("t"), { status: "failed" })
      assert.strictEqual((yield* show("t")).error?.code, "unstorable")
    })
  )
})

describe("tasks that have ended", () => {
  it.effect("are deleted once nobody is to look at them any more, and those that have not ended stay", () =>
    Effect.gen(function*() {
      const host = yield* TestHost
      const tasks = yield* Tasks
      yield* add("old")
      yield* add("waits")
      yield* tasks.cancel("old")
      yield* host.adjust("29 days")
      yield* host.adjustHost(10_000)
      assert.lengthOf(yield* tasks.list(), 2)
      yield* host.adjust("2 days")
      yield* host.adjustHost(10_000)
      assert.deepStrictEqual((yield* tasks.list()).map(({ id }) => id), ["waits"])
    }).pipe(Effect.provide(app)))
})

describe("why a task waits is told in a sentence", () => {
  test(
    "for every reason there is",
    Effect.gen(function*() {
      const tasks = yield* Tasks
      yield* add("a", { lane: "x" })
      assert.strictEqual(yield* why("a"), "It waits because no worker serves queue default.")
      yield* lease("w", 0)
      yield* tasks.lease({ queue: "default", owner: "w", leaseMs: 1_000, adapters: ["script"], limit: 0 })
      yield* add("gpu", { adapter: "gpu", lane: "y" })
      yield* add("later", { delayMs: 60_000 })
      assert.strictEqual(yield* why("later"), "It waits until 1970-01-01 00:01:00Z.")
      assert.strictEqual(
        yield* why("a"),
        "It is the next of lane \"x\", and goes as soon as a worker of queue default is free."
      )
      yield* add("b", { lane: "x", priority: 1 })
      assert.strictEqual(yield* why("a"), "It waits for 1 task of lane \"x\" before it.")
      yield* configure({ perLane: 1 })
      assert.strictEqual(yield* leased("w"), "b")
      assert.strictEqual(yield* why("a"), "It waits because lane \"x\" is at 1 of 1 at work.")
      yield* configure({ concurrency: 1 })
      assert.strictEqual(yield* why("a"), "It waits because queue default is at 1 of 1 at work.")
      yield* configure({ rate: { count: 1, perMs: 60_000 } })
      yield* leased("w")
      assert.strictEqual(
        yield* why("a"),
        "It waits because queue default is at its rate, which lets the next one through at 1970-01-01 00:01:00Z."
      )
      yield* tasks.pause("default", { by: "ann" })
      assert.strictEqual(yield* why("a"), "It waits because queue default is paused by ann.")
    })
  )

  test(
    "and that no worker has its adapter",
    Effect.gen(function*() {
      const tasks = yield* Tasks
      yield* add("gpu", { adapter: "gpu" })
      yield* tasks.lease({ queue: "default", owner: "w", leaseMs: 1_000, adapters: ["script"] })
      assert.strictEqual(yield* why("gpu"), "It waits because no worker of queue default has the adapter \"gpu\".")
    })
  )
})

describe("what is no task, or no queue", () => {
  test(
    "is refused with what is wrong with it, and nothing is kept",
    Effect.gen(function*() {
      const tasks = yield* Tasks
      const problem = (request: object) =>
        Effect.map(Effect.flip(tasks.enqueue(request as TaskRequest)), ({ message }) => message)
      assert.strictEqual(yield* problem({}), "This task is refused: kind: Missing key")
      assert.include(yield* problem({ kind: "a", priorty: 1 }), "priorty")
      assert.include(yield* problem({ kind: "a", queue: "engine.webhooks" }), "the engine's own")
      assert.include(yield* problem({ kind: "a", queue: "A b" }), "a queue is 1 to 63")
      assert.include(yield* problem({ kind: "a", delayMs: 1, notBefore: 2 }), "both notBefore and delayMs")
      assert.include(yield* problem({ kind: "a", onDuplicate: "replace" }), "give dedupe")
      assert.include(yield* problem({ kind: "a", payload: 1n }), "its payload cannot be stored")
      assert.include(yield* problem({ kind: "a", payload: "x".repeat(1_048_576) }), "at most 1048576 are kept")
      assert.deepStrictEqual(yield* tasks.list(), [])
      const refused = yield* Effect.flip(configure({ concurrency: 0 }))
      assert.include(refused.message, "Queue default is left as it is: concurrency:")
      assert.strictEqual((yield* Effect.flip(tasks.pause("A!", { by: "ann" })))._tag, "QueueRefused")
      assert.deepStrictEqual(yield* tasks.queues, [])
    })
  )

  test(
    "a queue that is full refuses with when to ask again",
    Effect.gen(function*() {
      yield* configure({ maxQueued: 1 })
      yield* add("a")
      const full = yield* Effect.flip(add("b"))
      assert.deepInclude(full, { _tag: "QueueFull", queue: "default", most: 1, retryAfter: 10 })
    })
  )
})

describe("tenants", () => {
  test(
    "see, stop and take their own tasks, and no others",
    Effect.gen(function*() {
      const tasks = yield* Tasks
      yield* add("own")
      const { task } = yield* acme(add("t"))
      assert.deepInclude(task, { id: "acme~t", queue: "acme~default" })
      assert.deepStrictEqual((yield* acme(tasks.list())).map(({ id }) => id), ["acme~t"])
      assert.strictEqual((yield* Effect.flip(acme(show("own"))))._tag, "TaskNotFound")
      assert.strictEqual(
        (yield* Effect.flip(CurrentTenant.within("beta")(tasks.cancel("acme~t"))))._tag,
        "TaskNotFound"
      )
      assert.deepStrictEqual((yield* acme(tasks.queues)).map(({ name }) => name), ["acme~default"])
      assert.strictEqual(
        (yield* Effect.flip(CurrentTenant.within("beta")(tasks.pause("acme~default", { by: "x" }))))._tag,
        "QueueRefused"
      )
      assert.strictEqual(yield* acme(leased("w", 9)), "acme~t")
      assert.strictEqual(
        (yield* Effect.flip(CurrentTenant.within("beta")(tasks.complete("acme~t", 1, null))))._tag,
        "TaskNotFound"
      )
      yield* acme(tasks.complete("t", 1, "done"))
      assert.strictEqual(yield* statusOf("acme~t"), "completed")
      assert.strictEqual(yield* leased("w", 9), "own")
    })
  )
})

describe("acts on tasks and queues", () => {
  test(
    "are in the audit with who did them",
    Effect.gen(function*() {
      const tasks = yield* Tasks
      const audit = yield* AuditLog
      yield* add("t")
      yield* tasks.cancel("t", { by: "ann" })
      yield* tasks.retry("t", { by: "bob" })
      yield* tasks.pause("default", { by: "cyn" })
      yield* configure({ rate: { count: 2, perMs: 1_000 } })
      const lines = yield* audit.list()
      assert.deepStrictEqual(
        lines.map(({ action, target, who }) => `${who} ${action} ${target}`),
        ["ops queue.configure default", "cyn queue.pause default", "bob task.retry t", "ann task.cancel t"]
      )
    })
  )
})
