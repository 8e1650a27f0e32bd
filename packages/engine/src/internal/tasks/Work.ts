/** What a worker is given, and what the body of a task may say. */
import type * as Task from "@fermata/core/Task"
import * as Data from "effect/Data"
import type * as Effect from "effect/Effect"

/** A task that somebody has been given, until `leaseUntil` (ms since the epoch) unless they extend it. */
export interface LeasedTask extends Task.Task {
  /** The number of this attempt, which its holder shows with whatever it says of the task. */
  readonly attempt: number
  readonly payload: unknown
}

/** What the body of a task fails with, to say more than that it failed. */
export class TaskFailed extends Data.TaggedError("TaskFailed")<{
  readonly message: string
  /** For programs; `failed` when absent. */
  readonly code?: string
  /** `false`: no further attempt would help. */
  readonly retryable?: boolean
  /** When to try again at the earliest (ms from now), in place of what the queue says. */
  readonly retryAfterMs?: number
}> {}

/** What the body of a task fails with where it cannot be done now, as if it had not been begun: its lane is held back meanwhile. */
export class TaskReleased extends Data.TaggedError("TaskReleased")<{}> {}

/** What the body of a task succeeds with where a run goes on with it: the end of the run is that of the task. */
export class HandedOver extends Data.TaggedClass("HandedOver")<{ readonly runId: string }> {}

/** How a queue is served. */
export interface ServeOptions<R> {
  /** Tenants' queues of its name are served too, in equal shares, unless whoever serves is in a tenant. */
  readonly queue: string
  /** What this worker has, beside tasks that ask for nothing; all when absent. */
  readonly adapters?: ReadonlyArray<string>
  /** Tasks that it does at a time; 1 when absent. */
  readonly concurrency?: number
  /** How long (ms) a task is left to this worker after its last sign of life; 30,000 when absent. */
  readonly leaseMs?: number
  /** Does a task, in its tenant. What it gives is kept as the result, and must be JSON. */
  readonly run: (task: LeasedTask) => Effect.Effect<unknown, unknown, R>
}
