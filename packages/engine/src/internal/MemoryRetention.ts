/** What is deleted from a memory store for good, and for how long runs are kept. */
import * as BlobNames from "@fermata/core/BlobNames"
import * as Tenant from "@fermata/core/Tenant"
import type {
  Answers,
  EndedFilter,
  EndedGroup,
  ForgetOp,
  RemoveOp,
  RetainOp,
  RetentionRow,
  RetentionScope,
  StartOp
} from "../Backend.ts"
import { nameOfRun as endpointOfRun } from "./backend/EndpointOps.ts"
import type { MemoryChanges } from "./MemoryChanges.ts"
import type { EventChanges } from "./MemoryEvents.ts"
import * as MemorySources from "./MemorySources.ts"
import { isOver, type MemoryStore, pair, type StoredRun } from "./MemoryStore.ts"

/** Deletes the tree of a run, all of it at once. */
export const remove = (
  changes: MemoryChanges,
  events: EventChanges,
  { run: id, until = Infinity }: RemoveOp
): Answers["remove"] => {
  const { store } = changes
  const top = store.runs.get(id)
  if (top === undefined) return { result: "unknown" }
  const { root } = top.row
  if (root !== id && store.runs.has(root)) return { result: "part", run: root }
  const tree = [top, ...[...store.runs.values()].filter(({ row }) => row.root === id && row.id !== id)]
  if (top.row.updatedAt > until) return { result: "open", run: id }
  const open = tree.filter(({ row }) => !isOver(row.status)).map(({ row }) => row.id)
    .sort((a, b) => a === id ? -1 : b === id ? 1 : a < b ? -1 : 1)[0] ??
    tree.flatMap(({ row }) => onTheWay(store, row.id)).sort()[0]
  if (open !== undefined) return { result: "open", run: open }
  for (const run of tree) drop(changes, events, run)
  return { result: "removed", runs: tree.length, left: false }
}

/** Whether the run whose journal another is to carry on with is not there. */
export const isGone = (store: MemoryStore, { from }: StartOp): boolean => from !== undefined && !store.runs.has(from)

export const retain = (changes: MemoryChanges, { row, rule }: RetainOp): Answers["retain"] => {
  const { retention } = changes.store
  const key = keyOf(rule)
  const before = retention.get(key) ?? null
  if (row === null) changes.drop(retention, key)
  else changes.put(retention, key, row)
  return { before }
}

export const rules = ({ retention }: MemoryStore): ReadonlyArray<RetentionRow> =>
  [...retention].sort(([a], [b]) => a < b ? -1 : 1).map(([, row]) => row)

export const groups = (store: MemoryStore, after: EndedGroup | null, limit: number): ReadonlyArray<EndedGroup> => {
  const found = new Map<string, EndedGroup>()
  for (const { row } of store.runs.values()) {
    if (row.root !== row.id || !isOver(row.status)) continue
    const group = { tenant: Tenant.of(row.id) ?? null, workflow: row.workflow, status: row.status }
    found.set(nameOf(group), group)
  }
  const behind = after === null ? "" : nameOf(after)
  return [...found].filter(([name]) => name > behind).sort(([a], [b]) => a < b ? -1 : 1).slice(0, limit)
    .map(([, group]) => group)
}

export const ended = (
  store: MemoryStore,
  { beyond, status, tenant, until, workflow }: EndedFilter,
  limit: number,
  skip: number
): ReadonlyArray<string> => {
  const all = [...store.runs.values()].filter(({ row }) =>
    row.root === row.id && row.workflow === workflow && row.status === status && isOver(status) &&
    (Tenant.of(row.id) ?? null) === tenant
  ).sort((a, b) => a.row.updatedAt - b.row.updatedAt || a.order - b.order)
  const aged = until === null ? 0 : all.filter(({ row }) => row.updatedAt <= until).length
  const surplus = beyond === null ? 0 : Math.max(0, all.length - beyond)
  return all.slice(0, Math.max(aged, surplus)).slice(skip, skip + limit).map(({ row }) => row.id)
}

/** Deletes what a tenant has beside its runs. */
export const forget = (
  changes: MemoryChanges,
  events: EventChanges,
  { limit, tenant }: ForgetOp
): Answers["forget"] => {
  const { store } = changes
  const own = (name: string) => Tenant.of(name) === tenant
  let rows = 0
  const forgetIn = <Row>(map: Map<string, Row>, isOwn: (row: Row) => boolean) => {
    for (const [key, row] of Array.from(map)) {
      if (rows >= limit) return
      if (!isOwn(row)) continue
      changes.drop(map, key)
      rows++
    }
  }
  const forgetKeys = <Row>(map: Map<string, Row>) => {
    for (const key of Array.from(map.keys())) {
      if (rows >= limit) return
      if (!own(key)) continue
      changes.drop(map, key)
      rows++
    }
  }
  for (const row of Array.from(store.events.rows.values())) {
    if (rows >= limit) break
    if (!own(row.name)) continue
    events.forget(row)
    rows++
  }
  if (rows < limit) events.forgetNames(own)
  forgetIn(store.accessTokens, ({ row }) => row.tenant === tenant)
  const { tasks } = store
  forgetKeys(store.endpoints)
  forgetKeys(store.schedules)
  forgetKeys(store.firings)
  forgetKeys(tasks.servers)
  forgetKeys(tasks.attempts)
  forgetKeys(tasks.rows)
  forgetKeys(tasks.holds)
  forgetKeys(tasks.lanes)
  forgetKeys(tasks.queues)
  forgetKeys(tasks.ready)
  forgetKeys(store.sources)
  for (const row of Array.from(store.sensors.rows.values())) {
    if (rows >= limit) break
    if (!own(row.sensor)) continue
    MemorySources.drop(changes, row)
    rows++
  }
  forgetIn(store.early, ({ row }) => own(row.run))
  forgetIn(store.standing, ({ row }) => own(row.runId))
  forgetIn(store.spending, ({ workflow }) => own(workflow))
  forgetIn(store.dayRaises, ({ workflow }) => own(workflow))
  forgetIn(store.quotas, (row) => row.tenant === tenant)
  forgetIn(store.retention, (row) => row.tenant === tenant)
  return { rows, left: rows >= limit }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** Runs that the run has asked for and that are not there yet. */
const onTheWay = ({ outbox }: MemoryStore, run: string): ReadonlyArray<string> => {
  const from = `start:${run}:`
  return [...outbox.values()].flatMap(({ row }) =>
    row.kind === "start" && row.id.startsWith(from) ? [row.id.slice(from.length)] : []
  )
}

const drop = (changes: MemoryChanges, events: EventChanges, run: StoredRun): void => {
  const { store } = changes
  const { id } = run.row
  for (const key of run.inbox) changes.drop(store.inbox, pair(id, key))
  for (const key of run.approvals) changes.drop(store.approvals, pair(id, key))
  for (const [key, { row }] of Array.from(store.findings)) if (row.run === id) changes.drop(store.findings, key)
  events.end(id, run.awaits)
  for (const other of Array.from(store.index.listening.get(id) ?? [])) {
    const listening = store.runs.get(other)!
    changes.set({ ...listening, listeners: listening.listeners.filter((listener) => listener !== id) })
  }
  changes.drop(store.endpoints, endpointOfRun(id))
  changes.remove(store.runs.get(id)!)
  changes.hush(id)
  const named = new Set(run.entries.flatMap(BlobNames.of))
  if (named.size === 0) return
  const others = new Set([...store.runs.values()].flatMap(({ entries }) => entries.flatMap(BlobNames.of)))
  for (const hash of named) if (!others.has(hash)) changes.drop(store.blobs, hash)
}

const keyOf = ({ status, tenant, workflow }: RetentionScope): string =>
  [tenant ?? "", workflow ?? "", status ?? ""].join("\u0000")

const nameOf = ({ status, tenant, workflow }: EndedGroup): string => [workflow, status, tenant ?? ""].join("\u0000")
