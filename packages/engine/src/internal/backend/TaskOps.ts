/** Tasks in a store: their rows, what is written of them, and the answers. Times are ms since the epoch. */
import type { Acted } from "./Act.ts"

/** A task. Its queue and its id carry its tenant in front. */
export interface TaskRow {
  /** Unique in the store. */
  readonly id: string
  readonly queue: string
  readonly kind: string
  readonly source: string | null
  readonly subject: string | null
  /** `queued`, `running`, `completed`, `failed` or `cancelled`. */
  readonly status: string
  readonly reason: string | null
  /** The larger is first. */
  readonly priority: number
  /** 0 for at once. */
  readonly notBefore: number
  /** Empty for the lane of those that name none. */
  readonly lane: string
  /** Empty where any worker will do. */
  readonly adapter: string
  readonly profile: string | null
  readonly dedupe: string | null
  /** JSON texts. */
  readonly payload: string
  readonly result: string | null
  readonly error: string | null
  /** How often it was leased, which is also the number of its last attempt and, as its epoch, what its holder shows. */
  readonly attempts: number
  /** How often it has failed since it was last asked for. */
  readonly failures: number
  /** How often in a row its lease has ended. */
  readonly lost: number
  /** Null where the queue says so. */
  readonly maxAttempts: number | null
  readonly owner: string | null
  readonly leaseUntil: number | null
  /** Why it is to stop, for who holds it; null where nobody asks. */
  readonly stop: string | null
  /** The run that it was handed over to. */
  readonly run: string | null
  /** The run, and the step in it, that wait for its end. */
  readonly waiterRun: string | null
  readonly waiterStep: string | null
  readonly createdAt: number
  readonly updatedAt: number
  readonly endedAt: number | null
}

/** One time that somebody has had a task. */
export interface TaskAttemptRow {
  readonly task: string
  readonly attempt: number
  readonly owner: string
  readonly at: number
  readonly endedAt: number | null
  /** `running`, `completed`, `failed`, `lost`, `released` or `cancelled`. */
  readonly outcome: string
  /** JSON text. */
  readonly error: string | null
}

/** What a queue is set to. Null for no limit. */
export interface QueueLimits {
  readonly concurrency: number | null
  readonly perLane: number | null
  readonly rateCount: number | null
  readonly ratePerMs: number | null
  readonly laneRateCount: number | null
  readonly laneRatePerMs: number | null
  readonly maxQueued: number | null
  /** JSON text of attempts and delays. */
  readonly retry: string | null
}

/** A queue. What a queue of no tenant is set to holds for all tenants' queues of its name together. */
export interface QueueRow extends QueueLimits {
  readonly name: string
  readonly paused: boolean
  /** Who has last changed it, and when. */
  readonly by: string | null
  readonly at: number | null
  /** Tasks that wait, and those of them whose time has come. */
  readonly queued: number
  readonly ready: number
  readonly running: number
  /** Of the queue of no tenant: tasks at work in all queues of its name. */
  readonly allRunning: number
  /** When it was last served, as a number that grows. */
  readonly served: number
  /** How often the queue of no tenant has counted. */
  readonly serial: number
  /** What is left of its rate, as of `refilledAt`; null for all of it. */
  readonly tokens: number | null
  readonly refilledAt: number
  /** When its rate lets the next one through; null for now. */
  readonly opensAt: number | null
}

/** A lane of a queue, as far as tasks for one adapter wait in it. All rows of a lane agree in everything but `ready`. */
export interface LaneRow {
  readonly queue: string
  readonly lane: string
  readonly adapter: string
  /** Tasks for the adapter whose time has come. */
  readonly ready: number
  /** Tasks of the lane at work. */
  readonly running: number
  readonly served: number
  readonly tokens: number | null
  readonly refilledAt: number
  readonly opensAt: number | null
}

/** A process that takes tasks of a queue. */
export interface TaskServerRow {
  readonly queue: string
  readonly owner: string
  /** JSON array; null for every adapter. */
  readonly adapters: string | null
  /** Whether it takes tasks of tenants' queues of this name too. */
  readonly isShared: boolean
  readonly seenAt: number
}

/** How a task stands among others. */
export interface TaskStanding {
  readonly task: TaskRow
  readonly queue: QueueRow
  /** The queue of no tenant with its name; the same where its own is of none. */
  readonly base: QueueRow
  /** What was said of all queues (`everyQueue`). */
  readonly every: QueueRow | null
  readonly lane: LaneRow | null
  /** Tasks of its lane that go before it, counted up to so many as was asked. */
  readonly before: number
  readonly servers: ReadonlyArray<TaskServerRow>
}

/** Which tasks are read. */
export interface TaskRowFilter {
  readonly queue?: string | undefined
  readonly status?: string | undefined
  readonly kind?: string | undefined
  /** The whole of it, or what stands before its `:`. */
  readonly source?: string | undefined
  readonly lane?: string | undefined
  readonly tenant?: string | undefined
  /** Queues whose names, without their tenants, begin with this are left out. */
  readonly without?: string | undefined
  readonly limit: number
  /** Those added before the one of this id. */
  readonly before?: string | undefined
}

/**
 * Adds a task, unless one of its id is there, or with its `dedupe` one that is
 * queued or running in its queue: see `TaskRequest`.
 */
export interface EnqueueOp extends Acted {
  readonly op: "enqueue"
  readonly task: Pick<
    TaskRow,
    | "adapter"
    | "dedupe"
    | "id"
    | "kind"
    | "lane"
    | "maxAttempts"
    | "notBefore"
    | "payload"
    | "priority"
    | "profile"
    | "queue"
    | "source"
    | "subject"
    | "waiterRun"
    | "waiterStep"
  >
  readonly onDuplicate: "join" | "replace"
  /** How long (ms) after it was added one that is replaced again and again is put off at most. */
  readonly maxDelayMs?: number
  /** Whether a queue that has as many as it may have refuses it: what was acknowledged before is not refused. */
  readonly isLimited: boolean
  readonly now: number
  /** The message of the outbox that this comes from, as of `StartOp`. */
  readonly message?: string
}

/**
 * Gives up to `limit` tasks of a queue to an owner, who has them until `until`.
 *
 * Each time the queue with the fewest tasks at work is served, of equal ones the
 * one that was not served for longest; there the lane with the fewest at work,
 * again the one that was not served for longest; and there the task of the
 * highest priority, the oldest first. A queue and a lane that come are as if
 * served at that moment. Whoever is paused, at a limit or at a rate is passed over.
 *
 * First, tasks whose lease has ended before `now` are taken back, and their
 * attempts are `lost`.
 */
export interface LeaseOp {
  readonly op: "lease"
  readonly queue: string
  readonly owner: string
  readonly now: number
  readonly until: number
  readonly limit: number
  /** Those that the owner has, beside tasks that ask for none; null for all. */
  readonly adapters: ReadonlyArray<string> | null
  /** Whether tenants' queues of this name are served too. */
  readonly isShared: boolean
}

/** Has a task for longer. Nothing happens where this is not its running attempt. */
export interface ExtendOp {
  readonly op: "extend"
  readonly task: string
  readonly attempt: number
  readonly now: number
  readonly until: number
}

/** How an attempt has ended, or that a run goes on with it. `error` and `result` are JSON texts. */
export type TaskOutcome =
  | { readonly _tag: "Completed"; readonly result: string }
  | { readonly _tag: "Failed"; readonly error: string; readonly isFinal: boolean; readonly retryAfterMs?: number }
  /** It was given back as if it had not been begun. */
  | { readonly _tag: "Released" }
  /** It was stopped, as was asked for. */
  | { readonly _tag: "Stopped" }
  /** The run of this id goes on with it, and its end is that of the task. */
  | { readonly _tag: "HandedOver"; readonly run: string }

/** Ends the running attempt of a task, or one that was handed over to `run`. */
export interface SettleTaskOp {
  readonly op: "settleTask"
  readonly task: string
  readonly by: { readonly attempt: number } | { readonly run: string }
  readonly now: number
  readonly outcome: TaskOutcome
}

/** Stops a task: one that is queued at once, and one that is at work by whoever has it. */
export interface CancelTaskOp extends Acted {
  readonly op: "cancelTask"
  readonly task: string
  readonly reason: string
  /** Whether one that is at work is left alone. */
  readonly isQueuedOnly: boolean
  readonly now: number
}

/** Has a task that has failed or was cancelled tried again, with all its attempts before it. */
export interface RetryTaskOp extends Acted {
  readonly op: "retryTask"
  readonly task: string
  /** Also one that is completed. */
  readonly isDoneToo?: boolean
  readonly now: number
}

/** Sets what a queue lets through, or whether it is paused; what is absent stays. */
export interface QueueOp extends Acted {
  readonly op: "queue"
  readonly name: string
  readonly limits?: QueueLimits
  readonly paused?: boolean
  readonly by: string
  readonly now: number
}

/**
 * Has no task of a lane begun until a time, or none held back any more where that
 * is null; of the engine's own queues alone, which hold back what cannot be done now.
 */
export interface HoldLaneOp {
  readonly op: "holdLane"
  readonly queue: string
  readonly lane: string
  readonly until: number | null
  readonly now: number
}

/** Deletes tasks that ended before a time, with their attempts: the oldest, and at most `limit`. */
export interface SweepTasksOp {
  readonly op: "sweepTasks"
  readonly before: number
  readonly limit: number
}

/** What is written of tasks. */
export type TaskOp =
  | EnqueueOp
  | LeaseOp
  | ExtendOp
  | SettleTaskOp
  | CancelTaskOp
  | RetryTaskOp
  | QueueOp
  | SweepTasksOp
  | HoldLaneOp

/** The answers, by the names of the operations. `task` is the row as it is now. */
export interface TaskAnswers {
  /** `full`: nothing was added, since the queue has so many as it may have; `task` is then null. `gone`: the message was applied before. */
  readonly enqueue:
    | { readonly result: "added" | "joined" | "replaced"; readonly task: TaskRow }
    | { readonly result: "full"; readonly most: number }
    | { readonly result: "gone" }
  /** `next`: when at the latest there may be more to take, where fewer were given than asked for; null for when somebody writes. */
  readonly lease: { readonly tasks: ReadonlyArray<TaskRow>; readonly next: number | null }
  /** Whether it is held, and why it is to stop. */
  readonly extend: { readonly held: boolean; readonly stop: string | null }
  /** What it has come to; null where it was not held. */
  readonly settleTask: { readonly task: TaskRow | null }
  readonly cancelTask: {
    readonly result: "cancelled" | "asked" | "running" | "over" | "unknown"
    readonly task: TaskRow | null
  }
  readonly retryTask: { readonly result: "queued" | "open" | "completed" | "unknown"; readonly task: TaskRow | null }
  readonly queue: { readonly row: QueueRow }
  readonly sweepTasks: { readonly dropped: number }
  readonly holdLane: {}
}
