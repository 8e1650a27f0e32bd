/**
 * Where the tasks of contracts run: in this process, or elsewhere.
 */
import * as ErrorJson from "@fermata/core/ErrorJson"
import * as FailureText from "@fermata/core/FailureText"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

/** One attempt of a `task` step. */
export interface TaskRequest {
  readonly runId: string
  /** The key of the step in its run, under which a completion comes back. */
  readonly stepId: string
  readonly task: string
  readonly input: Schema.Json
  /** 1 for the first. */
  readonly attempt: number
  /** The same for every attempt and every rerun of the step. */
  readonly idempotencyKey: string
  /** Capabilities that the worker must have. */
  readonly labels: ReadonlyArray<string>
}

/** What a runtime answers: the output, or that the work was handed over and its completion will be told later. */
export type TaskReply =
  | { readonly _tag: "Done"; readonly output: Schema.Json }
  | { readonly _tag: "Submitted" }

/** A task of this name is not known here. Nothing was done. */
export class UnknownTask extends Schema.TaggedError<UnknownTask>()("UnknownTask", {
  task: Schema.String,
  known: Schema.Array(Schema.String)
}) {
  override get message(): string {
    return `There is no task "${this.task}" here; ${
      this.known.length === 0 ? "none is known" : `known are ${this.known.map((name) => `"${name}"`).join(", ")}`
    }`
  }
}

/**
 * A task failed. `retryable` says whether the same again may succeed; `data` is
 * for the contract to look at, and `trace` for people: what was thrown, as
 * `ErrorJson` tells it.
 */
export class TaskFailed extends Schema.TaggedError<TaskFailed>()("TaskFailed", {
  task: Schema.String,
  problem: Schema.String,
  retryable: Schema.Boolean,
  data: Schema.optionalKey(Schema.Json),
  trace: Schema.optionalKey(Schema.Json)
}) {
  override get message(): string {
    return `Task "${this.task}" failed: ${this.problem}`
  }
}

/** What a handler is told beside its input. */
export type TaskContext = Omit<TaskRequest, "input">

/**
 * Does the work of a task in this process. It returns JSON, or nothing for
 * `null`. Any failure fails the attempt; a `TaskFailed` says more about it.
 */
export type Handler<E, R> = (input: Schema.Json, context: TaskContext) => Effect.Effect<Schema.Json | void, E, R>

/** Handlers by the names of their tasks. */
export interface Handlers {
  readonly [task: string]: Handler<unknown, unknown>
}
/** The services that handlers need. */
export type ServicesOf<H extends Handlers> = {
  readonly [K in keyof H]: ReturnType<H[K]> extends Effect.Effect<unknown, unknown, infer R> ? R : never
}[keyof H]

/** Takes the tasks of contracts. */
export class TaskRuntime extends Context.Service<TaskRuntime, {
  /** The names that `submit` takes. A run of a contract that needs another is left to a process that knows it. */
  readonly tasks: ReadonlyArray<string>
  /** Does one attempt of a task, or hands it over. */
  readonly submit: (request: TaskRequest) => Effect.Effect<TaskReply, UnknownTask | TaskFailed>
}>()("@fermata/contracts/TaskRuntime") {
  /** Handlers in this process. Their services are those of the layer. */
  static readonly layerHandlers = <const H extends Handlers>(
    handlers: H
  ): Layer.Layer<TaskRuntime, never, ServicesOf<H>> =>
    Layer.effect(
      TaskRuntime,
      Effect.map(Effect.context<ServicesOf<H>>(), (services) => make(handlers, services as Context.Context<never>))
    )

  /** Knows no task. */
  static readonly layerNone: Layer.Layer<TaskRuntime> = Layer.sync(TaskRuntime, () => make({}, Context.empty()))

  /** Gives each task to the first of the runtimes that knows it. */
  static readonly firstOf = (...runtimes: ReadonlyArray<TaskRuntime["Service"]>): TaskRuntime["Service"] => {
    const tasks = [...new Set(runtimes.flatMap((runtime) => runtime.tasks))]
    return TaskRuntime.of({
      tasks,
      submit: (request) =>
        runtimes.find((runtime) => runtime.tasks.includes(request.task))?.submit(request) ??
          Effect.fail(new UnknownTask({ task: request.task, known: tasks }))
    })
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const decodeJson = Schema.decodeUnknownEffect(Schema.Json)
const longestProblem = 2_000

const make = (handlers: Handlers, services: Context.Context<never>): TaskRuntime["Service"] => {
  const tasks = Object.keys(handlers)
  return TaskRuntime.of({
    tasks,
    submit: Effect.fn("TaskRuntime.submit")(function*({ input, ...context }) {
      const { task } = context
      if (!Object.hasOwn(handlers, task)) return yield* new UnknownTask({ task, known: tasks })
      const handler = handlers[task] as Handler<unknown, never>
      const output = yield* Effect.suspend(() => handler(input, context)).pipe(
        Effect.updateContext((current: Context.Context<never>) => Context.merge(services, current)),
        Effect.catchCause((cause) =>
          Cause.hasInterrupts(cause) ? Effect.failCause(cause as Cause.Cause<never>) : Effect.fail(failed(task, cause))
        )
      )
      return yield* Effect.matchEffect(decodeJson(output ?? null), {
        onFailure: () =>
          Effect.fail(new TaskFailed({ task, problem: "it returned something that is not JSON", retryable: false })),
        onSuccess: (output) => Effect.succeed<TaskReply>({ _tag: "Done", output })
      })
    })
  })
}

const failed = (task: string, cause: Cause.Cause<unknown>): TaskFailed => {
  const error = Cause.squash(cause)
  if (error instanceof TaskFailed) return error
  if (error instanceof Error) {
    const trace = ErrorJson.encode(error) as Schema.Json
    return new TaskFailed({ task, problem: FailureText.ofError(trace), retryable: true, trace })
  }
  const problem = Predicate.hasProperty(error, "message") && typeof error.message === "string" && error.message !== ""
    ? error.message
    : StoredJson.show(error, longestProblem)
  const data = StoredJson.of(error)
  return new TaskFailed({
    task,
    problem,
    retryable: true,
    ...(Result.isSuccess(data) ? { data: data.success.read() as Schema.Json } : {})
  })
}
