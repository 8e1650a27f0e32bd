/**
 * Events, subscriptions and waits as SQL. Changes must be made inside a write
 * transaction.
 */
import type { InboxRow } from "@fermata/engine/Backend"
import type {
  Awaited,
  EventAnswers,
  EventFilter,
  EventRow,
  EventsOp,
  EventWait,
  EventWaitChanges,
  EventWaitRow,
  SweepOp
} from "@fermata/engine/EventLog"
import { anyValue, numberOf, positionOf, valueAt, wakeRow } from "@fermata/engine/EventLog"
import type { DatabaseSync } from "node:sqlite"
import * as ChangeSql from "./ChangeSql.ts"
import { number, numberOrNull, prepare, type Row, text, textOrNull } from "./Rows.ts"

/** The columns of an event beside its position, which the table gives: the fields of an `EventRow` under their names. */
const fields = ["id", "name", "payload", "correlation", "source", "at"] as const satisfies ReadonlyArray<keyof EventRow>
const columns = `position, ${fields.join(", ")}`

/** The last position there has been, whether that event is kept or not. */
const lastEver = "coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'events'), 0)"

export const changes = (db: DatabaseSync) => {
  const path = prepare(db, `INSERT OR IGNORE INTO event_paths (event, path, since) VALUES (?, ?, ${lastEver})`)
  const subscribe = prepare(
    db,
    `INSERT OR REPLACE INTO subscriptions (run, event, since) VALUES (?1, ?2, coalesce((SELECT position FROM events WHERE id = ?3), ${lastEver}))`
  )
  const close = prepare(db, "DELETE FROM event_waits WHERE run = ? AND key = ?")
  const open = prepare(
    db,
    "INSERT OR REPLACE INTO event_waits (run, key, event, path, value, position) VALUES (?, ?, ?, ?, ?, ?)"
  )

  const insert = prepare(
    db,
    `INSERT INTO events (position, arrival, ${fields.join(", ")})
     VALUES (${ChangeSql.nextMark}, ${ChangeSql.latestArrival}, ${fields.map(() => "?").join(", ")})`
  )
  const known = prepare(db, "SELECT 1 FROM events WHERE id = ?")
  const paths = prepare(db, "SELECT path FROM event_paths WHERE event = ?")
  const addKey = prepare(db, "INSERT INTO event_keys (event, path, value, position) VALUES (?, ?, ?, ?)")
  const waiting = (condition: string) =>
    prepare(
      db,
      `SELECT DISTINCT runs.id AS run FROM event_waits JOIN runs ON runs.key = run WHERE event = ? AND ${condition}`
    )
  const waitingForAll = waiting("path IS NULL")
  const waitingAt = waiting("path = ?")
  const waitingFor = waiting("path = ? AND value = ?")

  // Steps from name to name in the index.
  const names = prepare(
    db,
    `WITH RECURSIVE found (name) AS (
       SELECT min(name) FROM events WHERE name > ?1
       UNION ALL
       SELECT (SELECT min(events.name) FROM events WHERE events.name > found.name) FROM found WHERE name IS NOT NULL
     )
     SELECT name FROM found WHERE name IS NOT NULL LIMIT ?2`
  )
  const asked = prepare(db, "SELECT min(since) AS since FROM subscriptions WHERE event = ?")
  const oldest = prepare(db, "SELECT position, at FROM events WHERE name = ? ORDER BY position LIMIT ?")
  const drop = prepare(db, "DELETE FROM events WHERE position = ?")
  const dropKeys = prepare(db, "DELETE FROM event_keys WHERE position = ?")
  const floor = prepare(db, "INSERT OR REPLACE INTO event_floors (event, position) VALUES (?, ?)")

  return {
    subscribe: (run: number, event: string, asks: ReadonlyArray<string>, since: string | undefined): void => {
      for (const one of asks) path.run(event, one)
      subscribe.run(run, event, since ?? null)
    },

    change: (run: number, { closed, opened }: EventWaitChanges): void => {
      for (const key of closed) close.run(run, key)
      for (const { equality, event, key, position } of opened) {
        if (equality !== null) path.run(event, equality.path)
        open.run(run, key, event, equality?.path ?? null, equality?.value ?? null, numberOf(position))
      }
    },

    keep: ({ rows }: EventsOp, wake: (row: InboxRow) => void): EventAnswers["events"] => {
      const wanted = new Map<
        string,
        { readonly runs: Set<string>; readonly paths: ReadonlyArray<string>; readonly looked: Set<string> }
      >()
      let added = 0
      let first = 0
      for (const row of rows) {
        if (known.get(row.id) !== undefined) continue
        const position = insert.insert(...fields.map((field) => row[field]))
        if (added++ === 0) first = row.at
        let name = wanted.get(row.name)
        if (name === undefined) {
          name = {
            runs: new Set(namesOf(waitingForAll.all(row.name))),
            paths: paths.all(row.name).map((one) => text(one, "path")),
            looked: new Set()
          }
          wanted.set(row.name, name)
        }
        if (name.paths.length === 0) continue
        const event: unknown = JSON.parse(row.payload)
        for (const one of name.paths) {
          const value = valueAt(event, one)
          if (value === undefined) continue
          addKey.run(row.name, one, value, position)
          const where = `${one} ${value}`
          if (name.looked.has(where)) continue
          name.looked.add(where)
          for (
            const run of namesOf(
              value === anyValue ? waitingAt.all(row.name, one) : waitingFor.all(row.name, one, value)
            )
          ) name.runs.add(run)
        }
      }
      for (const [event, { runs }] of wanted) for (const run of [...runs].sort()) wake(wakeRow(run, event, first))
      return { added }
    },

    sweep: (op: SweepOp): EventAnswers["sweep"] => {
      const found = names.all(op.after, op.names + 1).map((row) => text(row, "name"))
      let dropped = 0
      let previous = op.after
      for (const name of found.slice(0, op.names)) {
        const since = numberOrNull(asked.get(name)!, "since")
        for (const row of oldest.all(name, op.limit - dropped + 1)) {
          const position = number(row, "position")
          const at = number(row, "at")
          const isAsked = since !== null && position > since
          if (at > op.keptUntil && (isAsked || at > op.unaskedUntil)) break
          if (dropped === op.limit) return { dropped, next: previous }
          dropped++
          drop.run(position)
          dropKeys.run(position)
          if (isAsked) floor.run(name, position)
        }
        previous = name
      }
      return { dropped, next: found.length > op.names ? previous : null }
    }
  }
}

export const reads = (db: DatabaseSync) => {
  const newest = prepare(db, `SELECT ${columns} FROM events WHERE position < ? ORDER BY position DESC LIMIT ?`)
  const newestOf = prepare(
    db,
    `SELECT ${columns} FROM events WHERE name = ? AND position < ? ORDER BY position DESC LIMIT ?`
  )
  const newestOfTenant = prepare(
    db,
    `SELECT ${columns} FROM events WHERE position < ?1 AND name > ?2 || '~' AND name < ?2 || char(127)
     ORDER BY position DESC LIMIT ?3`
  )
  const oldest = prepare(db, "SELECT at FROM events ORDER BY position LIMIT 1")
  const waits = prepare(
    db,
    `SELECT runs.id AS run, event_waits.key, event, path, value, position FROM event_waits JOIN runs ON runs.key = run
     WHERE event = ? ORDER BY runs.id, event_waits.key`
  )
  const standing = prepare(
    db,
    `SELECT ${lastEver} AS head, coalesce((SELECT position FROM event_floors WHERE event = ?3), 0) AS floor, coalesce(
       stands.position,
       (SELECT since FROM subscriptions WHERE run = (SELECT key FROM runs WHERE id = ?1) AND event = ?3),
       ${lastEver}) AS start,
       coalesce((SELECT since FROM event_paths WHERE event = ?3 AND path = ?4), ${lastEver}) AS keyed,
       stands.position IS NOT NULL AS known
     FROM (SELECT (SELECT position FROM event_waits WHERE run = (SELECT key FROM runs WHERE id = ?1) AND key = ?2) AS position) AS stands`
  )
  const behind = prepare(db, `SELECT ${columns} FROM events WHERE name = ? AND position > ? ORDER BY position LIMIT ?`)
  const equal = prepare(
    db,
    "SELECT position FROM event_keys WHERE event = ? AND path = ? AND value = ? AND position > ? ORDER BY position LIMIT ?"
  )
  const one = prepare(db, `SELECT ${columns} FROM events WHERE position = ?`)

  return {
    events: ({ before, limit, name, tenant }: EventFilter): ReadonlyArray<EventRow> => {
      const end = before === undefined ? Number.MAX_SAFE_INTEGER : numberOf(before)
      if (name === undefined && tenant !== undefined) {
        return newestOfTenant.all(end, tenant, Math.max(0, limit)).map(toEvent)
      }
      return (name === undefined ? newest.all(end, Math.max(0, limit)) : newestOf.all(name, end, Math.max(0, limit)))
        .map(toEvent)
    },
    oldestEvent: (): number | null => {
      const row = oldest.get()
      return row === undefined ? null : number(row, "at")
    },
    eventWaits: (event: string): ReadonlyArray<EventWaitRow> => waits.all(event).map(toWait),
    awaited: ({ equality, event, key, run }: EventWait, after: string | null, limit: number): Awaited => {
      const place = standing.get(run, key, event, equality?.path ?? null)!
      const start = after === null ? number(place, "start") : numberOf(after)
      const head = number(place, "head")
      const most = Math.max(0, limit)
      const rows: ReadonlyArray<Row> = equality === null || start < number(place, "keyed")
        ? behind.all(event, start, most)
        : [equality.value, anyValue]
          .flatMap((value) => equal.all(event, equality.path, value, start, most).map((row) => number(row, "position")))
          .sort((a, b) => a - b).slice(0, most).map((position) => one.get(position)!)
      // What another process has committed since the head was read is left for the next time: of it not all may have been seen.
      const events = rows.filter((row) => number(row, "position") <= head).map(toEvent)
      const isAll = rows.length < limit || events.length < rows.length
      return {
        events,
        upTo: isAll ? positionOf(head) : events.at(-1)?.position ?? positionOf(start),
        isKnown: number(place, "known") === 1,
        missed: number(place, "floor") > start
      }
    }
  }
}

// ---------------------------------------------------------------------------
// internal
// ---------------------------------------------------------------------------

const namesOf = (rows: ReadonlyArray<Row>): ReadonlyArray<string> => rows.map((row) => text(row, "run"))

const toEvent = (row: Row): EventRow => ({
  position: positionOf(number(row, "position")),
  id: text(row, "id"),
  name: text(row, "name"),
  payload: text(row, "payload"),
  correlation: textOrNull(row, "correlation"),
  source: textOrNull(row, "source"),
  at: number(row, "at")
})

const toWait = (row: Row): EventWaitRow => {
  const path = textOrNull(row, "path")
  const value = textOrNull(row, "value")
  return {
    run: text(row, "run"),
    key: text(row, "key"),
    event: text(row, "event"),
    equality: path === null || value === null ? null : { path, value },
    position: positionOf(number(row, "position"))
  }
}
