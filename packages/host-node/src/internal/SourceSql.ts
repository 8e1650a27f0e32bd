/** What comes in from outside, and the sources that it comes from, as SQL. */
import * as Tenant from "@fermata/core/Tenant"
import type {
  Answers,
  IngestOp,
  OutboxRow,
  SensorFilter,
  SensorRow,
  SourceOp,
  SourceRow,
  SweepSensorsOp
} from "@fermata/engine/Backend"
import { numberOf, positionOf } from "@fermata/engine/EventLog"
import type { DatabaseSync } from "node:sqlite"
import { number, prepare, type Row, text, textOrNull } from "./Rows.ts"

/** What is written. To be called inside a write transaction; `send` puts messages into the outbox. */
export const changes = (db: DatabaseSync, send: (rows: ReadonlyArray<OutboxRow>) => void) => {
  const known = prepare(db, one)
  const insert = prepare(
    db,
    `INSERT INTO sensors (sensor, dedupe, event_id, ref, payload, outcome, refused, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`
  )
  const remove = prepare(db, "DELETE FROM sensors WHERE position = ?")
  const oldest = prepare(db, "SELECT position, at FROM sensors ORDER BY position LIMIT ?")
  const source = prepare(db, oneSource)
  const put = prepare(db, `INSERT OR REPLACE INTO sources (${sourceColumns}) VALUES (?, ?, ?, ?, ?, ?)`)
  const forget = prepare(db, "DELETE FROM sources WHERE name = ?")
  return {
    ingest: ({ outbox, row }: IngestOp): Answers["ingest"] => {
      const { at, dedupe, eventId, outcome, payload, ref, refused, sensor } = row
      const before = known.get(dedupe, Tenant.of(sensor) ?? "", refused === null ? 0 : 1)
      if (before !== undefined && refused === null) return { result: "duplicate", row: toSensor(before) }
      if (before !== undefined) remove.run(number(before, "position"))
      const position = positionOf(insert.insert(sensor, dedupe, eventId, ref, payload, outcome, refused, at))
      send(outbox)
      return { result: "accepted", row: { position, ...row } }
    },
    sweepSensors: ({ limit, until }: SweepSensorsOp): Answers["sweepSensors"] => {
      let dropped = 0
      for (const row of oldest.all(Math.max(0, limit))) {
        if (number(row, "at") > until) break
        dropped += remove.run(number(row, "position"))
      }
      return { dropped }
    },
    source: ({ at, by, change, name }: SourceOp): Answers["source"] => {
      const found = source.get(name)
      const before = found === undefined ? null : toSource(found)
      if (change === null) forget.run(name)
      if (change === null || (before === null && !("declaration" in change))) return { before, after: null }
      const stood = before ?? { name, declaration: "", paused: false, note: null }
      const after: SourceRow = { ...stood, ...change, by, at }
      put.run(name, after.declaration, after.paused ? 1 : 0, after.note, by, at)
      return { before, after }
    }
  }
}

/** What is read. */
export const reads = (db: DatabaseSync) => {
  const newest = prepare(db, `SELECT ${columns} FROM sensors WHERE position < ? ORDER BY position DESC LIMIT ?`)
  const newestOf = prepare(
    db,
    `SELECT ${columns} FROM sensors WHERE sensor = ? AND position < ? ORDER BY position DESC LIMIT ?`
  )
  const newestIn = prepare(
    db,
    `SELECT ${columns} FROM sensors WHERE tenant <> '' AND tenant = ? AND position < ? ORDER BY position DESC LIMIT ?`
  )
  const oldest = prepare(db, "SELECT at FROM sensors ORDER BY position LIMIT 1")
  const find = prepare(db, one)
  const source = prepare(db, oneSource)
  const sources = prepare(db, `SELECT ${sourceColumns} FROM sources ORDER BY name`)
  const sourcesIn = prepare(
    db,
    `SELECT ${sourceColumns} FROM sources WHERE name > ?1 || '~' AND name < ?1 || char(127) ORDER BY name`
  )
  return {
    sensors: ({ before, limit, sensor, tenant }: SensorFilter): ReadonlyArray<SensorRow> => {
      const end = before === undefined ? Number.MAX_SAFE_INTEGER : numberOf(before)
      const most = Math.max(0, limit)
      if (sensor !== undefined) {
        return Tenant.reaches(tenant, sensor) ? newestOf.all(sensor, end, most).map(toSensor) : []
      }
      return (tenant === undefined ? newest.all(end, most) : newestIn.all(tenant, end, most)).map(toSensor)
    },
    sensor: (tenant: string | undefined, dedupe: string): SensorRow | null => {
      const row = find.get(dedupe, tenant ?? "", 0)
      return row === undefined ? null : toSensor(row)
    },
    oldestSensor: (): number | null => {
      const row = oldest.get()
      return row === undefined ? null : number(row, "at")
    },
    source: (name: string): SourceRow | null => {
      const row = source.get(name)
      return row === undefined ? null : toSource(row)
    },
    sources: (tenant?: string): ReadonlyArray<SourceRow> =>
      (tenant === undefined ? sources.all() : sourcesIn.all(tenant)).map(toSource)
  }
}

// ---------------------------------------------------------------------------
// internal
// ---------------------------------------------------------------------------

const columns = "position, sensor, dedupe, event_id, ref, payload, outcome, refused, at"

const one = `SELECT ${columns} FROM sensors WHERE dedupe = ? AND tenant = ? AND (refused IS NOT NULL) = ?`

const sourceColumns = "name, declaration, paused, note, by, at"

const oneSource = `SELECT ${sourceColumns} FROM sources WHERE name = ?`

const toSensor = (row: Row): SensorRow => ({
  position: positionOf(number(row, "position")),
  sensor: text(row, "sensor"),
  dedupe: text(row, "dedupe"),
  eventId: textOrNull(row, "event_id"),
  ref: textOrNull(row, "ref"),
  payload: text(row, "payload"),
  outcome: text(row, "outcome"),
  refused: textOrNull(row, "refused"),
  at: number(row, "at")
})

const toSource = (row: Row): SourceRow => ({
  name: text(row, "name"),
  declaration: text(row, "declaration"),
  paused: number(row, "paused") === 1,
  note: textOrNull(row, "note"),
  by: text(row, "by"),
  at: number(row, "at")
})
