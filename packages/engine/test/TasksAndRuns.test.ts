import { assert, describe, it } from "@effect/vitest"
import { TestHost } from "@fermata/testing/TestHost"
import { Deferred, Effect, Layer, Schema, type Scope } from "effect"
import { Workflow } from "effect/workflow"
import { Runs } from "../src/Runs.ts"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import * as TaskCall from "../src/TaskCall.ts"
import { type LeasedTask, TaskFailed, Tasks } from "../src/Tasks.ts"

class Declined extends Schema.TaggedError<Declined>()("Declined", { code: Schema.String, retryable: Schema.Boolean }) {
  override get message(): string {
    return "it was declined"
  }
}

/** Does a task as it is told to. */
const Work = Workflow.make("work", {
  payload: { does: Schema.String },
  success: Schema.Struct({ did: Schema.String }),
  error: Declined,
  idempotencyKey: ({ does }) => does
})

/** Asks for a task, and says what came of it. */
const Asker = Workflow.make("asker", {
  payload: { kind: Schema.String, patienceMs: Schema.optionalKey(Schema.Int) },
  success: Schema.Unknown,
  error: TaskCall.TaskNotDone,
  idempotencyKey: ({ kind }) => kind
})

const begun: Array<string> = []
const act = Step.make("act", {
  input: Schema.String,
  onCrash: "rerun",
  run: (does) => Effect.sync(() => void begun.push(does))
})

const app = Layer.mergeAll(
  Work.toLayer(({ does }) =>
    Effect.gen(function*() {
      yield* act(does)
      if (does === "waits") yield* Signal.receive(Signal.make("go"))
      if (does === "fails") return yield* new Declined({ code: "declined", retryable: false })
      if (does === "flakes" && begun.filter((what) => what === does).length < 3) {
        return yield* new Declined({ code: "busy", retryable: true })
      }
      if (does === "dies") return yield* Effect.die(new Error("broken"))
      return { did: does }
    })
  ),
  Asker.toLayer(({ kind, patienceMs }) => {
    const asked = TaskCall.make("ask", { kind, payload: { of: kind } })
    return patienceMs === undefined
      ? asked
      : Effect.map(Effect.timeoutOption(asked, patienceMs), (found) => found._tag)
  })
).pipe(Layer.provideMerge(Layer.mergeAll(Tasks.layer, Runs.layer)), Layer.provideMerge(TestHost.layer))

type Services = Layer.Success<typeof app> | Scope.Scope
const test = (title: string, body: Effect.Effect<void, unknown, Services>) =>
  it.effect(title, () => Effect.provide(Effect.andThen(Effect.sync(() => begun.splice(0)), body), app))

const settled = Effect.flatMap(TestHost, (host) => host.settled)
const adjust = (millis: number) => Effect.flatMap(TestHost, (host) => host.adjust(millis))
const add = (id: string, payload: unknown) =>
  Effect.flatMap(Tasks, (tasks) => tasks.enqueue({ id, kind: "work", payload }))
const show = (id: string) => Effect.flatMap(Tasks, (tasks) => tasks.show(id))
const handing = (task: LeasedTask) =>
  Effect.flatMap(Tasks, (tasks) => tasks.handOver(task, { workflow: "work", payload: task.payload }))
const serve = Effect.andThen(
  Effect.flatMap(Tasks, (tasks) => tasks.serve({ queue: "default", concurrency: 10, run: handing })),
  settled
)

describe("a task that a run does", () => {
  test(
    "ends with its run: as completed with the output, or as failed with the error that the run failed with",
    Effect.gen(function*() {
      for (const does of ["it", "fails", "dies"]) yield* add(does, { does })
      yield* serve
      const it = yield* show("it")
      assert.deepInclude(it, { status: "completed", result: { did: "it" } })
      assert.isString(it.run)
      const failed = yield* show("fails")
      assert.deepInclude(failed, { status: "failed", failures: 1 })
      assert.strictEqual(failed.error?.code, "declined")
      assert.include(failed.error?.message, `its run ${failed.run} has failed`)
      assert.deepInclude((yield* show("dies")).error, { code: "run-failed" })
      assert.deepStrictEqual(begun, ["it", "fails", "dies"])
    })
  )

  test(
    "is tried again by another run where the first has failed, as its queue says",
    Effect.gen(function*() {
      const tasks = yield* Tasks
      yield* tasks.configure("default", { retry: { attempts: 5, delaysMs: [1_000] } }, { by: "ops" })
      yield* add("t", { does: "flakes" })
      yield* serve
      assert.deepInclude(yield* show("t"), { status: "queued", failures: 1 })
      yield* adjust(1_000)
      yield* adjust(1_000)
      assert.deepInclude(yield* show("t"), { status: "completed", failures: 2, result: { did: "flakes" } })
      const runs = yield* Effect.flatMap(Runs, (runs) => runs.list({ workflow: "work" }))
      assert.strictEqual(runs.length, 3)
    })
  )

  test(
    "waits as long as its run does, without a lease, and its cancel stops the run",
    Effect.gen(function*() {
      yield* add("t", { does: "waits" })
      yield* serve
      yield* adjust(86_400_000)
      const { leaseUntil, run, status } = yield* show("t")
      assert.deepStrictEqual([leaseUntil, status], [undefined, "running"])
      yield* Effect.flatMap(Tasks, (tasks) => tasks.cancel("t", { reason: "not wanted" }))
      yield* settled
      assert.deepInclude(yield* show("t"), { status: "cancelled", reason: "not wanted" })
      assert.strictEqual((yield* Effect.flatMap(Runs, (runs) => runs.find(run!))).status, "cancelled")
    })
  )

  test(
    "is done by one run however often whoever has it dies before saying that it was handed over",
    Effect.gen(function*() {
      const tasks = yield* Tasks
      yield* add("t", { does: "it" })
      const handed: Array<string> = []
      for (const owner of ["a", "b", "c"]) {
        const [task] = yield* tasks.lease({ queue: "default", owner, leaseMs: 1_000 })
        handed.push((yield* handing(task!)).runId)
        yield* settled
        yield* adjust(2_000)
      }
      assert.strictEqual(new Set(handed).size, 1)
      // The run has long ended when it is said at last.
      yield* serve
      assert.deepInclude(yield* show("t"), { status: "completed", result: { did: "it" } })
      assert.deepStrictEqual(begun, ["it"])
    })
  )
})

describe("a body that asks for a task", () => {
  const ask = (kind: string, more: object = {}) =>
    Effect.flatMap(Runs, (runs) => runs.start("asker", { kind, ...more }))
  const find = (run: string) => Effect.flatMap(Runs, (runs) => runs.show(run))

  test(
    "goes on with the result, or with why there is none",
    Effect.gen(function*() {
      const tasks = yield* Tasks
      const good = yield* ask("good")
      const bad = yield* ask("bad")
      yield* settled
      assert.deepInclude(yield* Effect.flatMap(Runs, (runs) => runs.find(good.runId)), {
        status: "suspended",
        reason: "signal"
      })
      yield* tasks.serve({
        queue: "default",
        run: ({ kind, payload }) =>
          kind === "bad"
            ? Effect.fail(new TaskFailed({ message: "no", code: "refused-it", retryable: false }))
            : Effect.succeed({ got: payload })
      })
      yield* settled
      assert.deepInclude(yield* find(good.runId), { status: "completed", output: { got: { of: "good" } } })
      const failed = yield* find(bad.runId)
      assert.strictEqual(failed.status, "failed")
      const [listed] = yield* tasks.list({ kind: "bad" })
      assert.include(JSON.stringify(failed), `"code":"refused-it"`)
      assert.deepStrictEqual(listed?.waiter, { run: bad.runId, step: "step:ask" })
    })
  )

  test(
    "goes on at once when the run ends that does the task",
    Effect.gen(function*() {
      const { handOver, serve } = yield* Tasks
      const { runId } = yield* ask("it")
      yield* settled
      yield* serve({
        queue: "default",
        run: (task) => handOver(task, { workflow: "work", payload: { does: task.kind } })
      })
      yield* settled
      assert.deepInclude(yield* find(runId), { status: "completed", output: { did: "it" } })
    })
  )

  test(
    "that is cancelled, or goes on without it, has the task cancelled, also one that is at work",
    Effect.gen(function*() {
      const tasks = yield* Tasks
      const runs = yield* Runs
      const waits = yield* ask("waits")
      const works = yield* ask("works")
      const late = yield* ask("late", { patienceMs: 60_000 })
      yield* settled
      const stopped = yield* Deferred.make<void>()
      yield* tasks.serve({
        queue: "default",
        concurrency: 1,
        run: () => Effect.onInterrupt(Effect.never, () => Deferred.succeed(stopped, undefined))
      })
      yield* settled
      const statuses = Effect.map(tasks.list(), (all) => all.map(({ kind, status }) => `${kind} ${status}`).toSorted())
      assert.deepStrictEqual(yield* statuses, ["late queued", "waits running", "works queued"])
      yield* runs.cancel(works.runId, { by: "ops", reason: "enough" })
      yield* settled
      assert.deepStrictEqual(yield* statuses, ["late queued", "waits running", "works cancelled"])
      yield* runs.cancel(waits.runId, { by: "ops", reason: "enough" })
      yield* settled
      yield* adjust(30_000)
      yield* Deferred.await(stopped)
      yield* adjust(30_000)
      assert.deepInclude(yield* find(late.runId), { status: "completed", output: "None" })
      yield* adjust(30_000)
      assert.deepStrictEqual(yield* statuses, ["late cancelled", "waits cancelled", "works cancelled"])
    })
  )

  test(
    "waits where its queue is full, and adds it once there is room",
    Effect.gen(function*() {
      const tasks = yield* Tasks
      yield* tasks.configure("default", { maxQueued: 1 }, { by: "ops" })
      yield* add("first", null)
      const { runId } = yield* ask("late")
      yield* settled
      yield* adjust(5_000)
      assert.deepStrictEqual((yield* tasks.list()).map(({ id }) => id), ["first"])
      yield* tasks.cancel("first")
      yield* adjust(60_000)
      assert.deepStrictEqual((yield* tasks.list({ status: "queued" })).map(({ kind }) => kind), ["late"])
      assert.strictEqual((yield* find(runId)).status, "suspended")
    })
  )

  test(
    "may wait for hours for room in a queue, which costs its run no time of execution",
    Effect.gen(function*() {
      const tasks = yield* Tasks
      yield* tasks.configure("default", { maxQueued: 1 }, { by: "ops" })
      yield* add("first", null)
      const { runId } = yield* ask("late")
      yield* settled
      for (let hour = 0; hour < 3; hour++) yield* adjust(3_600_000)
      assert.deepInclude(yield* find(runId), { status: "suspended", reason: "timer" })
      yield* tasks.cancel("first")
      yield* adjust(60_000)
      assert.deepStrictEqual((yield* tasks.list({ status: "queued" })).map(({ kind }) => kind), ["late"])
    })
  )
})
