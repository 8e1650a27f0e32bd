/** Schedules and their firings, as SQL. */
import type {
  Answers,
  FireOp,
  FiringRow,
  FreeOp,
  Handlers,
  OutboxRow,
  ScheduleFilter,
  ScheduleOp,
  ScheduleRow
} from "@fermata/engine/Backend"
import { freedSchedule } from "@fermata/engine/Backend"
import type { DatabaseSync } from "node:sqlite"
import { number, numberOrNull, prepare, type Row, text, textOrNull } from "./Rows.ts"

/** What is written. To be called inside a write transaction. `send` puts messages into the outbox. */
export const changes = (
  db: DatabaseSync,
  send: (rows: ReadonlyArray<OutboxRow>) => void
): Pick<Handlers, "fire" | "free" | "schedule" | "unschedule"> => {
  const find = prepare(db, `SELECT ${columns} FROM schedules WHERE name = ?`)
  const versionOf = prepare(db, "SELECT version FROM schedules WHERE name = ?")
  const ownerOf = prepare(db, "SELECT name FROM schedules WHERE producer = ? AND name <> ?")
  const put = prepare(
    db,
    `INSERT INTO schedules (${columns}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (name) DO UPDATE SET
       producer = ?2, options = ?3, state = ?4, due_at = ?5, version = ?6, by = ?7, created_at = ?8, updated_at = ?9`
  )
  const remove = prepare(db, "DELETE FROM schedules WHERE name = ?")
  const forget = prepare(db, "DELETE FROM firings WHERE schedule = ?")
  const keep = prepare(
    db,
    `INSERT INTO firings (${firingColumns}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
     ON CONFLICT (schedule, id) DO UPDATE SET
       slot = ?3, at = ?4, cause = ?5, outcome = ?6, missed = ?7, run = ?8, event = ?9, problem = ?10, by = ?11, task = ?12`
  )
  const dropOld = prepare(
    db,
    `DELETE FROM firings WHERE schedule = ?1 AND key <= (
       SELECT key FROM firings WHERE schedule = ?1 ORDER BY key DESC LIMIT 1 OFFSET ?2
     )`
  )
  const store = ({ by, createdAt, dueAt, name, options, producer, state, updatedAt, version }: ScheduleRow): void => {
    put.run(name, producer, options, state, dueAt, version, by, createdAt, updatedAt)
  }
  const seenOf = (name: string): number | null => {
    const row = versionOf.get(name)
    return row === undefined ? null : number(row, "version")
  }
  return {
    schedule: ({ row, seen }: ScheduleOp): Answers["schedule"] => {
      if (seenOf(row.name) !== seen) return { result: "stale" }
      const owner = row.producer === null ? undefined : ownerOf.get(row.producer, row.name)
      if (owner !== undefined) return { result: "taken", owner: text(owner, "name") }
      store(row)
      return { result: "stored" }
    },
    unschedule: ({ name }): Answers["unschedule"] => {
      forget.run(name)
      return { removed: remove.run(name) > 0 }
    },
    fire: ({ firings, kept, outbox, row, seen }: FireOp): Answers["fire"] => {
      if (seenOf(row.name) !== seen) return { fired: false }
      store(row)
      for (const { at, by, cause, event, id, missed, outcome, problem, run, schedule, slot, task } of firings) {
        keep.run(schedule, id, slot, at, cause, outcome, missed, run, event, problem, by, task)
      }
      if (firings.length > 0) dropOld.run(row.name, kept)
      send(outbox)
      return { fired: true }
    },
    free: ({ run, schedule }: FreeOp): Answers["free"] => {
      const found = find.get(schedule)
      if (found === undefined) return { freed: false, due: false }
      const row = toSchedule(found)
      const after = freedSchedule(row, run)
      if (after === row) return { freed: false, due: false }
      store(after)
      return { freed: true, due: after.dueAt === 0 }
    }
  }
}

/** What is read. */
export const reads = (db: DatabaseSync) => {
  const one = prepare(db, `SELECT ${columns} FROM schedules WHERE name = ?`)
  const some = prepare(
    db,
    `SELECT ${columns} FROM schedules WHERE name > ?1 AND name >= ?2 AND name < ?3 ORDER BY name LIMIT ?4`
  )
  const due = prepare(
    db,
    `SELECT ${columns} FROM schedules INDEXED BY schedules_due WHERE due_at IS NOT NULL AND (due_at, name) > (?1, ?2)
     ORDER BY due_at, name LIMIT ?3`
  )
  const firings = prepare(
    db,
    `SELECT ${firingColumns} FROM firings WHERE schedule = ?1
       AND (?2 IS NULL OR key < coalesce((SELECT key FROM firings WHERE schedule = ?1 AND id = ?2), 0))
     ORDER BY key DESC LIMIT ?3`
  )
  return {
    schedule: (name: string): ScheduleRow | null => {
      const row = one.get(name)
      return row === undefined ? null : toSchedule(row)
    },
    schedules: ({ after = "", limit, tenant }: ScheduleFilter): ReadonlyArray<ScheduleRow> =>
      // Behind the `~` there is no other name of a tenant before `\x7f`.
      (tenant === undefined
        ? some.all(after, "", "\u{10ffff}", atMost(limit))
        : some.all(after, `${tenant}~`, `${tenant}\x7f`, atMost(limit))).map(toSchedule),
    dueSchedules: (limit: number, after: Pick<ScheduleRow, "dueAt" | "name"> | null): ReadonlyArray<ScheduleRow> =>
      due.all(after?.dueAt ?? -1, after?.name ?? "", atMost(limit)).map(toSchedule),
    firings: (name: string, limit: number, before?: string): ReadonlyArray<FiringRow> =>
      firings.all(name, before ?? null, atMost(limit)).map(toFiring)
  }
}

// ---------------------------------------------------------------------------
// internal
// ---------------------------------------------------------------------------

const columns = "name, producer, options, state, due_at, version, by, created_at, updated_at"
const firingColumns = "schedule, id, slot, at, cause, outcome, missed, run, event, problem, by, task"

const atMost = (limit: number): number => Math.min(Math.max(0, limit), Number.MAX_SAFE_INTEGER)

const toSchedule = (row: Row): ScheduleRow => ({
  name: text(row, "name"),
  producer: textOrNull(row, "producer"),
  options: text(row, "options"),
  state: text(row, "state"),
  dueAt: numberOrNull(row, "due_at"),
  version: number(row, "version"),
  by: text(row, "by"),
  createdAt: number(row, "created_at"),
  updatedAt: number(row, "updated_at")
})

const toFiring = (row: Row): FiringRow => ({
  schedule: text(row, "schedule"),
  id: text(row, "id"),
  slot: number(row, "slot"),
  at: number(row, "at"),
  cause: text(row, "cause"),
  outcome: text(row, "outcome"),
  missed: number(row, "missed"),
  run: textOrNull(row, "run"),
  event: textOrNull(row, "event"),
  problem: textOrNull(row, "problem"),
  by: textOrNull(row, "by"),
  task: textOrNull(row, "task")
})
