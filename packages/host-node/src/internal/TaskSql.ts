/** Tasks, as SQL: the tables in which they are kept. */
import * as Tenant from "@fermata/core/Tenant"
import type { LaneRow, QueueRow, TaskRow, TaskServerRow } from "@fermata/engine/Backend"
import * as TaskTables from "@fermata/engine/TaskTables"
import type { DatabaseSync } from "node:sqlite"
import { number, numberOrNull, prepare, type Row } from "./Rows.ts"
import * as TaskRows from "./TaskRows.ts"

/** The tables, for what is written. */
export const tables = (db: DatabaseSync, send: TaskTables.TaskTables["send"]): TaskTables.TaskTables => {
  const { taskColumns, toLane, toQueue, toTask } = TaskRows
  const one = prepare(db, `SELECT ${taskColumns} FROM tasks WHERE id = ?`)
  const duplicate = prepare(
    db,
    `SELECT ${taskColumns} FROM tasks WHERE queue = ?1 AND dedupe = ?2 AND status = ?3 AND dedupe IS NOT NULL
     AND ended_at IS NULL ORDER BY key LIMIT 1`
  )
  const awaited = prepare(
    db,
    `SELECT ${taskColumns} FROM tasks WHERE waiter_run = ? AND waiter_run IS NOT NULL AND ended_at IS NULL ORDER BY key`
  )
  const add = prepare(
    db,
    `INSERT INTO tasks (id, queue, kind, source, subject, status, priority, not_before, is_ready, lane, adapter, profile,
       dedupe, payload, max_attempts, waiter_run, waiter_step, created_at, updated_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
  )
  const put = prepare(
    db,
    `UPDATE tasks SET status = ?2, reason = ?3, not_before = ?4, is_ready = ?5, result = ?6, error = ?7, attempts = ?8,
       failures = ?9, lost = ?10, owner = ?11, lease_until = ?12, stop = ?13, run = ?14, updated_at = ?15, ended_at = ?16
     WHERE id = ?1`
  )
  const replace = prepare(
    db,
    `UPDATE tasks SET not_before = ?2, is_ready = ?3, payload = ?4, priority = ?5, subject = ?6, updated_at = ?7 WHERE id = ?1`
  )
  const isReady = prepare(db, "SELECT is_ready FROM tasks WHERE id = ?")
  const due = prepare(
    db,
    `SELECT ${taskColumns} FROM tasks WHERE status = 'queued' AND is_ready = 0 AND not_before <= ?
     ORDER BY not_before, key LIMIT ?`
  )
  const expired = prepare(
    db,
    `SELECT ${taskColumns} FROM tasks WHERE lease_until IS NOT NULL AND lease_until <= ? ORDER BY lease_until, key LIMIT ?`
  )
  const best = prepare(
    db,
    `SELECT key, ${taskColumns} FROM tasks WHERE is_ready = 1 AND queue = ? AND lane = ? AND adapter = ?
     ORDER BY priority DESC, key LIMIT 1`
  )
  const next = prepare(
    db,
    `SELECT min(at) AS next FROM (
       SELECT (SELECT min(not_before) FROM tasks WHERE status = 'queued' AND is_ready = 0) AS at
       UNION ALL SELECT (SELECT min(lease_until) FROM tasks WHERE lease_until IS NOT NULL)
       UNION ALL SELECT (SELECT min(opens_at) FROM queues WHERE opens_at IS NOT NULL)
       UNION ALL SELECT (SELECT min(opens_at) FROM lanes WHERE opens_at IS NOT NULL)
     )`
  )
  const begin = prepare(
    db,
    "INSERT INTO task_attempts (task, attempt, owner, at, ended_at, outcome, error) SELECT key, ?2, ?3, ?4, ?5, ?6, ?7 FROM tasks WHERE id = ?1"
  )
  const finish = prepare(
    db,
    `UPDATE task_attempts SET ended_at = ?3, outcome = ?4, error = ?5
     WHERE task = (SELECT key FROM tasks WHERE id = ?1) AND attempt = ?2`
  )
  const queue = prepare(db, `SELECT ${TaskRows.queueColumns} FROM queues WHERE name = ?`)
  const putQueue = prepare(db, TaskRows.putQueue)
  const openQueues = prepare(
    db,
    `SELECT ${TaskRows.queueColumns} FROM queues WHERE local = ? AND is_open = 1 ORDER BY running, served`
  )
  const opening = prepare(
    db,
    `SELECT ${TaskRows.queueColumns} FROM queues WHERE opens_at IS NOT NULL AND opens_at <= ? ORDER BY opens_at LIMIT ?`
  )
  const lane = prepare(db, `SELECT ${TaskRows.laneColumns} FROM lanes WHERE queue = ? AND lane = ? ORDER BY adapter`)
  const putLane = prepare(
    db,
    `INSERT INTO lanes (${TaskRows.laneColumns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (queue, lane, adapter) DO UPDATE SET ready = excluded.ready, running = excluded.running,
       served = excluded.served, tokens = excluded.tokens, refilled_at = excluded.refilled_at, opens_at = excluded.opens_at`
  )
  const dropLane = prepare(db, "DELETE FROM lanes WHERE queue = ? AND lane = ?")
  const openLane = prepare(
    db,
    `SELECT ${TaskRows.laneColumns} FROM lanes WHERE queue = ? AND ready > 0 AND opens_at IS NULL
     ORDER BY running, served LIMIT 1`
  )
  const openLaneOf = prepare(
    db,
    `SELECT ${TaskRows.laneColumns} FROM lanes WHERE queue = ? AND adapter = ? AND ready > 0 AND opens_at IS NULL
     ORDER BY running, served LIMIT 1`
  )
  const openingLanes = prepare(
    db,
    `SELECT ${TaskRows.laneColumns} FROM lanes WHERE opens_at IS NOT NULL AND opens_at <= ? ORDER BY opens_at LIMIT ?`
  )
  const held = prepare(db, "SELECT until FROM lane_holds WHERE queue = ? AND lane = ?")
  const hold = prepare(db, "INSERT OR REPLACE INTO lane_holds (queue, lane, until) VALUES (?, ?, ?)")
  const unhold = prepare(db, "DELETE FROM lane_holds WHERE queue = ? AND lane = ?")
  const refill = prepare(db, "UPDATE lanes SET tokens = NULL, opens_at = NULL WHERE queue = ?")
  const server = prepare(db, `SELECT ${TaskRows.serverColumns} FROM task_servers WHERE queue = ? AND owner = ?`)
  const putServer = prepare(
    db,
    `INSERT OR REPLACE INTO task_servers (${TaskRows.serverColumns}) VALUES (?, ?, ?, ?, ?)`
  )
  const dropServers = prepare(db, "DELETE FROM task_servers WHERE seen_at < ?")
  const ended = prepare(
    db,
    "SELECT key FROM tasks WHERE ended_at IS NOT NULL AND ended_at < ? ORDER BY ended_at, key LIMIT ?"
  )
  const dropAttempts = prepare(db, "DELETE FROM task_attempts WHERE task = ?")
  const drop = prepare(db, "DELETE FROM tasks WHERE key = ?")
  const inOutbox = prepare(db, "SELECT 1 FROM outbox WHERE id = ?")

  const found = <A>(row: Row | undefined, to: (row: Row) => A): A | null => row === undefined ? null : to(row)
  return {
    task: (id) => found(one.get(id), toTask),
    duplicate: (queue, dedupe, status) => found(duplicate.get(queue, dedupe, status), toTask),
    awaited: (run) => awaited.all(run).map(toTask),
    add: (row, ready) =>
      void add.run(
        row.id,
        row.queue,
        row.kind,
        row.source,
        row.subject,
        row.status,
        row.priority,
        row.notBefore,
        Number(ready),
        row.lane,
        row.adapter,
        row.profile,
        row.dedupe,
        row.payload,
        row.maxAttempts,
        row.waiterRun,
        row.waiterStep,
        row.createdAt,
        row.updatedAt
      ),
    put: (row: TaskRow, ready) =>
      void put.run(
        row.id,
        row.status,
        row.reason,
        row.notBefore,
        Number(ready),
        row.result,
        row.error,
        row.attempts,
        row.failures,
        row.lost,
        row.owner,
        row.leaseUntil,
        row.stop,
        row.run,
        row.updatedAt,
        row.endedAt
      ),
    replace: (row, ready) =>
      void replace.run(row.id, row.notBefore, Number(ready), row.payload, row.priority, row.subject, row.updatedAt),
    isReady: (id) => found(isReady.get(id), (row) => number(row, "is_ready") === 1) ?? false,
    due: (now, limit) => due.all(now, limit).map(toTask),
    expired: (now, limit) => expired.all(now, limit).map(toTask),
    best: (queue, lane, adapter) =>
      found(best.get(queue, lane, adapter), (row) => ({ row: toTask(row), order: number(row, "key") })),
    next: () => numberOrNull(next.get()!, "next"),
    begin: ({ at, attempt, endedAt, error, outcome, owner, task }) =>
      void begin.run(task, attempt, owner, at, endedAt, outcome, error),
    finish: (task, attempt, { endedAt, error, outcome }) => void finish.run(task, attempt, endedAt, outcome, error),
    queue: (name) => found(queue.get(name), toQueue),
    putQueue: (row: QueueRow) => void putQueue.run(...TaskRows.ofQueue(row), Tenant.local(row.name)),
    openQueues: function*(local) {
      for (const row of openQueues.all(local)) yield toQueue(row)
    },
    opening: (now, limit) => opening.all(now, limit).map(toQueue),
    lane: (queue, name) => lane.all(queue, name).map(toLane),
    putLane: (row: LaneRow) =>
      void putLane.run(
        row.queue,
        row.lane,
        row.adapter,
        row.ready,
        row.running,
        row.served,
        row.tokens,
        row.refilledAt,
        row.opensAt
      ),
    dropLane: (queue, name) => void dropLane.run(queue, name),
    openLane: (queue, adapters) => {
      if (adapters === null) return found(openLane.get(queue), toLane)
      let fairest: LaneRow | null = null
      for (const adapter of adapters) {
        const row = found(openLaneOf.get(queue, adapter), toLane)
        const isFairer = row !== null && (fairest === null || row.running < fairest.running ||
          (row.running === fairest.running && row.served < fairest.served))
        if (isFairer) fairest = row
      }
      return fairest
    },
    heldUntil: (queue, name) => found(held.get(queue, name), (row) => number(row, "until")),
    hold: (queue, name, until) => void (until === null ? unhold.run(queue, name) : hold.run(queue, name, until)),
    openingLanes: (now, limit) => openingLanes.all(now, limit).map(toLane),
    refill: (queue) => void refill.run(queue),
    server: (queue, owner) => found(server.get(queue, owner), TaskRows.toServer),
    putServer: ({ adapters, isShared, owner, queue, seenAt }: TaskServerRow) =>
      void putServer.run(queue, owner, adapters, Number(isShared), seenAt),
    dropServers: (before) => void dropServers.run(before),
    sweep: (before, limit) => {
      const keys = ended.all(before, limit).map((row) => number(row, "key"))
      for (const key of keys) {
        dropAttempts.run(key)
        drop.run(key)
      }
      return keys.length
    },
    send,
    isInOutbox: (id) => inOutbox.get(id) !== undefined
  }
}
