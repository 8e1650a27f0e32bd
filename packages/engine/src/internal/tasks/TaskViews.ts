/** Rows of tasks as people and programs see them. */
import * as StoredJson from "@fermata/core/StoredJson"
import type { Task, TaskAttempt, TaskError, TaskPage } from "@fermata/core/Task"
import type { Dispatch, QueueSettings, TaskQueue } from "@fermata/core/TaskQueue"
import * as TaskSentence from "@fermata/core/TaskSentence"
import type { QueueLimits, QueueRow, TaskAttemptRow, TaskRow, TaskStanding } from "../../Backend.ts"
import * as Limits from "./Limits.ts"

/** How long (ms) after its last word a process counts as one that serves a queue. */
const servesMs = 60_000

export const taskOf = (row: TaskRow): Task => ({
  id: row.id,
  queue: row.queue,
  kind: row.kind,
  ...(row.source === null ? {} : { source: row.source }),
  ...(row.subject === null ? {} : { subject: row.subject }),
  ...(row.lane === "" ? {} : { lane: row.lane }),
  ...(row.adapter === "" ? {} : { adapter: row.adapter }),
  ...(row.profile === null ? {} : { profile: row.profile }),
  ...(row.dedupe === null ? {} : { dedupe: row.dedupe }),
  status: row.status as Task["status"],
  ...(row.reason === null ? {} : { reason: row.reason }),
  priority: row.priority,
  ...(row.notBefore === 0 ? {} : { notBefore: row.notBefore }),
  attempts: row.attempts,
  failures: row.failures,
  ...(row.maxAttempts === null ? {} : { maxAttempts: row.maxAttempts }),
  ...(row.owner === null ? {} : { owner: row.owner }),
  ...(row.leaseUntil === null ? {} : { leaseUntil: row.leaseUntil }),
  ...(row.stop === null ? {} : { isStopping: true }),
  ...(row.run === null ? {} : { run: row.run }),
  ...(row.waiterRun === null ? {} : { waiter: { run: row.waiterRun, step: row.waiterStep ?? "" } }),
  ...(row.error === null ? {} : { error: errorOf(row.error) }),
  createdAt: row.createdAt,
  updatedAt: row.updatedAt,
  ...(row.endedAt === null ? {} : { endedAt: row.endedAt })
})

export const pageOf = (standing: TaskStanding, now: number): TaskPage => {
  const { task } = standing
  return {
    ...taskOf(task),
    payload: JSON.parse(task.payload),
    ...(task.result === null ? {} : { result: JSON.parse(task.result) }),
    sentence: sentenceOf(standing, now)
  }
}

export const sentenceOf = ({ base, before, every, lane, queue, servers, task }: TaskStanding, now: number): string => {
  const serving = servers.filter(({ seenAt }) => seenAt > now - servesMs)
  const paused = [...(every === null ? [] : [every]), base, queue].find((one) => one.paused)
  const full = base.concurrency !== null && base.allRunning >= base.concurrency
    ? { queue: base.name, most: base.concurrency }
    : queue.concurrency !== null && queue.running >= queue.concurrency
    ? { queue: queue.name, most: queue.concurrency }
    : undefined
  const perLane = Limits.perLaneOf(queue, base)
  const opensAt = Math.max(base.opensAt ?? 0, queue.opensAt ?? 0)
  return TaskSentence.of({
    status: task.status,
    now,
    queue: queue.name,
    lane: task.lane,
    ...(task.adapter === "" ? {} : { adapter: task.adapter }),
    ...(task.notBefore === 0 ? {} : { notBefore: task.notBefore }),
    attempts: task.attempts,
    failures: task.failures,
    maxAttempts: task.maxAttempts ?? Limits.retryOf(queue, base).attempts,
    ...(task.owner === null ? {} : { owner: task.owner }),
    ...(task.leaseUntil === null ? {} : { leaseUntil: task.leaseUntil }),
    ...(task.stop === null ? {} : { isStopping: true }),
    ...(task.reason === null ? {} : { reason: task.reason }),
    ...(task.error === null ? {} : { error: errorOf(task.error).message }),
    ...(task.run === null ? {} : { run: task.run }),
    ...(paused === undefined
      ? {}
      : {
        paused: {
          ...(paused === every ? {} : { queue: paused.name }),
          ...(paused.by === null ? {} : { by: paused.by })
        }
      }),
    isServed: serving.length > 0,
    hasAdapter: task.adapter === "" ||
      serving.some(({ adapters }) =>
        adapters === null || (JSON.parse(adapters) as ReadonlyArray<string>).includes(task.adapter)
      ),
    ...(full === undefined ? {} : { full }),
    ...(lane !== null && lane.running >= perLane ? { laneFull: perLane } : {}),
    ...(opensAt > now ? { queueOpensAt: opensAt } : {}),
    ...(lane !== null && lane.opensAt !== null ? { laneOpensAt: lane.opensAt } : {}),
    before
  })
}

export const attemptOf = ({ at, attempt, endedAt, error, outcome, owner, task }: TaskAttemptRow): TaskAttempt => ({
  id: `${task}.${attempt}`,
  attempt,
  owner,
  at,
  ...(endedAt === null ? {} : { endedAt }),
  outcome: outcome as TaskAttempt["outcome"],
  ...(error === null ? {} : { error: errorOf(error) })
})

export const queueOf = (row: QueueRow): TaskQueue => ({
  name: row.name,
  settings: settingsOf(row),
  paused: row.paused,
  ...(row.by === null ? {} : { by: row.by }),
  ...(row.at === null ? {} : { at: row.at }),
  queued: row.queued,
  running: row.running,
  ...(row.opensAt === null ? {} : { opensAt: row.opensAt })
})

export const dispatchOf = (row: QueueRow | null): Dispatch => ({
  paused: row?.paused ?? false,
  ...(row?.by == null ? {} : { by: row.by }),
  ...(row?.at == null ? {} : { at: row.at })
})

export const settingsOf = (row: QueueLimits): QueueSettings => {
  const rate = Limits.rateOf(row.rateCount, row.ratePerMs)
  const laneRate = Limits.rateOf(row.laneRateCount, row.laneRatePerMs)
  return {
    ...(row.concurrency === null ? {} : { concurrency: row.concurrency }),
    ...(row.perLane === null ? {} : { perLane: row.perLane }),
    ...(rate === null ? {} : { rate }),
    ...(laneRate === null ? {} : { laneRate }),
    ...(row.maxQueued === null ? {} : { maxQueued: row.maxQueued }),
    ...(row.retry === null ? {} : { retry: JSON.parse(row.retry) })
  }
}

export const limitsOf = ({ concurrency, laneRate, maxQueued, perLane, rate, retry }: QueueSettings): QueueLimits => ({
  concurrency: concurrency ?? null,
  perLane: perLane ?? null,
  rateCount: rate?.count ?? null,
  ratePerMs: rate?.perMs ?? null,
  laneRateCount: laneRate?.count ?? null,
  laneRatePerMs: laneRate?.perMs ?? null,
  maxQueued: maxQueued ?? null,
  retry: retry === undefined ? null : StoredJson.textOf(retry)
})

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const errorOf = (text: string): TaskError => JSON.parse(text) as TaskError
