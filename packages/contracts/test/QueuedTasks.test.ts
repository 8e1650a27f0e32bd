import { assert, describe, it } from "@effect/vitest"
import { Runs } from "@fermata/engine/Runs"
import { Tasks } from "@fermata/engine/Tasks"
import { TestHost } from "@fermata/testing/TestHost"
import { Deferred, Effect, Layer, type Scope } from "effect"
import { Contracts } from "../src/Contracts.ts"
import * as QueuedTasks from "../src/QueuedTasks.ts"
import { TaskFailed, TaskRuntime } from "../src/TaskRuntime.ts"
import { document, serving, step } from "./support/Agency.ts"

const queue = "jobs"
const app = serving({ tasks: QueuedTasks.layer({ queue, tasks: ["render", "flaky"] }) as never }).pipe(
  Layer.provideMerge(Tasks.layer),
  Layer.provideMerge(TestHost.layer)
)
type Services = Layer.Success<typeof app> | Scope.Scope
const test = (title: string, body: Effect.Effect<void, unknown, Services>) =>
  it.effect(title, () => Effect.provide(body, app))

const settled = Effect.flatMap(TestHost, (host) => host.settled)
const adjust = (millis: number) => Effect.flatMap(TestHost, (host) => host.adjust(millis))
const begin = (steps: Parameters<typeof document>[0]) =>
  Effect.gen(function*() {
    yield* Effect.flatMap(Contracts, (contracts) => contracts.add(document(steps)))
    const { runId } = yield* Effect.flatMap(Runs, (runs) => runs.start("sample", { scene: 7 }))
    yield* settled
    return runId
  })
const handlers = Layer.suspend(() => {
  let tried = 0
  return TaskRuntime.layerHandlers({
    render: (input) => Effect.succeed({ rendered: input }),
    flaky: () =>
      ++tried < 3
        ? Effect.fail(new TaskFailed({ task: "flaky", problem: `not yet (${tried})`, retryable: true }))
        : Effect.succeed("at last")
  })
})
const serve = (adapters?: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const runtime = yield* Effect.provide(TaskRuntime, handlers)
    yield* QueuedTasks.serve({ queue, runtime, concurrency: 4, ...(adapters === undefined ? {} : { adapters }) })
    yield* settled
  })
const listed = Effect.flatMap(Tasks, (tasks) => tasks.list())
const find = (run: string) => Effect.flatMap(Runs, (runs) => runs.show(run))

describe("a task of a contract that waits in a queue", () => {
  test(
    "is done by a worker of the queue, and the run goes on with its output",
    Effect.gen(function*() {
      const run = yield* begin([step("task", "draw", null, { task: "render", input: { of: "{{ input.scene }}" } })])
      const [waits] = yield* listed
      assert.deepInclude(waits, { queue, kind: "render", source: "contract", status: "queued", maxAttempts: 1 })
      assert.deepStrictEqual(waits?.waiter, { run, step: "step:draw" })
      yield* serve()
      assert.deepInclude(yield* find(run), { status: "completed", output: { rendered: { of: 7 } } })
      assert.strictEqual((yield* listed)[0]?.status, "completed")
    })
  )

  test(
    "is tried as often as its step says, each time as a task of its own",
    Effect.gen(function*() {
      const run = yield* begin([
        step("task", "try", null, { task: "flaky", retry: { maxAttempts: 3, initialMs: 1_000 } })
      ])
      yield* serve()
      yield* adjust(60_000)
      yield* adjust(60_000)
      assert.deepInclude(yield* find(run), { status: "completed", output: "at last" })
      assert.deepStrictEqual((yield* listed).map(({ status }) => status), ["completed", "failed", "failed"])
    })
  )

  test(
    "is cancelled with its run, also while it is at work",
    Effect.gen(function*() {
      const run = yield* begin([step("task", "draw", null, { task: "render" })])
      const stopped = yield* Deferred.make<void>()
      yield* QueuedTasks.serve({
        queue,
        runtime: TaskRuntime.of({
          tasks: ["render"],
          submit: () => Effect.onInterrupt(Effect.never, () => Deferred.succeed(stopped, undefined))
        })
      })
      yield* settled
      assert.strictEqual((yield* listed)[0]?.status, "running")
      yield* Effect.flatMap(Runs, (runs) => runs.cancel(run, { by: "ops", reason: "enough" }))
      yield* settled
      yield* adjust(30_000)
      yield* Deferred.await(stopped)
      yield* settled
      assert.deepInclude((yield* listed)[0], { status: "cancelled", reason: "run_ended" })
    })
  )

  test(
    "is taken by a queue that is full, and done in its turn: its run was acknowledged before",
    Effect.gen(function*() {
      const tasks = yield* Tasks
      yield* tasks.configure(queue, { maxQueued: 1 }, { by: "ops" })
      yield* tasks.enqueue({ id: "first", kind: "render", queue })
      const run = yield* begin([step("task", "draw", null, { task: "render" })])
      assert.lengthOf(yield* listed, 2)
      assert.strictEqual((yield* Effect.flip(tasks.enqueue({ kind: "render", queue })))._tag, "QueueFull")
      yield* serve()
      assert.strictEqual((yield* find(run)).status, "completed")
    })
  )

  test(
    "is left to a worker that has all of its labels",
    Effect.gen(function*() {
      const run = yield* begin([step("task", "draw", null, { task: "render", labels: ["gpu", "eu"] })])
      yield* serve(["gpu"])
      assert.strictEqual((yield* find(run)).status, "suspended")
      yield* serve([QueuedTasks.adapterOf(["gpu", "eu"])])
      assert.strictEqual((yield* find(run)).status, "completed")
    })
  )

  test(
    "is refused where nobody does tasks of its name, before anything is added",
    Effect.gen(function*() {
      const runtime = yield* TaskRuntime
      const failure = yield* Effect.flip(runtime.submit({
        runId: "r",
        stepId: "do",
        task: "rendr",
        input: null,
        attempt: 1,
        idempotencyKey: "r-do",
        labels: []
      }))
      assert.strictEqual(failure.message, `There is no task "rendr" here; known are "render", "flaky"`)
      assert.deepStrictEqual(yield* listed, [])
    })
  )
})
