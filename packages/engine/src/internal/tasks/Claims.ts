/** Who gets which task: the fair claim. */
import * as StoredJson from "@fermata/core/StoredJson"
import type { LaneRow, LeaseOp, QueueRow, TaskAnswers, TaskRow } from "../backend/TaskOps.ts"
import * as Lanes from "./Lanes.ts"
import * as Limits from "./Limits.ts"
import { everyQueue, type TaskTables } from "./Tables.ts"

/** `lose` takes back a task whose lease has ended. */
export const lease = (
  tables: TaskTables,
  op: LeaseOp,
  lose: (row: TaskRow, now: number) => void
): TaskAnswers["lease"] => {
  isSeen(tables, op)
  // Nothing is given out of any queue, and whoever lets it go on is heard.
  if (tables.queue(everyQueue)?.paused === true) return { tasks: [], next: null }
  const tasks: Array<TaskRow> = []
  while (tasks.length < op.limit) {
    const isMore = catchUp(tables, op.now, lose)
    const claimed = claim(tables, op)
    if (claimed !== null) tasks.push(claimed)
    else if (!isMore) return { tasks, next: tables.next() }
  }
  return { tasks, next: null }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** What one claim does for tasks of which time has come, so that none of it costs more than this. */
const batch = 100

/** How long (ms) a process counts as seen without a word in the table. */
const seenMs = 10_000

/** How long (ms) a process that has not come again is remembered. */
const forgottenMs = 3_600_000

/** Does what time has brought: all of it, or a part, and then there is more. */
const catchUp = (tables: TaskTables, now: number, lose: (row: TaskRow, now: number) => void): boolean => {
  const expired = tables.expired(now, batch)
  for (const row of expired) lose(row, now)
  const due = tables.due(now, batch)
  for (const row of due) {
    tables.put(row, true)
    Lanes.moveReady(tables, row, 1, now)
  }
  const queues = tables.opening(now, batch)
  for (const row of queues) tables.putQueue({ ...row, opensAt: null })
  const lanes = tables.openingLanes(now, batch)
  for (const { lane, queue } of lanes) {
    Lanes.settle(tables, tables.lane(queue, lane), Lanes.queuesOf(tables, queue), now)
  }
  return [expired, due, queues, lanes].some(({ length }) => length === batch)
}

/** The next task for whoever asks; null for none. */
const claim = (tables: TaskTables, op: LeaseOp): TaskRow | null => {
  const { base } = Lanes.queuesOf(tables, op.queue)
  if (!isOpen(base, base.allRunning)) return null
  for (const queue of op.isShared ? tables.openQueues(base.name) : own(tables, op.queue)) {
    const lane = tables.openLane(queue.name, op.adapters === null ? null : ["", ...op.adapters])
    if (lane === null || lane.running >= Limits.perLaneOf(queue, base)) continue
    const rows = tables.lane(queue.name, lane.lane)
    const task = bestOf(tables, rows, op.adapters)
    if (task !== null) return take(tables, op, task, rows, { base, queue })
  }
  return null
}

const own = (tables: TaskTables, name: string): ReadonlyArray<QueueRow> => {
  const queue = tables.queue(name)
  return queue !== null && queue.ready > 0 && isOpen(queue, queue.running) ? [queue] : []
}

const isOpen = ({ concurrency, opensAt, paused }: QueueRow, running: number): boolean =>
  !paused && opensAt === null && running < (concurrency ?? Infinity)

/** Of the adapters that wait in the lane, the best task of those that whoever asks has. */
const bestOf = (
  tables: TaskTables,
  rows: ReadonlyArray<LaneRow>,
  adapters: ReadonlyArray<string> | null
): TaskRow | null => {
  let best: ReturnType<TaskTables["best"]> = null
  for (const { adapter, lane, queue, ready } of rows) {
    if (ready === 0 || (adapters !== null && adapter !== "" && !adapters.includes(adapter))) continue
    const found = tables.best(queue, lane, adapter)
    if (found === null) continue
    const isBetter = best === null || found.row.priority > best.row.priority ||
      (found.row.priority === best.row.priority && found.order < best.order)
    if (isBetter) best = found
  }
  return best?.row ?? null
}

const take = (
  tables: TaskTables,
  { now, owner, until }: LeaseOp,
  task: TaskRow,
  lanes: ReadonlyArray<LaneRow>,
  { base, queue }: Lanes.Queues
): TaskRow => {
  const row: TaskRow = {
    ...task,
    status: "running",
    attempts: task.attempts + 1,
    owner,
    leaseUntil: until,
    updatedAt: now
  }
  tables.put(row, false)
  tables.begin({
    task: row.id,
    attempt: row.attempts,
    owner,
    at: now,
    endedAt: null,
    outcome: "running",
    error: null
  })
  const serial = base.serial + 1
  const served: QueueRow = {
    ...queue,
    ...spent(queue, now),
    queued: queue.queued - 1,
    ready: queue.ready - 1,
    running: queue.running + 1,
    served: serial
  }
  if (base.name === queue.name) tables.putQueue({ ...served, allRunning: queue.allRunning + 1, serial })
  else {
    tables.putQueue(served)
    tables.putQueue({ ...base, ...spent(base, now), allRunning: base.allRunning + 1, serial })
  }
  const rate = Limits.laneRateOf(queue, base)
  const [first] = lanes
  const tokens = rate === null ? null : Math.max(0, Limits.levelOf(rate, first!, now) - 1)
  Lanes.settle(
    tables,
    lanes.map((lane): LaneRow =>
      Object.assign({}, lane, {
        ready: lane.adapter === task.adapter ? lane.ready - 1 : lane.ready,
        running: lane.running + 1,
        served: serial,
        tokens,
        refilledAt: now
      })
    ),
    { base, queue },
    now
  )
  return row
}

/** One of the rate of a queue is used up. */
const spent = (queue: QueueRow, now: number): Pick<QueueRow, "opensAt" | "refilledAt" | "tokens"> => {
  const rate = Limits.rateOf(queue.rateCount, queue.ratePerMs)
  if (rate === null) return { tokens: null, refilledAt: 0, opensAt: null }
  const tokens = Math.max(0, Limits.levelOf(rate, queue, now) - 1)
  return { tokens, refilledAt: now, opensAt: Limits.opensAt(rate, tokens, now) }
}

/** So that people may be told who serves a queue. */
const isSeen = (tables: TaskTables, { adapters, isShared, now, owner, queue }: LeaseOp): void => {
  const known = tables.server(queue, owner)
  if (known !== null && known.seenAt > now - seenMs) return
  tables.dropServers(now - forgottenMs)
  tables.putServer({
    queue,
    owner,
    adapters: adapters === null ? null : StoredJson.textOf(adapters),
    isShared,
    seenAt: now
  })
}
