/** What comes in from outside, in a memory store. */
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
} from "../Backend.ts"
import { positionOf } from "../EventLog.ts"
import type { MemoryChanges } from "./MemoryChanges.ts"
import { type MemoryStore, pair } from "./MemoryStore.ts"

export const ingest = (
  changes: MemoryChanges,
  { outbox, row }: IngestOp,
  send: (row: OutboxRow) => void
): Answers["ingest"] => {
  const { sensors } = changes.store
  const known = sensors.positions.get(placeOf(row))
  if (known !== undefined && row.refused === null) return { result: "duplicate", row: sensors.rows.get(known)! }
  if (known !== undefined) drop(changes, sensors.rows.get(known)!)
  const before = sensors.last
  sensors.last++
  changes.record(() => {
    sensors.last = before
  })
  const kept: SensorRow = { position: positionOf(sensors.last), ...row }
  changes.put(sensors.rows, kept.position, kept)
  changes.put(sensors.positions, placeOf(row), kept.position)
  for (const message of outbox) send(message)
  return { result: "accepted", row: kept }
}

export const sweep = (changes: MemoryChanges, { limit, until }: SweepSensorsOp): Answers["sweepSensors"] => {
  let dropped = 0
  for (const row of oldestFirst(changes.store)) {
    if (dropped >= limit || row.at > until) break
    drop(changes, row)
    dropped++
  }
  return { dropped }
}

export const drop = (changes: MemoryChanges, row: SensorRow): void => {
  const { positions, rows } = changes.store.sensors
  changes.drop(rows, row.position)
  changes.drop(positions, placeOf(row))
}

export const source = (changes: MemoryChanges, { at, by, change, name }: SourceOp): Answers["source"] => {
  const { sources } = changes.store
  const before = sources.get(name) ?? null
  if (change === null) {
    changes.drop(sources, name)
    return { before, after: null }
  }
  if (before === null && !("declaration" in change)) return { before, after: null }
  const after: SourceRow = {
    ...(before ?? { name, declaration: "", paused: false, note: null }),
    ...change,
    by,
    at
  }
  changes.put(sources, name, after)
  return { before, after }
}

export const list = (
  store: MemoryStore,
  { before, limit, sensor, tenant }: SensorFilter
): ReadonlyArray<SensorRow> =>
  oldestFirst(store).reverse().filter((row) =>
    (sensor ?? row.sensor) === row.sensor && Tenant.reaches(tenant, row.sensor) &&
    (before === undefined || row.position < before)
  ).slice(0, Math.max(0, limit))

export const find = ({ sensors }: MemoryStore, tenant: string | undefined, dedupe: string): SensorRow | null => {
  const position = sensors.positions.get(place(tenant, dedupe, false))
  return position === undefined ? null : sensors.rows.get(position)!
}

export const oldest = (store: MemoryStore): number | null => oldestFirst(store)[0]?.at ?? null

export const sourcesOf = (
  { sources }: MemoryStore,
  tenant: string | undefined
): ReadonlyArray<SourceRow> =>
  [...sources.values()].filter(({ name }) => Tenant.reaches(tenant, name))
    .sort((a, b) => a.name < b.name ? -1 : 1)

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const place = (tenant: string | undefined, dedupe: string, isRefused: boolean): string =>
  pair(pair(tenant ?? "", String(isRefused)), dedupe)

const placeOf = ({ dedupe, refused, sensor }: Pick<SensorRow, "dedupe" | "refused" | "sensor">): string =>
  place(Tenant.of(sensor), dedupe, refused !== null)

const oldestFirst = ({ sensors: { rows } }: MemoryStore): Array<SensorRow> =>
  [...rows.values()].sort((a, b) => a.position < b.position ? -1 : 1)
