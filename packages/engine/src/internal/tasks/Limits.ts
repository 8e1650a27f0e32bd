/** What a queue lets through, and when. */
import { defaultRetry, type Retry } from "@fermata/core/TaskQueue"
import type { QueueRow } from "../backend/TaskOps.ts"

/** So many in so much time (ms). */
export interface Rate {
  readonly count: number
  readonly perMs: number
}

/** What is left of a rate as of a time; null for all of it. */
export interface Bucket {
  readonly tokens: number | null
  readonly refilledAt: number
}

export const rateOf = (count: number | null, perMs: number | null): Rate | null =>
  count === null || perMs === null ? null : { count, perMs }

/** What is left of it now. A clock that was set back takes nothing away. */
export const levelOf = ({ count, perMs }: Rate, { refilledAt, tokens }: Bucket, now: number): number =>
  tokens === null ? count : Math.min(count, tokens + Math.max(0, now - refilledAt) * count / perMs)

/** Whether one more goes through, but for what arithmetic loses. */
export const isOpen = (level: number): boolean => level >= 1 - 1e-6

/** When one more goes through, of what is left now; null for now. */
export const opensAt = ({ count, perMs }: Rate, level: number, now: number): number | null =>
  isOpen(level) ? null : now + Math.max(1, Math.ceil((1 - level) * perMs / count))

/** When it is full again. */
export const fullAt = ({ count, perMs }: Rate, level: number, now: number): number =>
  now + Math.max(1, Math.ceil((count - level) * perMs / count))

/** How often a task of this queue may fail, and how long it waits between. */
export const retryOf = (queue: QueueRow, base: QueueRow): Retry => {
  const text = queue.retry ?? base.retry
  return text === null ? defaultRetry : JSON.parse(text) as Retry
}

/** What a queue says of its lanes; one of a tenant that says nothing goes by that of no tenant. */
export const perLaneOf = (queue: QueueRow, base: QueueRow): number => queue.perLane ?? base.perLane ?? Infinity

export const laneRateOf = (queue: QueueRow, base: QueueRow): Rate | null =>
  rateOf(queue.laneRateCount, queue.laneRatePerMs) ?? rateOf(base.laneRateCount, base.laneRatePerMs)
