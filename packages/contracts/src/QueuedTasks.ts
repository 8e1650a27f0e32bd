/**
 * The tasks of contracts in a task queue: a `task` step adds a task and waits for
 * its end, and whichever worker serves the queue does it, in its turn and within
 * the limits of the queue; a queue that is full takes it all the same, since its
 * run was acknowledged before. The task ends with its run, which it names as its
 * waiter; what its lane and priority are is the queue's business.
 */
import { sha256HexNow } from "@fermata/engine/Digest"
import type { LeasedTask } from "@fermata/engine/Tasks"
import { TaskFailed as AttemptFailed, Tasks } from "@fermata/engine/Tasks"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { signalName } from "./Submission.ts"
import { TaskFailed, type TaskReply, TaskRuntime, UnknownTask } from "./TaskRuntime.ts"

/** Which tasks wait in which queue. */
export interface Options {
  readonly queue: string
  /** The names of the tasks that its workers do. */
  readonly tasks: ReadonlyArray<string>
}

/** Adds the tasks of contracts to a queue. One that no worker of it does is refused before anything is added. */
export const layer = (options: Options): Layer.Layer<TaskRuntime, never, Tasks> =>
  Layer.effect(TaskRuntime, Effect.map(Tasks, (tasks) => make(tasks, options)))

/** The same, as a runtime. */
export const make = (queues: Tasks["Service"], { queue, tasks: known }: Options): TaskRuntime["Service"] =>
  TaskRuntime.of({
    tasks: known,
    submit: Effect.fn("QueuedTasks.submit")(
      function*({ attempt, idempotencyKey, input, labels, runId, stepId, task }): Effect.fn.Return<
        TaskReply,
        UnknownTask | TaskFailed
      > {
        if (!known.includes(task)) return yield* new UnknownTask({ task, known: [...known] })
        const failed = (retryable: boolean) => ({ message }: { readonly message: string }) =>
          new TaskFailed({ task, problem: `it could not be added to queue ${queue}: ${message}`, retryable })
        const payload: typeof Payload.Type = { input, runId, stepId, attempt, idempotencyKey, labels }
        yield* queues.enqueue({
          // The step adds it again where its process died before it was recorded.
          id: sha256HexNow(`${idempotencyKey} ${attempt}`).slice(0, 32),
          queue,
          kind: task,
          source: "contract",
          payload,
          // The contract says how often its step is tried.
          maxAttempts: 1,
          ...(labels.length === 0 ? {} : { adapter: adapterOf(labels) })
        }, { isOwed: true, waiter: { run: runId, signal: signalName(stepId) } }).pipe(
          Effect.catchTags({ QueueFull: failed(true), StorageFailed: failed(true), TaskRefused: failed(false) })
        )
        return { _tag: "Submitted" }
      }
    )
  })

/** What a worker needs to do a task that asks for these labels: all of them, as one adapter. */
export const adapterOf = (labels: ReadonlyArray<string>): string => [...new Set(labels)].toSorted().join("+")

/** Does the tasks of a queue that contracts have added, until the scope closes, with what does them in this process. */
export const serve = (
  { adapters, concurrency, leaseMs, queue, runtime }: {
    readonly queue: string
    readonly runtime: TaskRuntime["Service"]
    /** What this worker has, beside tasks that ask for nothing; see `adapterOf`. All when absent. */
    readonly adapters?: ReadonlyArray<string>
    /** Tasks that it does at a time; 1 when absent. */
    readonly concurrency?: number
    /** How long (ms) a task is left to it after its last sign of life; 30,000 when absent. */
    readonly leaseMs?: number
  }
): Effect.Effect<void, Effect.Error<ReturnType<Tasks["Service"]["serve"]>>, Tasks | Scope.Scope> =>
  Effect.flatMap(Tasks, (tasks) =>
    tasks.serve({
      queue,
      ...(adapters === undefined ? {} : { adapters }),
      ...(concurrency === undefined ? {} : { concurrency }),
      ...(leaseMs === undefined ? {} : { leaseMs }),
      run: (task) => done(runtime, task)
    }))

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** What a step hands to whoever does its task. */
const Payload = Schema.Struct({
  input: Schema.Json,
  runId: Schema.String,
  stepId: Schema.String,
  attempt: Schema.Int,
  idempotencyKey: Schema.String,
  labels: Schema.Array(Schema.String)
})

const decode = Schema.decodeUnknownEffect(Payload)

const done = Effect.fnUntraced(function*(runtime: TaskRuntime["Service"], { kind, payload }: LeasedTask) {
  const request = yield* Effect.mapError(
    decode(payload),
    () => new AttemptFailed({ message: "no step of a contract has added it", code: "payload", retryable: false })
  )
  const reply = yield* Effect.mapError(runtime.submit({ ...request, task: kind }), (error) =>
    new AttemptFailed({
      message: error.message,
      code: error._tag === "UnknownTask" ? "unknown-task" : "failed",
      retryable: error._tag === "TaskFailed" && error.retryable
    }))
  return reply._tag === "Done"
    ? reply.output
    : yield* new AttemptFailed({
      message: "it was handed over once more, and nobody would hear of its end",
      code: "handed-over",
      retryable: false
    })
})
