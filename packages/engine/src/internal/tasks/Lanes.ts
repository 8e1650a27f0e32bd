/** What queues and lanes count, as tasks come and go. */
import * as Task from "@fermata/core/Task"
import * as Tenant from "@fermata/core/Tenant"
import type { LaneRow, QueueRow, TaskRow } from "../backend/TaskOps.ts"
import * as Limits from "./Limits.ts"
import { emptyQueue, type TaskTables } from "./Tables.ts"

/** A queue, and the one of no tenant with its name, which may be the same. */
export interface Queues {
  readonly queue: QueueRow
  readonly base: QueueRow
}

export const queuesOf = (tables: TaskTables, name: string): Queues => {
  const queue = tables.queue(name) ?? emptyQueue(name)
  const local = Tenant.local(name)
  return { queue, base: local === name ? queue : tables.queue(local) ?? emptyQueue(local) }
}

/** A task has come to wait, or waits again. */
export const queued = (tables: TaskTables, task: TaskRow, isReady: boolean, now: number): void => {
  const { queue } = queuesOf(tables, task.queue)
  tables.putQueue({ ...queue, queued: queue.queued + 1 })
  if (isReady) moveReady(tables, task, 1, now)
}

/** It waits no longer, and is not at work either. */
export const unqueued = (tables: TaskTables, task: TaskRow, wasReady: boolean, now: number): void => {
  const { queue } = queuesOf(tables, task.queue)
  tables.putQueue({ ...queue, queued: queue.queued - 1 })
  if (wasReady) moveReady(tables, task, -1, now)
}

/** The time of a task has come, or is another. */
export const moveReady = (tables: TaskTables, task: TaskRow, by: 1 | -1, now: number): void => {
  const { base, queue } = queuesOf(tables, task.queue)
  const lanes = tables.lane(task.queue, task.lane)
  const own = lanes.find(({ adapter }) => adapter === task.adapter)
  const [other] = lanes
  // Who comes is as if served now, so that nobody gains by going and coming again.
  const isNew = by === 1 && queue.ready === 0 && queue.running === 0
  const serial = base.serial + (isNew || other === undefined ? 1 : 0)
  const counted = { ...queue, ready: queue.ready + by, ...(isNew ? { served: serial } : {}) }
  if (base.name === queue.name) tables.putQueue({ ...counted, serial })
  else {
    tables.putQueue(counted)
    if (serial !== base.serial) tables.putQueue({ ...base, serial })
  }
  const lane: LaneRow = own ?? {
    queue: task.queue,
    lane: task.lane,
    adapter: task.adapter,
    ready: 0,
    running: other?.running ?? 0,
    served: other?.served ?? serial,
    tokens: other?.tokens ?? null,
    refilledAt: other?.refilledAt ?? 0,
    opensAt: other?.opensAt ?? null
  }
  settle(tables, [...lanes.filter((row) => row !== own), { ...lane, ready: lane.ready + by }], { base, queue }, now)
}

/** A task is at work no more. */
export const left = (tables: TaskTables, { lane, queue: name }: TaskRow, now: number): void => {
  const { base, queue } = queuesOf(tables, name)
  if (base.name === queue.name) {
    tables.putQueue({ ...queue, running: queue.running - 1, allRunning: queue.allRunning - 1 })
  } else {
    tables.putQueue({ ...queue, running: queue.running - 1 })
    tables.putQueue({ ...base, allRunning: base.allRunning - 1 })
  }
  settle(
    tables,
    tables.lane(name, lane).map((row): LaneRow => Object.assign({}, row, { running: row.running - 1 })),
    { base, queue },
    now
  )
}

/** Keeps the rows of a lane, or forgets a lane that has nothing and whose rate is full. */
export const settle = (
  tables: TaskTables,
  rows: ReadonlyArray<LaneRow>,
  { base, queue }: Queues,
  now: number
): void => {
  const [first] = rows
  if (first === undefined) return
  const rate = Limits.laneRateOf(queue, base)
  const level = rate === null ? Infinity : Limits.levelOf(rate, first, now)
  const isIdle = first.running === 0 && rows.every(({ ready }) => ready === 0)
  if (isIdle && (rate === null || level >= rate.count)) return tables.dropLane(first.queue, first.lane)
  const refilled = rate === null
    ? null
    : isIdle
    ? Limits.fullAt(rate, level, now)
    : Limits.opensAt(rate, level, now)
  // Nobody holds back what is not the engine's own, so that it costs nobody else a look.
  const held = Task.isReserved(queue.name) || Task.isReserved(base.name)
    ? tables.heldUntil(first.queue, first.lane)
    : null
  const opensAt = held !== null && held > now ? Math.max(held, refilled ?? 0) : refilled
  for (const row of rows) tables.putLane({ ...row, opensAt })
}
