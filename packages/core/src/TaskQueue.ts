/** Queues of tasks: what each lets through, and how it stands. Times in ms. */
import * as Schema from "effect/Schema"

const Count = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1_000_000_000 }))
const Millis = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 31_536_000_000 }))

/** So many in so much time, and up to that many at once. */
export const Rate = Schema.Struct({
  count: Count,
  /** ms. */
  perMs: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 31_536_000_000 }))
})
export interface Rate extends Schema.Schema.Type<typeof Rate> {}

/** How often a task is tried, and how long it waits between. */
export const Retry = Schema.Struct({
  /** How often it may fail. */
  attempts: Count,
  /** ms before the second attempt, the third, and so on; the last of them stands for all that follow. */
  delaysMs: Schema.Array(Millis).check(Schema.isMaxLength(100))
})
export interface Retry extends Schema.Schema.Type<typeof Retry> {}

/** What is done where neither a task nor its queue says: it may fail 3 times. */
export const defaultRetry: Retry = { attempts: 3, delaysMs: [1_000, 10_000, 60_000] }

/**
 * What a queue lets through. What is absent has no limit. Those of a queue of no
 * tenant hold for all tenants' queues of its name together, and where a tenant's
 * queue says nothing of lanes, retries and what may be queued, it goes by that one.
 */
export const QueueSettings = Schema.Struct({
  /** Tasks at work at a time. */
  concurrency: Schema.optionalKey(Count),
  /** Tasks of one lane at work at a time. */
  perLane: Schema.optionalKey(Count),
  /** Tasks begun over time. */
  rate: Schema.optionalKey(Rate),
  /** Tasks of one lane begun over time. */
  laneRate: Schema.optionalKey(Rate),
  /** Tasks that may wait; whoever adds another is refused. */
  maxQueued: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1_000_000_000 }))),
  retry: Schema.optionalKey(Retry)
})
export interface QueueSettings extends Schema.Schema.Type<typeof QueueSettings> {}

/** Whether tasks are given out at all, of whichever queue. */
export const Dispatch = Schema.Struct({
  paused: Schema.Boolean,
  /** Who has last paused it or let it go on, and when (ms since the epoch); absent where nobody has. */
  by: Schema.optionalKey(Schema.String),
  at: Schema.optionalKey(Schema.Finite)
})
export interface Dispatch extends Schema.Schema.Type<typeof Dispatch> {}

/** A queue, and how it stands. */
export const TaskQueue = Schema.Struct({
  name: Schema.String,
  settings: QueueSettings,
  paused: Schema.Boolean,
  /** Who has last changed it, and when (ms since the epoch); absent where nobody has. */
  by: Schema.optionalKey(Schema.String),
  at: Schema.optionalKey(Schema.Finite),
  /** Tasks that wait, those for a time too. */
  queued: Schema.Int,
  /** Tasks at work. */
  running: Schema.Int,
  /** When its rate lets the next one through, ms since the epoch; absent where it does. */
  opensAt: Schema.optionalKey(Schema.Finite)
})
export interface TaskQueue extends Schema.Schema.Type<typeof TaskQueue> {}
