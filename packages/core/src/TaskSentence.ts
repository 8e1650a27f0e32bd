/** How a task stands, and for what it waits: one sentence for people. Needs no schema, so that pages may use it. */
import * as TimeText from "./TimeText.ts"

/** What is known of a task and of what stands before it. Times are ms since the epoch. */
export interface Standing {
  readonly status: string
  readonly now: number
  readonly queue: string
  readonly lane: string
  readonly adapter?: string
  readonly notBefore?: number
  readonly attempts: number
  readonly failures: number
  readonly maxAttempts: number
  readonly owner?: string
  readonly leaseUntil?: number
  readonly isStopping?: boolean
  readonly reason?: string
  readonly error?: string
  readonly run?: string
  /** What is paused, and by whom: its own queue, that of all tenants, or all queues where none is named. */
  readonly paused?: { readonly queue?: string; readonly by?: string }
  /** Whether any worker serves its queue; and whether one of them has its adapter. */
  readonly isServed: boolean
  readonly hasAdapter: boolean
  /** A queue at its limit. */
  readonly full?: { readonly queue: string; readonly most: number }
  /** Its lane is at its limit. */
  readonly laneFull?: number
  /** When the rate of its queue or its lane lets the next one through. */
  readonly queueOpensAt?: number
  readonly laneOpensAt?: number
  /** Tasks of its lane that go before it; counted up to `mostBefore`. */
  readonly before: number
}

/** How many tasks before one are counted. */
export const mostBefore = 1_000

/** How it stands. */
export const of = (task: Standing): string => {
  switch (task.status) {
    case "queued":
      return waits(task)
    case "running":
      return runs(task)
    case "completed":
      return `It is completed, at attempt ${task.attempts}.`
    case "cancelled":
      return `It was cancelled: ${task.reason ?? "operator_canceled"}.`
    default:
      return `It has failed ${times(task.failures)}${task.error === undefined ? "" : `, last with: ${task.error}`}.`
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const waits = (task: Standing): string => {
  const { adapter, before, full, lane, laneFull, laneOpensAt, notBefore, now, paused, queue, queueOpensAt } = task
  if (paused !== undefined) {
    const by = paused.by === undefined ? "" : ` by ${paused.by}`
    return `It waits because ${paused.queue === undefined ? "all queues are" : `queue ${paused.queue} is`} paused${by}.`
  }
  if (notBefore !== undefined && notBefore > now) {
    return task.failures > 0
      ? `It waits until ${TimeText.time(notBefore)} for attempt ${task.attempts + 1}, since it has failed ${
        times(task.failures)
      } of ${task.maxAttempts}.`
      : `It waits until ${TimeText.time(notBefore)}.`
  }
  if (!task.isServed) return `It waits because no worker serves queue ${queue}.`
  if (!task.hasAdapter) return `It waits because no worker of queue ${queue} has the adapter "${adapter}".`
  if (full !== undefined) return `It waits because queue ${full.queue} is at ${full.most} of ${full.most} at work.`
  if (queueOpensAt !== undefined && queueOpensAt > now) {
    return `It waits because queue ${queue} is at its rate, which lets the next one through at ${
      TimeText.time(queueOpensAt)
    }.`
  }
  if (laneFull !== undefined) return `It waits because ${laneName(lane)} is at ${laneFull} of ${laneFull} at work.`
  if (laneOpensAt !== undefined && laneOpensAt > now) {
    return `It waits because ${laneName(lane)} is at its rate, which lets the next one through at ${
      TimeText.time(laneOpensAt)
    }.`
  }
  return before === 0
    ? `It is the next of ${laneName(lane)}, and goes as soon as a worker of queue ${queue} is free.`
    : `It waits for ${before >= mostBefore ? `${mostBefore} or more tasks` : counted(before)} of ${
      laneName(lane)
    } before it.`
}

const runs = ({ attempts, isStopping, leaseUntil, now, owner, run }: Standing): string =>
  isStopping === true
    ? `It is asked to stop, and ${run === undefined ? owner : `run ${run}`} has not answered yet.`
    : run !== undefined
    ? `Run ${run} does it.`
    : leaseUntil !== undefined && leaseUntil <= now
    ? `Its worker ${owner} has fallen silent; another takes it up.`
    : `${owner} does it, at attempt ${attempts}.`

const laneName = (lane: string): string => lane === "" ? "its queue" : `lane "${lane}"`

const counted = (tasks: number): string => tasks === 1 ? "1 task" : `${tasks} tasks`

const times = (count: number): string => count === 1 ? "once" : count === 2 ? "twice" : `${count} times`
