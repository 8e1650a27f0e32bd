/** Rows of tasks as rows of the storage seam, and what is asked of them. */
import * as Tenant from "@fermata/core/Tenant"
import type {
  LaneRow,
  QueueRow,
  TaskAttemptRow,
  TaskRow,
  TaskRowFilter,
  TaskServerRow,
  TaskStanding
} from "@fermata/engine/Backend"
import { emptyQueue, everyQueue } from "@fermata/engine/TaskTables"
import type { DatabaseSync, SQLInputValue } from "node:sqlite"
import { number, numberOrNull, prepare, type Row, text, textOrNull } from "./Rows.ts"

export const taskColumns =
  "id, queue, kind, source, subject, status, reason, priority, not_before, lane, adapter, profile, dedupe, payload, " +
  "result, error, attempts, failures, lost, max_attempts, owner, lease_until, stop, run, waiter_run, waiter_step, " +
  "created_at, updated_at, ended_at"

export const laneColumns = "queue, lane, adapter, ready, running, served, tokens, refilled_at, opens_at"

export const serverColumns = "queue, owner, adapters, is_shared, seen_at"

const ofQueues = [
  "name",
  "paused",
  "by",
  "at",
  "concurrency",
  "per_lane",
  "rate_count",
  "rate_per_ms",
  "lane_rate_count",
  "lane_rate_per_ms",
  "max_queued",
  "retry",
  "queued",
  "ready",
  "running",
  "all_running",
  "served",
  "serial",
  "tokens",
  "refilled_at",
  "opens_at"
]

export const queueColumns = ofQueues.join(", ")

export const putQueue = `INSERT INTO queues (${queueColumns}, local) VALUES (${ofQueues.map(() => "?").join(", ")}, ?)
  ON CONFLICT (name) DO UPDATE SET ${ofQueues.slice(1).map((column) => `${column} = excluded.${column}`).join(", ")}`

/** The values of a queue, in the order of `queueColumns`. */
export const ofQueue = (row: QueueRow): ReadonlyArray<SQLInputValue> => [
  row.name,
  Number(row.paused),
  row.by,
  row.at,
  row.concurrency,
  row.perLane,
  row.rateCount,
  row.ratePerMs,
  row.laneRateCount,
  row.laneRatePerMs,
  row.maxQueued,
  row.retry,
  row.queued,
  row.ready,
  row.running,
  row.allRunning,
  row.served,
  row.serial,
  row.tokens,
  row.refilledAt,
  row.opensAt
]

export const toTask = (row: Row): TaskRow => ({
  id: text(row, "id"),
  queue: text(row, "queue"),
  kind: text(row, "kind"),
  source: textOrNull(row, "source"),
  subject: textOrNull(row, "subject"),
  status: text(row, "status"),
  reason: textOrNull(row, "reason"),
  priority: number(row, "priority"),
  notBefore: number(row, "not_before"),
  lane: text(row, "lane"),
  adapter: text(row, "adapter"),
  profile: textOrNull(row, "profile"),
  dedupe: textOrNull(row, "dedupe"),
  payload: text(row, "payload"),
  result: textOrNull(row, "result"),
  error: textOrNull(row, "error"),
  attempts: number(row, "attempts"),
  failures: number(row, "failures"),
  lost: number(row, "lost"),
  maxAttempts: numberOrNull(row, "max_attempts"),
  owner: textOrNull(row, "owner"),
  leaseUntil: numberOrNull(row, "lease_until"),
  stop: textOrNull(row, "stop"),
  run: textOrNull(row, "run"),
  waiterRun: textOrNull(row, "waiter_run"),
  waiterStep: textOrNull(row, "waiter_step"),
  createdAt: number(row, "created_at"),
  updatedAt: number(row, "updated_at"),
  endedAt: numberOrNull(row, "ended_at")
})

export const toQueue = (row: Row): QueueRow => ({
  name: text(row, "name"),
  paused: number(row, "paused") === 1,
  by: textOrNull(row, "by"),
  at: numberOrNull(row, "at"),
  concurrency: numberOrNull(row, "concurrency"),
  perLane: numberOrNull(row, "per_lane"),
  rateCount: numberOrNull(row, "rate_count"),
  ratePerMs: numberOrNull(row, "rate_per_ms"),
  laneRateCount: numberOrNull(row, "lane_rate_count"),
  laneRatePerMs: numberOrNull(row, "lane_rate_per_ms"),
  maxQueued: numberOrNull(row, "max_queued"),
  retry: textOrNull(row, "retry"),
  queued: number(row, "queued"),
  ready: number(row, "ready"),
  running: number(row, "running"),
  allRunning: number(row, "all_running"),
  served: number(row, "served"),
  serial: number(row, "serial"),
  tokens: numberOrNull(row, "tokens"),
  refilledAt: number(row, "refilled_at"),
  opensAt: numberOrNull(row, "opens_at")
})

export const toLane = (row: Row): LaneRow => ({
  queue: text(row, "queue"),
  lane: text(row, "lane"),
  adapter: text(row, "adapter"),
  ready: number(row, "ready"),
  running: number(row, "running"),
  served: number(row, "served"),
  tokens: numberOrNull(row, "tokens"),
  refilledAt: number(row, "refilled_at"),
  opensAt: numberOrNull(row, "opens_at")
})

export const toServer = (row: Row): TaskServerRow => ({
  queue: text(row, "queue"),
  owner: text(row, "owner"),
  adapters: textOrNull(row, "adapters"),
  isShared: number(row, "is_shared") === 1,
  seenAt: number(row, "seen_at")
})

/** What is read. */
export const reads = (db: DatabaseSync) => {
  const one = prepare(db, `SELECT key, ${taskColumns} FROM tasks WHERE id = ?`)
  const listed = (condition: string) =>
    prepare(
      db,
      `SELECT key, ${taskColumns} FROM tasks WHERE key < ?1 AND (?2 IS NULL OR kind = ?2) AND (?3 IS NULL OR lane = ?3)
       AND (?4 IS NULL OR source = ?4 OR substr(source, 1, length(?4) + 1) = ?4 || ':') AND ${condition}
       ORDER BY key DESC LIMIT ?5`
    )
  const all = listed("?6 IS NULL AND ?7 IS NULL")
  const ofQueue = listed("queue = ?6 AND ?7 IS NULL")
  const ofStatus = listed("queue = ?6 AND status = ?7")
  const names = prepare(db, "SELECT name FROM queues ORDER BY name")
  const attempts = prepare(
    db,
    `SELECT attempt, owner, at, ended_at, outcome, error FROM task_attempts
     WHERE task = (SELECT key FROM tasks WHERE id = ?) ORDER BY attempt`
  )
  const queues = prepare(db, `SELECT ${queueColumns} FROM queues ORDER BY name`)
  const queue = prepare(db, `SELECT ${queueColumns} FROM queues WHERE name = ?`)
  const lane = prepare(db, `SELECT ${laneColumns} FROM lanes WHERE queue = ? AND lane = ? AND adapter = ?`)
  const inLane = prepare(db, "SELECT adapter FROM lanes WHERE queue = ? AND lane = ? AND ready > 0")
  const before = prepare(
    db,
    `SELECT count(*) AS count FROM (
       SELECT 1 FROM tasks WHERE is_ready = 1 AND queue = ?1 AND lane = ?2 AND adapter = ?3
         AND (priority > ?4 OR (priority = ?4 AND key < ?5)) LIMIT ?6
     )`
  )
  const oldestEnded = prepare(db, "SELECT min(ended_at) AS at FROM tasks WHERE ended_at IS NOT NULL")
  const stopping = prepare(db, `SELECT ${taskColumns} FROM tasks WHERE stop IS NOT NULL AND owner = ? ORDER BY key`)
  const servers = prepare(
    db,
    `SELECT ${serverColumns} FROM task_servers WHERE queue = ?1 OR (queue = ?2 AND is_shared = 1) ORDER BY owner`
  )
  const queueOf = (name: string): QueueRow => {
    const row = queue.get(name)
    return row === undefined ? emptyQueue(name) : toQueue(row)
  }

  return {
    task: (id: string): TaskRow | null => {
      const row = one.get(id)
      return row === undefined ? null : toTask(row)
    },
    tasks: (filter: TaskRowFilter): ReadonlyArray<TaskRow> => {
      const last = filter.before === undefined ? undefined : one.get(filter.before)
      if (filter.before !== undefined && last === undefined) return []
      const limit = Math.max(0, filter.limit)
      const { kind = null, lane = null, source = null, status = null } = filter
      const values = [last === undefined ? Number.MAX_SAFE_INTEGER : number(last, "key"), kind, lane, source, limit]
      const isWhole = filter.queue === undefined && status === null && filter.tenant === undefined &&
        filter.without === undefined
      if (isWhole) return all.all(...values, null, null).map(toTask)
      const wanted = (filter.queue === undefined ? names.all().map((row) => text(row, "name")) : [filter.queue])
        .filter((name) =>
          Tenant.reaches(filter.tenant, name) &&
          (filter.without === undefined || !Tenant.local(name).startsWith(filter.without))
        )
      return wanted
        .flatMap((name) => (status === null ? ofQueue : ofStatus).all(...values, name, status))
        .sort((a, b) => number(b, "key") - number(a, "key")).slice(0, limit).map(toTask)
    },
    taskAttempts: (task: string): ReadonlyArray<TaskAttemptRow> =>
      attempts.all(task).map((row) => toAttempt(task, row)),
    oldestEndedTask: (): number | null => numberOrNull(oldestEnded.get()!, "at"),
    stopping: (owner: string): ReadonlyArray<TaskRow> => stopping.all(owner).map(toTask),
    queue: (name: string): QueueRow | null => {
      const row = queue.get(name)
      return row === undefined ? null : toQueue(row)
    },
    queues: (tenant?: string): ReadonlyArray<QueueRow> =>
      queues.all().map(toQueue).filter(({ name }) => name !== everyQueue && Tenant.reaches(tenant, name)),
    taskStanding: (id: string, most: number): TaskStanding | null => {
      const found = one.get(id)
      if (found === undefined) return null
      const task = toTask(found)
      const local = Tenant.local(task.queue)
      const own = queueOf(task.queue)
      const every = queue.get(everyQueue)
      const row = lane.get(task.queue, task.lane, task.adapter)
      const counts = inLane.all(task.queue, task.lane).map(({ adapter }) =>
        number(
          before.get(task.queue, task.lane, adapter!, task.priority, number(found, "key"), Math.max(0, most))!,
          "count"
        )
      )
      return {
        task,
        queue: own,
        base: local === task.queue ? own : queueOf(local),
        every: every === undefined ? null : toQueue(every),
        lane: row === undefined ? null : toLane(row),
        before: Math.min(most, counts.reduce((sum, count) => sum + count, 0)),
        servers: servers.all(task.queue, local).map(toServer)
      }
    }
  }
}

// ---------------------------------------------------------------------------
// internal
// ---------------------------------------------------------------------------

const toAttempt = (task: string, row: Row): TaskAttemptRow => ({
  task,
  attempt: number(row, "attempt"),
  owner: text(row, "owner"),
  at: number(row, "at"),
  endedAt: numberOrNull(row, "ended_at"),
  outcome: text(row, "outcome"),
  error: textOrNull(row, "error")
})
