/** Schedules in a memory store. */
import type { Answers, FireOp, FiringRow, FreeOp, ScheduleFilter, ScheduleOp, ScheduleRow } from "../Backend.ts"
import * as ScheduleOps from "./backend/ScheduleOps.ts"
import type { MemoryChanges } from "./MemoryChanges.ts"
import type { MemoryStore } from "./MemoryStore.ts"

export const schedule = (changes: MemoryChanges, { row, seen }: ScheduleOp): Answers["schedule"] => {
  const { schedules } = changes.store
  if ((schedules.get(row.name)?.version ?? null) !== seen) return { result: "stale" }
  const owner = row.producer === null
    ? undefined
    : schedules.values().find(({ name, producer }) => producer === row.producer && name !== row.name)
  if (owner !== undefined) return { result: "taken", owner: owner.name }
  changes.put(schedules, row.name, row)
  return { result: "stored" }
}

export const unschedule = (changes: MemoryChanges, name: string): Answers["unschedule"] => {
  const { firings, schedules } = changes.store
  const removed = schedules.has(name)
  changes.drop(schedules, name)
  changes.drop(firings, name)
  return { removed }
}

/** `send` puts a message into the outbox. */
export const fire = (
  changes: MemoryChanges,
  { firings, kept, outbox, row, seen }: FireOp,
  send: (row: FireOp["outbox"][number]) => void
): Answers["fire"] => {
  const { store } = changes
  if (store.schedules.get(row.name)?.version !== seen) return { fired: false }
  changes.put(store.schedules, row.name, row)
  if (firings.length > 0) {
    const known = new Map((store.firings.get(row.name) ?? []).map((firing) => [firing.id, firing]))
    for (const firing of firings) known.set(firing.id, firing)
    changes.put(store.firings, row.name, [...known.values()].slice(-kept))
  }
  for (const message of outbox) send(message)
  return { fired: true }
}

export const free = (changes: MemoryChanges, { run, schedule }: FreeOp): Answers["free"] => {
  const { schedules } = changes.store
  const row = schedules.get(schedule)
  if (row === undefined) return { freed: false, due: false }
  const after = ScheduleOps.freed(row, run)
  if (after === row) return { freed: false, due: false }
  changes.put(schedules, schedule, after)
  return { freed: true, due: after.dueAt === 0 }
}

// ---------------------------------------------------------------------------
// reads
// ---------------------------------------------------------------------------

export const list = ({ schedules }: MemoryStore, filter: ScheduleFilter): ReadonlyArray<ScheduleRow> =>
  [...schedules.values()]
    .filter(({ name }) => ScheduleOps.fits(filter, name))
    .sort((a, b) => a.name < b.name ? -1 : 1)
    .slice(0, Math.max(0, filter.limit))

export const due = (
  { schedules }: MemoryStore,
  limit: number,
  after: Pick<ScheduleRow, "dueAt" | "name"> | null
): ReadonlyArray<ScheduleRow> =>
  [...schedules.values()]
    .filter((row) => row.dueAt !== null && (after === null || isBehind(row, after)))
    .sort((a, b) => isBehind(a, b) ? 1 : -1)
    .slice(0, Math.max(0, limit))

/** The newest first. */
export const firings = (
  store: MemoryStore,
  name: string,
  limit: number,
  before: string | undefined
): ReadonlyArray<FiringRow> => {
  const all = store.firings.get(name) ?? []
  const end = before === undefined ? all.length : Math.max(0, all.findIndex(({ id }) => id === before))
  return all.slice(0, end).toReversed().slice(0, Math.max(0, limit))
}

// ---------------------------------------------------------------------------
// internal
// ---------------------------------------------------------------------------

const isBehind = (a: Pick<ScheduleRow, "dueAt" | "name">, b: Pick<ScheduleRow, "dueAt" | "name">): boolean =>
  a.dueAt === b.dueAt ? a.name > b.name : a.dueAt! > b.dueAt!
