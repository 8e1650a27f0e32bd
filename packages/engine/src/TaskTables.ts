/**
 * How tasks are kept in a store, the same in every backend: a backend has the
 * tables, and what is written to them is decided here.
 *
 * A claim costs the same however many tasks wait. Each lane counts the tasks in
 * it whose time has come and those at work, and an index over lanes gives the
 * fairest at once; each queue does the same among the queues of its name. So a
 * claim reads one queue, one lane and one task, and writes these three.
 */
import * as StoredJson from "@fermata/core/StoredJson"
import * as Tenant from "@fermata/core/Tenant"
import type { Message } from "./InboxMessage.ts"
import * as ScheduleOps from "./internal/backend/ScheduleOps.ts"
import type {
  CancelTaskOp,
  EnqueueOp,
  ExtendOp,
  HoldLaneOp,
  QueueOp,
  QueueRow,
  RetryTaskOp,
  SettleTaskOp,
  SweepTasksOp,
  TaskAnswers,
  TaskRow
} from "./internal/backend/TaskOps.ts"
import * as Claims from "./internal/tasks/Claims.ts"
import * as Lanes from "./internal/tasks/Lanes.ts"
import { retryOf } from "./internal/tasks/Limits.ts"
import * as Runs from "./internal/tasks/Runs.ts"
import type { TaskTables } from "./internal/tasks/Tables.ts"

export { endedRow, gone, listenerOf, taskOfListener } from "./internal/tasks/Runs.ts"
export { emptyQueue, everyQueue } from "./internal/tasks/Tables.ts"
export type { TaskTables } from "./internal/tasks/Tables.ts"

/** What applies the operations on tasks, by their names. */
export const handlers = (tables: TaskTables) => ({
  enqueue: (op: EnqueueOp): TaskAnswers["enqueue"] => enqueue(tables, op),
  lease: (op: Parameters<typeof Claims.lease>[1]): TaskAnswers["lease"] =>
    Claims.lease(tables, op, (row, now) => lose(tables, row, now)),
  extend: (op: ExtendOp): TaskAnswers["extend"] => extend(tables, op),
  settleTask: (op: SettleTaskOp): TaskAnswers["settleTask"] => settle(tables, op),
  cancelTask: (op: CancelTaskOp): TaskAnswers["cancelTask"] => cancel(tables, op),
  retryTask: (op: RetryTaskOp): TaskAnswers["retryTask"] => retry(tables, op),
  queue: (op: QueueOp): TaskAnswers["queue"] => setQueue(tables, op),
  holdLane: (op: HoldLaneOp): TaskAnswers["holdLane"] => holdLane(tables, op),
  sweepTasks: ({ before, limit }: SweepTasksOp): TaskAnswers["sweepTasks"] => ({
    dropped: tables.sweep(before, Math.max(0, limit))
  })
})

/** A run has come to its end, or is to stop: nobody waits any more for the tasks that it has asked for. */
export const abandon = (tables: TaskTables, run: string, now: number): void => {
  for (const { id } of tables.awaited(run)) {
    cancel(tables, { op: "cancelTask", task: id, reason: "run_ended", isQueuedOnly: false, now })
  }
}

/** How often in a row the lease of a task may end before it has failed: what ends every process that takes it up must not go on for ever. */
export const mostLost = 5

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const enqueue = (tables: TaskTables, op: EnqueueOp): TaskAnswers["enqueue"] => {
  const { isLimited, message, now, onDuplicate, task } = op
  if (message !== undefined && !tables.isInOutbox(message)) return { result: "gone" }
  const known = tables.task(task.id)
  if (known !== null) return { result: "joined", task: known }
  if (task.dedupe !== null) {
    const queued = tables.duplicate(task.queue, task.dedupe, "queued")
    if (queued !== null) {
      return onDuplicate === "join"
        ? { result: "joined", task: queued }
        : { result: "replaced", task: replace(tables, queued, op) }
    }
    const atWork = onDuplicate === "join" ? tables.duplicate(task.queue, task.dedupe, "running") : null
    if (atWork !== null) return { result: "joined", task: atWork }
  }
  const { base, queue } = Lanes.queuesOf(tables, task.queue)
  const most = queue.maxQueued ?? base.maxQueued
  if (isLimited && most !== null && queue.queued >= most) return { result: "full", most }
  const isReady = task.notBefore <= now
  const row: TaskRow = {
    ...task,
    status: "queued",
    reason: null,
    result: null,
    error: null,
    attempts: 0,
    failures: 0,
    lost: 0,
    owner: null,
    leaseUntil: null,
    stop: null,
    run: null,
    createdAt: now,
    updatedAt: now,
    endedAt: null
  }
  tables.add(row, isReady)
  Lanes.queued(tables, row, isReady, now)
  return { result: "added", task: row }
}

const replace = (
  tables: TaskTables,
  known: TaskRow,
  { maxDelayMs = Number.POSITIVE_INFINITY, now, task }: EnqueueOp
): TaskRow => {
  const { payload, priority, subject } = task
  const notBefore = Math.min(task.notBefore, known.createdAt + maxDelayMs)
  const isReady = notBefore <= now
  const row: TaskRow = { ...known, notBefore, payload, priority, subject, updatedAt: now }
  const wasReady = tables.isReady(known.id)
  tables.replace(row, isReady)
  if (wasReady !== isReady) Lanes.moveReady(tables, row, isReady ? 1 : -1, now)
  return row
}

const extend = (tables: TaskTables, { attempt, now, task, until }: ExtendOp): TaskAnswers["extend"] => {
  const row = tables.task(task)
  if (row === null || !isHeld(row, { attempt })) return { held: false, stop: null }
  tables.put({ ...row, leaseUntil: Math.max(until, row.leaseUntil ?? until), updatedAt: now }, false)
  return { held: true, stop: row.stop }
}

const settle = (tables: TaskTables, { by, now, outcome, task }: SettleTaskOp): TaskAnswers["settleTask"] => {
  const row = tables.task(task)
  if (row === null || !isHeld(row, by)) return { task: null }
  switch (outcome._tag) {
    case "HandedOver": {
      const handed: TaskRow = { ...row, run: outcome.run, leaseUntil: null, updatedAt: now }
      tables.put(handed, false)
      // Who began the run may have died before it said so, and the run may have ended since.
      tables.send(Runs.listenRow(row.id, outcome.run))
      if (row.stop === null) return { task: handed }
      leave(tables, handed, row.stop)
      return { task: end(tables, { ...handed, status: "cancelled", reason: row.stop }, now) }
    }
    case "Completed":
      return { task: end(tables, { ...row, status: "completed", result: outcome.result, error: null }, now) }
    case "Stopped":
      return { task: end(tables, { ...row, status: "cancelled", reason: row.stop ?? "stopped" }, now) }
    case "Released":
      return { task: requeue(tables, row, { outcome: "released", error: null, notBefore: row.notBefore }, now) }
    case "Failed": {
      const { error, isFinal, retryAfterMs } = outcome
      const failures = row.failures + 1
      const { base, queue } = Lanes.queuesOf(tables, row.queue)
      const { attempts, delaysMs } = retryOf(queue, base)
      const failed: TaskRow = { ...row, failures, lost: 0, error }
      if (row.stop !== null) return { task: end(tables, { ...failed, status: "cancelled", reason: row.stop }, now) }
      if (isFinal || failures >= (row.maxAttempts ?? attempts)) {
        return { task: end(tables, { ...failed, status: "failed" }, now) }
      }
      const delay = retryAfterMs ?? delaysMs[Math.min(failures, delaysMs.length) - 1] ?? 0
      return { task: requeue(tables, failed, { outcome: "failed", error, notBefore: now + delay }, now) }
    }
  }
}

/** The lease of this task has ended. */
const lose = (tables: TaskTables, row: TaskRow, now: number): void => {
  const lost = row.lost + 1
  const error = StoredJson.textOf({ code: "lost", message: `its worker ${row.owner} has gone` })
  if (row.stop !== null) return void end(tables, { ...row, lost, status: "cancelled", reason: row.stop }, now, "lost")
  if (lost >= mostLost) return void end(tables, { ...row, lost, error, status: "failed" }, now, "lost")
  requeue(tables, { ...row, lost }, { outcome: "lost", error, notBefore: row.notBefore }, now)
}

const cancel = (
  tables: TaskTables,
  { isQueuedOnly, now, reason, task }: CancelTaskOp
): TaskAnswers["cancelTask"] => {
  const found = tables.task(task)
  if (found === null) return { result: "unknown", task: null }
  // Whoever had it has gone, and nobody may come by to say so.
  if (found.leaseUntil !== null && found.leaseUntil <= now) lose(tables, found, now)
  const row = tables.task(task)!
  if (row.status === "queued") {
    return { result: "cancelled", task: end(tables, { ...row, status: "cancelled", reason }, now) }
  }
  if (row.status !== "running") return { result: "over", task: row }
  if (isQueuedOnly) return { result: "running", task: row }
  if (row.stop !== null) return { result: "asked", task: row }
  if (row.run !== null) {
    leave(tables, row, reason)
    return { result: "cancelled", task: end(tables, { ...row, status: "cancelled", reason }, now) }
  }
  const stopping: TaskRow = { ...row, stop: reason, updatedAt: now }
  tables.put(stopping, false)
  return { result: "asked", task: stopping }
}

const retry = (tables: TaskTables, { isDoneToo = false, now, task }: RetryTaskOp): TaskAnswers["retryTask"] => {
  const row = tables.task(task)
  if (row === null) return { result: "unknown", task: null }
  if (row.status === "completed" && !isDoneToo) return { result: "completed", task: row }
  if (row.status === "queued" || row.status === "running") return { result: "open", task: row }
  const again: TaskRow = {
    ...row,
    status: "queued",
    reason: null,
    failures: 0,
    lost: 0,
    notBefore: 0,
    owner: null,
    run: null,
    stop: null,
    updatedAt: now,
    endedAt: null
  }
  tables.put(again, true)
  Lanes.queued(tables, again, true, now)
  return { result: "queued", task: again }
}

const holdLane = (tables: TaskTables, { lane, now, queue, until }: HoldLaneOp): TaskAnswers["holdLane"] => {
  tables.hold(queue, lane, until)
  Lanes.settle(tables, tables.lane(queue, lane), Lanes.queuesOf(tables, queue), now)
  return {}
}

const setQueue = (tables: TaskTables, op: QueueOp): TaskAnswers["queue"] => {
  const before = Lanes.queuesOf(tables, op.name).queue
  const isRateNew = op.limits !== undefined &&
    (op.limits.rateCount !== before.rateCount || op.limits.ratePerMs !== before.ratePerMs)
  const row: QueueRow = {
    ...before,
    ...op.limits,
    paused: op.paused ?? before.paused,
    by: op.by,
    at: op.now,
    ...(isRateNew ? { tokens: null, opensAt: null } : {})
  }
  tables.putQueue(row)
  const isLaneRateNew = op.limits !== undefined &&
    (op.limits.laneRateCount !== before.laneRateCount || op.limits.laneRatePerMs !== before.laneRatePerMs)
  if (isLaneRateNew) tables.refill(op.name)
  return { row }
}

/** Whether it is this attempt, or this run, that has the task. */
const isHeld = (row: TaskRow, by: SettleTaskOp["by"]): boolean =>
  row.status === "running" &&
  ("run" in by ? row.run === by.run : row.run === null && row.attempts === by.attempt && row.leaseUntil !== null)

/** The task waits again. */
const requeue = (
  tables: TaskTables,
  row: TaskRow,
  { error, notBefore, outcome }: {
    readonly outcome: string
    readonly error: string | null
    readonly notBefore: number
  },
  now: number
): TaskRow => {
  finish(tables, row, outcome, error, now)
  if (row.stop !== null) return over(tables, { ...row, status: "cancelled", reason: row.stop }, now)
  const isReady = notBefore <= now
  const waiting: TaskRow = {
    ...row,
    status: "queued",
    notBefore,
    owner: null,
    leaseUntil: null,
    run: null,
    updatedAt: now
  }
  tables.put(waiting, isReady)
  Lanes.queued(tables, waiting, isReady, now)
  return waiting
}

/** The task has ended as its status says. */
const end = (tables: TaskTables, row: TaskRow, now: number, outcome = row.status): TaskRow => {
  const before = tables.task(row.id)!
  if (before.status === "running") finish(tables, row, outcome, outcome === "completed" ? null : row.error, now)
  else Lanes.unqueued(tables, row, tables.isReady(row.id), now)
  return over(tables, row, now)
}

/** It is not at work any more. */
const finish = (tables: TaskTables, row: TaskRow, outcome: string, error: string | null, now: number): void => {
  tables.finish(row.id, row.attempts, { endedAt: now, outcome, error })
  Lanes.left(tables, row, now)
}

const over = (tables: TaskTables, row: TaskRow, now: number): TaskRow => {
  const ended: TaskRow = { ...row, leaseUntil: null, stop: null, updatedAt: now, endedAt: now }
  tables.put(ended, false)
  if (ended.waiterRun !== null) tell(tables, ended, ended.waiterRun)
  const schedule = ScheduleOps.scheduleOf(ended.id)
  if (schedule !== undefined) tables.send(ScheduleOps.endMessage(schedule, ended.id))
  return ended
}

/** Tells the run that waits for it how it has ended, by the signal of its step. */
const tell = (
  tables: TaskTables,
  { attempts, error, id, reason, result, status, waiterStep }: TaskRow,
  run: string
) => {
  const payload = status === "completed"
    ? { output: JSON.parse(result ?? "null") }
    : { error: error === null ? { code: status, message: reason ?? status } : JSON.parse(error) }
  const message: Message<"signal"> = { name: waiterStep ?? "", payload }
  const request = { run, id: `task-end:${id}:${attempts}`, kind: "signal", message }
  tables.send({ id: `task-end:${id}:${attempts}`, kind: "inbox", payload: StoredJson.textOf(request) })
}

/** The run that does it is left to others who want it, or stops. */
const leave = (tables: TaskTables, { id, run }: TaskRow, reason: string): void => {
  const request = {
    listener: Runs.listenerOf(id),
    run: run!,
    id: `cancel:${Runs.listenerOf(id)}`,
    kind: "cancel",
    payload: StoredJson.textOf({ kind: "cancel", by: Tenant.local(id), reason })
  }
  tables.send({ id: `leave:${Runs.listenerOf(id)}:${run}`, kind: "leave", payload: StoredJson.textOf(request) })
}
