/**
 * What was committed about runs, and published, in order, as SQL.
 */
import type { CommitOp } from "@fermata/engine/Backend"
import * as ChangeLog from "@fermata/engine/ChangeLog"
import type { EventRow } from "@fermata/engine/EventLog"
import * as EventLog from "@fermata/engine/EventLog"
import type { DatabaseSync } from "node:sqlite"
import * as EntryLines from "./EntryLines.ts"
import { damaged, number, numberOrNull, prepare, type Row, text, textOrNull } from "./Rows.ts"
import * as ShortWaits from "./ShortWaits.ts"

/** The row of the journal that is the newest. */
export const latestArrival = "(SELECT coalesce(max(arrival), 0) FROM journal)"

/** The number of the last mark or event there has been, whether it is there or not: what was deleted is not. */
const lastMark = "coalesce((SELECT max(seq) FROM sqlite_sequence WHERE name IN ('marks', 'events')), 0)"

/** The number of the next mark or event. */
export const nextMark = `${lastMark} + 1`

/** Records how a run stands by a commit without entries. `waits` as they are stored. To be called inside its transaction. */
export const mark = (db: DatabaseSync) => {
  const insert = prepare(
    db,
    `INSERT INTO marks (key, arrival, run, epoch, status, reason, waits, at)
     VALUES (${nextMark}, ${latestArrival}, ?, ?, ?, ?, ?, ?)`
  )
  return (
    run: number,
    { at, epoch }: CommitOp,
    { reason, status }: NonNullable<CommitOp["status"]>,
    waits: string | null
  ): void => {
    insert.run(run, epoch, status, reason, waits, at)
  }
}

const ofRun = "runs.id AS run, coalesce(root, id) AS root, workflow, version, runs.kind"

/** The rows behind `?1` and `?2`, in one look at the database: between two, others may commit. What has no root is an event. */
export const changesAfter = `
  SELECT arrival, 0 AS mark, ${ofRun}, last, entries, NULL AS epoch, NULL AS stands, NULL AS why, NULL AS awaits, NULL AS at
  FROM journal CROSS JOIN runs ON runs.key = journal.run WHERE arrival > ?1
  UNION ALL
  SELECT arrival, marks.key, ${ofRun}, NULL, NULL, marks.epoch, marks.status, marks.reason, marks.waits, at
  FROM marks CROSS JOIN runs ON runs.key = marks.run WHERE (arrival, marks.key) > (?1, ?2)
  UNION ALL
  SELECT arrival, position, id, NULL, name, correlation, source, NULL, payload, NULL, NULL, NULL, NULL, at
  FROM events WHERE (arrival, position) > (?1, ?2)
  ORDER BY arrival, mark LIMIT ?3`

const newest = `SELECT ${latestArrival} AS arrival, ${lastMark} AS mark`

export const reads = (db: DatabaseSync) => {
  const after = prepare(db, changesAfter)
  const last = prepare(db, newest)
  const named = prepare(db, "SELECT id FROM store")
  /** Asked each time: another process may have said that the database was put back. */
  const storeId = () => text(named.get()!, "id")
  const now = () => placeOf(last.get()!)

  return {
    position: (): string => ChangeLog.positionOf(storeId(), now()),
    changes: (position: string | null, limit: number): ChangeLog.Changes => {
      const store = storeId()
      const from = position === null ? ChangeLog.origin : ChangeLog.placeOf(store, position)
      if (from === undefined) return anew(store, now())
      const most = Math.min(Math.max(0, limit), Number.MAX_SAFE_INTEGER)
      const rows = after.all(from.arrival, from.mark, most).map((row) => toChange(store, row))
      const next = rows.at(-1)?.position
      if (next !== undefined) return { rows, next }
      const place = now()
      return from.arrival > place.arrival || from.mark > place.mark
        ? anew(store, place)
        : { rows, next: ChangeLog.positionOf(store, from) }
    }
  }
}

// ---------------------------------------------------------------------------
// internal
// ---------------------------------------------------------------------------

const anew = (store: string, now: ChangeLog.Place): ChangeLog.Changes => ({
  rows: [],
  next: ChangeLog.positionOf(store, now),
  reset: true
})

const placeOf = (row: Row): ChangeLog.Place => ({ arrival: number(row, "arrival"), mark: number(row, "mark") })

const toEvent = (row: Row): EventRow => ({
  position: EventLog.positionOf(number(row, "mark")),
  id: text(row, "run"),
  name: text(row, "workflow"),
  payload: text(row, "entries"),
  correlation: textOrNull(row, "version"),
  source: textOrNull(row, "kind"),
  at: number(row, "at")
})

const toChange = (store: string, row: Row): ChangeLog.Change => {
  const position = ChangeLog.positionOf(store, placeOf(row))
  if (row["root"] === null) return { position, event: toEvent(row) }
  const of = {
    position,
    run: text(row, "run"),
    root: text(row, "root"),
    workflow: text(row, "workflow"),
    kind: text(row, "kind")
  }
  const last = numberOrNull(row, "last")
  if (last === null) {
    const reason = textOrNull(row, "why")
    return {
      ...of,
      epoch: number(row, "epoch"),
      status: text(row, "stands"),
      reason,
      waits: ShortWaits.lengthen(reason, textOrNull(row, "awaits")),
      at: number(row, "at")
    }
  }
  const workflow = EntryLines.workflowOf({ workflow: of.workflow, version: text(row, "version") })
  // Entries are JSON, in which no text is cut inside a character.
  if (typeof row["entries"] !== "string") throw damaged("entries")
  const entries = EntryLines.decode(row["entries"], workflow)
  return { ...of, first: last + 1 - entries.length, entries }
}
