/**
 * A task that the body of a workflow asks for, and whose end it waits for: work
 * that waits its turn in a queue, for whichever worker takes it.
 *
 * @example
 * ```ts
 * const rendered = yield* TaskCall.make("render", { queue: "gpu", kind: "render", payload: { scene } })
 * ```
 */
import type { TaskRequest } from "@fermata/core/Task"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { type WorkflowInstance } from "effect/workflow/WorkflowEngine"
import { sha256HexNow } from "./Digest.ts"
import type { Engine } from "./Engine.ts"
import { CurrentRun } from "./internal/run/RunPort.ts"
import * as Signal from "./Signal.ts"
import * as Step from "./Step.ts"
import { Tasks } from "./Tasks.ts"

/** The task has failed for good, was cancelled, or could not be added. */
export class TaskNotDone extends Schema.TaggedError<TaskNotDone>()("TaskNotDone", {
  /** Its id; absent where there is none. */
  task: Schema.optionalKey(Schema.String),
  /** For programs, such as what the worker gave, `cancelled`, or `refused` where it could not be added. */
  code: Schema.String,
  problem: Schema.String
}) {
  override get message(): string {
    return `${this.task === undefined ? "The task was not added" : `Task ${this.task} was not done`}: ${this.problem}`
  }
}

/**
 * Adds a task, once, and waits until it has ended: in the body of a workflow,
 * which may wait for days. Its result is given as JSON. The queue may be full:
 * then it is asked again, with growing pauses of up to a minute. A task is
 * cancelled when its run is, or ends without it.
 *
 * @param name Of the step that adds it; numbered in the run as steps are.
 */
export const make = (
  name: string,
  request: Omit<TaskRequest, "id">
): Effect.Effect<Schema.Json, TaskNotDone, Engine | Tasks | WorkflowInstance> =>
  Effect.flatMap(begin(name, request), ({ end }) => end)

/** A task that was added, and whose end may be waited for, or not. */
export interface Begun {
  readonly task: string
  readonly end: Effect.Effect<Schema.Json, TaskNotDone, Engine | WorkflowInstance>
}

/** As `make`, but goes on once the task is added: for a body that waits for its end and for something else. */
export const begin = (
  name: string,
  request: Omit<TaskRequest, "id">
): Effect.Effect<Begun, TaskNotDone, Engine | Tasks | WorkflowInstance> =>
  Effect.gen(function*() {
    const step = Step.make(name, {
      input: Schema.Json,
      success: Schema.NullOr(Schema.Struct({ task: Schema.String, signal: Schema.String })),
      error: TaskNotDone,
      onCrash: "rerun",
      run: (input, context) => add(input as unknown as TaskRequest, context)
    })
    // Between two steps and not inside of one, so that it is no time of execution, and no process is held by it.
    for (let pause = 1_000;; pause = Math.min(pause * 2, mostPauseMs)) {
      const added = yield* step(request as unknown as Schema.Json)
      if (added !== null) return { task: added.task, end: endOf(added) }
      yield* Effect.sleep(pause)
    }
  })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** What a run is told of the end of a task that it waits for. */
const End = Schema.Struct({
  output: Schema.optionalKey(Schema.Json),
  error: Schema.optionalKey(Schema.Struct({ code: Schema.String, message: Schema.String }))
})

const mostPauseMs = 60_000

/** Null where the queue is full. */
const add = Effect.fnUntraced(function*(request: TaskRequest, { idempotencyKey, key }: Step.StepContext) {
  const tasks = yield* Tasks
  const place = yield* CurrentRun
  const signal = `step:${key}`
  return yield* tasks.enqueue({ ...request, id: sha256HexNow(idempotencyKey).slice(0, 32) }, {
    waiter: { run: place!.run.row.id, signal }
  }).pipe(
    Effect.map(({ task }) => ({ task: task.id, signal })),
    Effect.catchTags({
      QueueFull: () => Effect.succeed(null),
      TaskRefused: ({ message }) => new TaskNotDone({ code: "refused", problem: message })
    }),
    Effect.catchTag("StorageFailed", Effect.die)
  )
})

/** Waits for the end of a task that was added. */
const endOf = (
  { signal, task }: { readonly signal: string; readonly task: string }
): Effect.Effect<Schema.Json, TaskNotDone, Engine | WorkflowInstance> =>
  Effect.flatMap(
    Signal.receive(Signal.make(signal, { schema: End })),
    ({ error, output = null }) =>
      error === undefined
        ? Effect.succeed(output)
        : Effect.fail(new TaskNotDone({ task, code: error.code, problem: error.message }))
  )
