import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Layer } from "effect"
import { TaskFailed, type TaskRequest, TaskRuntime } from "../src/TaskRuntime.ts"

class Price extends Context.Service<Price, { readonly of: (what: string) => number }>()("test/Price") {}

const request = (task: string, more: Partial<TaskRequest> = {}): TaskRequest => ({
  runId: "run",
  stepId: "step",
  task,
  input: "tea",
  attempt: 1,
  idempotencyKey: "run/step",
  labels: [],
  ...more
})

const submit = (task: string, more?: Partial<TaskRequest>) =>
  Effect.flatMap(TaskRuntime, (runtime) => runtime.submit(request(task, more)))

describe("TaskRuntime", () => {
  it.effect("a handler has the services of its layer and is told its place", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* submit("buy", { attempt: 3 }), { _tag: "Done", output: ["tea", 4, "step", 3] })
    }).pipe(Effect.provide(
      TaskRuntime.layerHandlers({
        buy: (input, { attempt, stepId }) => Effect.map(Price, ({ of }) => [input, of(String(input)), stepId, attempt])
      }).pipe(Layer.provide(Layer.succeed(Price, { of: () => 4 })))
    )))

  it.effect("an unknown task is refused with the names that are known", () =>
    Effect.gen(function*() {
      for (const task of ["byu", "constructor"]) {
        const error = yield* Effect.flip(submit(task))
        assert.strictEqual(error.message, `There is no task "${task}" here; known are "buy", "sell"`)
      }
    }).pipe(Effect.provide(TaskRuntime.layerHandlers({ buy: () => Effect.void, sell: () => Effect.void }))))

  it.effect("errors, defects and outputs that are no JSON fail as TaskFailed", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* submit("nothing"), { _tag: "Done", output: null })
      const failures: Array<unknown> = []
      for (const task of ["error", "data", "defect", "precise", "function"]) {
        const error = yield* Effect.flip(submit(task))
        failures.push(error._tag === "TaskFailed" ? [error.problem, error.retryable, error.data] : error)
      }
      assert.deepStrictEqual(failures, [
        ["no tea", true, undefined],
        [`{"left":0}`, true, { left: 0 }],
        ["boom", true, undefined],
        ["closed", false, undefined],
        ["it returned something that is not JSON", false, undefined]
      ])
    }).pipe(Effect.provide(TaskRuntime.layerHandlers({
      nothing: () => Effect.void,
      error: () => Effect.fail(new Error("no tea")),
      data: () => Effect.fail({ left: 0 }),
      defect: (): Effect.Effect<void> => {
        throw new Error("boom")
      },
      precise: () => Effect.fail(new TaskFailed({ task: "precise", problem: "closed", retryable: false })),
      function: () => Effect.succeed((() => 1) as never)
    }))))

  it.effect("an interrupted handler stays interrupted", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(submit("wait"), { startImmediately: true })
      yield* Fiber.interrupt(fiber)
      const exit = yield* Fiber.await(fiber)
      assert.isTrue(Exit.hasInterrupts(exit))
      assert.isFalse(Exit.hasFails(exit))
    }).pipe(Effect.provide(TaskRuntime.layerHandlers({ wait: () => Effect.never }))))

  it.effect("the first of several runtimes that knows a task gets it", () =>
    Effect.gen(function*() {
      const build = (layer: Layer.Layer<TaskRuntime>) => Effect.provide(TaskRuntime, layer)
      const first = yield* build(TaskRuntime.layerHandlers({ a: () => Effect.succeed(1) }))
      const second = yield* build(TaskRuntime.layerHandlers({ a: () => Effect.succeed(2), b: () => Effect.succeed(3) }))
      const both = TaskRuntime.firstOf(first, second)
      assert.deepStrictEqual(both.tasks, ["a", "b"])
      assert.deepStrictEqual(yield* both.submit(request("a")), { _tag: "Done", output: 1 })
      assert.deepStrictEqual(yield* both.submit(request("b")), { _tag: "Done", output: 3 })
      assert.deepInclude(yield* Effect.flip(both.submit(request("c"))), { _tag: "UnknownTask", known: ["a", "b"] })
    }))
})
