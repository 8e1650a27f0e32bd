/**
 * Tasks: work that waits in a queue until a worker takes it. A task is added
 * once, tried as often as its queue says, and ends as completed, failed or
 * cancelled. Times are ms since the epoch.
 */
import * as Schema from "effect/Schema"

/** How a task stands. It has ended as `completed`, `failed` or `cancelled`. */
export const TaskStatus = Schema.Literals(["queued", "running", "completed", "failed", "cancelled"])
export type TaskStatus = typeof TaskStatus.Type

/** Whether a task of this status has ended. */
export const isOver = (status: string): boolean => status !== "queued" && status !== "running"

/** Bytes of JSON that a payload or a result may have: 1 MiB. */
export const mostBytes = 1_048_576

/** What the name of a queue is, as a sentence for people. */
export const queueRule =
  "a queue is 1 to 63 lower-case letters, digits and . _ -, with a letter or a digit at the front"

/** The queue of a task that names none. */
export const defaultQueue = "default"

/** The name of a queue, without its tenant. */
export const QueueName = Schema.String.check(
  Schema.isPattern(/^[a-z0-9][a-z0-9._-]{0,62}$/, { expected: queueRule })
)

/** Queues of this name are the engine's own: nobody else adds tasks to them. */
export const isReserved = (queue: string): boolean => queue.startsWith("engine.")

const Text = Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(200))
const Time = Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0))
const Count = Schema.Int.check(Schema.isGreaterThanOrEqualTo(1), Schema.isLessThanOrEqualTo(1_000_000))

/** What says which task it is, and by whom and where it is to be done. */
const description = {
  /** What kind of work it is, such as `github-story`. */
  kind: Text,
  /** Who has produced it, with a part of it behind a `:` where there is one, such as `operator:future-checkin`. */
  source: Schema.optionalKey(Text),
  /** What it is about, for people. */
  subject: Schema.optionalKey(Schema.String.check(Schema.isMaxLength(500))),
  /** In whose turn it is done: lanes of a queue get equal shares. */
  lane: Schema.optionalKey(Schema.String.check(Schema.isMaxLength(200))),
  /** Only a worker that has this adapter takes it. */
  adapter: Schema.optionalKey(Text),
  /** The profile by which whoever does it goes. */
  profile: Schema.optionalKey(Text),
  /** Queued or running tasks of one queue with the same key are one task. */
  dedupe: Schema.optionalKey(Text)
}

/** A task that is asked for. */
export const TaskRequest = Schema.Struct({
  /** Tasks with one id are one task, also once it has ended; made up when absent. */
  id: Schema.optionalKey(
    Schema.String.check(
      Schema.isPattern(/^[\w.:@/+=-]{1,200}$/, {
        expected: "an id of a task is 1 to 200 letters, digits and . : @ / + = _ -"
      })
    )
  ),
  /** `default` when absent. */
  queue: Schema.optionalKey(QueueName),
  ...description,
  payload: Schema.optionalKey(Schema.Unknown),
  /** The larger is done first, in its lane; 0 when absent. Of equal ones the older is first. */
  priority: Schema.optionalKey(
    Schema.Int.check(Schema.isBetween({ minimum: -1_000_000_000, maximum: 1_000_000_000 }))
  ),
  /** Not before this time; or */
  notBefore: Schema.optionalKey(Time),
  /** this many ms after it was added. */
  delayMs: Schema.optionalKey(Time),
  /**
   * What is done where a task with its `dedupe` is there: `join` leaves that one as it is, and `replace` gives one
   * that is still queued this payload, subject, priority and time, and adds another where it is at work.
   */
  onDuplicate: Schema.optionalKey(Schema.Literals(["join", "replace"])),
  /** However often it is replaced, it is put off no longer than this many ms after it was first added. */
  maxDelayMs: Schema.optionalKey(Time),
  /** How often it may fail before it has failed for good; the queue says so when absent. */
  maxAttempts: Schema.optionalKey(Count)
})
export interface TaskRequest extends Schema.Schema.Type<typeof TaskRequest> {}

/** Why an attempt or a task has failed. */
export const TaskError = Schema.Struct({
  /** For programs; `lost` where its worker went away. */
  code: Schema.String,
  message: Schema.String
})
export interface TaskError extends Schema.Schema.Type<typeof TaskError> {}

/** A task, without its payload and its result. */
export const Task = Schema.Struct({
  id: Schema.String,
  queue: Schema.String,
  ...description,
  status: TaskStatus,
  /** Why it was cancelled: `operator_canceled` unless whoever did it says another. */
  reason: Schema.optionalKey(Schema.String),
  priority: Schema.Int,
  /** Absent for at once. */
  notBefore: Schema.optionalKey(Schema.Finite),
  /** How often it was begun. */
  attempts: Schema.Int,
  /** How often it has failed, since somebody last had it tried again. */
  failures: Schema.Int,
  /** How many failures it may have; the queue says so when absent. */
  maxAttempts: Schema.optionalKey(Schema.Int),
  /** Who has it, and until when unless they say that they still have. */
  owner: Schema.optionalKey(Schema.String),
  leaseUntil: Schema.optionalKey(Schema.Finite),
  /** Somebody has asked that it stops, and its worker has not answered yet. */
  isStopping: Schema.optionalKey(Schema.Boolean),
  /** The run that does it. */
  run: Schema.optionalKey(Schema.String),
  /** The run, and the step in it, that waits for it. */
  waiter: Schema.optionalKey(Schema.Struct({ run: Schema.String, step: Schema.String })),
  error: Schema.optionalKey(TaskError),
  createdAt: Schema.Finite,
  updatedAt: Schema.Finite,
  endedAt: Schema.optionalKey(Schema.Finite)
})
export interface Task extends Schema.Schema.Type<typeof Task> {}

/** A task with all that is known of it. */
export const TaskPage = Schema.Struct({
  ...Task.fields,
  payload: Schema.Unknown,
  /** Absent until it is completed. */
  result: Schema.optionalKey(Schema.Unknown),
  /** How it stands and, where it waits, for what: one sentence. */
  sentence: Schema.String
})
export interface TaskPage extends Schema.Schema.Type<typeof TaskPage> {}

/** How an attempt has ended; `running` as long as it has not. */
export const AttemptOutcome = Schema.Literals(["running", "completed", "failed", "lost", "released", "cancelled"])
export type AttemptOutcome = typeof AttemptOutcome.Type

/** One time that a worker has had a task. */
export const TaskAttempt = Schema.Struct({
  /** The id of the task, a `.` and the number of the attempt. */
  id: Schema.String,
  /** From 1 on. */
  attempt: Schema.Int,
  owner: Schema.String,
  at: Schema.Finite,
  endedAt: Schema.optionalKey(Schema.Finite),
  outcome: AttemptOutcome,
  error: Schema.optionalKey(TaskError)
})
export interface TaskAttempt extends Schema.Schema.Type<typeof TaskAttempt> {}

/** Which tasks are listed: those that have all of these, the newest first. */
export const TaskFilter = Schema.Struct({
  queue: Schema.optionalKey(QueueName),
  status: Schema.optionalKey(TaskStatus),
  kind: Schema.optionalKey(Schema.String),
  /** The whole source, or what stands before its `:`. */
  source: Schema.optionalKey(Schema.String),
  lane: Schema.optionalKey(Schema.String),
  /** At most this many, from 1 to 500; 50 when absent. */
  limit: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 500 }))),
  /** Those added before the one with this id. */
  before: Schema.optionalKey(Schema.String)
})
export interface TaskFilter extends Schema.Schema.Type<typeof TaskFilter> {}

/** What came of asking for a task. */
export const Added = Schema.Struct({
  task: Task,
  /** `added`; `joined`: it was there; `replaced`: a queued one is now this. */
  result: Schema.Literals(["added", "joined", "replaced"])
})
export interface Added extends Schema.Schema.Type<typeof Added> {}
