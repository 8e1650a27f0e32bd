/**
 * The storage seam in memory: for tests, the simulator and programs that need
 * no durability.
 *
 * A `MemoryStore` is the disk and a `Backend` one connection to it, so a store
 * outlives the host that wrote it: drop the host at any moment, connect again,
 * and what was committed is there.
 */
import { isFinal, type RunStatus } from "@fermata/core/RunStatus"
import * as Tenant from "@fermata/core/Tenant"
import * as Effect from "effect/Effect"
import {
  type Backend,
  type DefinitionRow,
  type InboxRow,
  type Op,
  outboxKinds,
  type RunFilter,
  type RunRow,
  type SpendingFilter,
  type SpendingRow,
  StorageFailed
} from "./Backend.ts"
import * as ChangeLog from "./ChangeLog.ts"
import * as DueList from "./internal/DueList.ts"
import * as MemoryAudit from "./internal/MemoryAudit.ts"
import * as MemoryEndpoints from "./internal/MemoryEndpoints.ts"
import * as MemoryEvents from "./internal/MemoryEvents.ts"
import * as MemoryRetention from "./internal/MemoryRetention.ts"
import * as MemorySchedules from "./internal/MemorySchedules.ts"
import * as MemorySources from "./internal/MemorySources.ts"
import { type MemoryStore, type Ordered, pair, type StoredRun } from "./internal/MemoryStore.ts"
import * as MemoryTasks from "./internal/MemoryTasks.ts"
import * as MemoryTenants from "./internal/MemoryTenants.ts"
import { Transaction } from "./internal/MemoryTransaction.ts"

export { makeStore, type MemoryStore } from "./internal/MemoryStore.ts"

/** A connection to the store. Several may be open at once; each sees what the others have written. */
export const make = (store: MemoryStore): Backend => {
  let own = 0

  const write = <const Ops extends ReadonlyArray<Op>>(ops: Ops) =>
    Effect.suspend(() => {
      const transaction = new Transaction(store)
      try {
        const answers = ops.map((op) => transaction.apply(op))
        if (transaction.changed) {
          store.transactions++
          own++
        }
        return Effect.succeed(answers as never)
      } catch (cause) {
        transaction.undo()
        return Effect.fail(
          new StorageFailed({ operation: "write", problem: "an operation failed, so none was applied", cause })
        )
      }
    })

  const definitions = () => [...store.definitions.values()].sort(byNameAndVersion)

  return {
    supports: { shared: false, together: true },
    write,
    run: (id) => Effect.sync(() => store.runs.get(id)?.row ?? null),
    runs: (filter) => Effect.sync(() => list(store, filter)),
    runCount: (filter) => Effect.sync(() => list(store, { ...filter, limit: Infinity }).length),
    runIds: (prefix, limit) =>
      Effect.sync(() => take([...store.runs.keys()].filter((id) => id.startsWith(prefix)).sort(), limit)),
    entries: (run, from, limit) => Effect.sync(() => take(store.runs.get(run)?.entries.slice(from) ?? [], limit)),
    changes: (after, limit) => Effect.sync(() => changesOf(store, after, limit)),
    position: Effect.sync(() => positionOf(store, store.changes.length)),
    restores: Effect.sync(() => [...store.restores]),
    blob: (hash) => Effect.sync(() => store.blobs.get(hash) ?? null),
    inboxOf: (owner, limit) =>
      Effect.sync(() => {
        const rows: Array<Ordered<InboxRow>> = []
        for (const run of store.index.withMessages.get(owner) ?? []) {
          for (const id of store.runs.get(run)!.inbox) rows.push(store.inbox.get(pair(run, id))!)
        }
        return take(inOrder(rows), limit)
      }),
    inbox: (run) =>
      Effect.sync(() => (store.runs.get(run)?.inbox ?? []).map((id) => store.inbox.get(pair(run, id))!.row)),
    outbox: (limit, events) =>
      Effect.sync(() =>
        take(
          store.outbox.values()
            .filter(({ row: { kind } }) => outboxKinds.includes(kind) && (events || kind !== "event"))
            .take(Math.max(0, limit)).map(({ row }) => row).toArray(),
          limit
        )
      ),
    approval: (run, key) => Effect.sync(() => store.approvals.get(pair(run, key))?.row ?? null),
    approvals: (run, limit, tenant) =>
      Effect.sync(() => {
        const rows = run === null
          ? [...store.approvals.values()]
          : (store.runs.get(run)?.approvals ?? []).map((key) => store.approvals.get(pair(run, key))!)
        const own = rows.filter(({ row }) => Tenant.reaches(tenant, row.run))
        return take(own.sort((a, b) => a.row.requestedAt - b.row.requestedAt || a.order - b.order), limit)
          .map((approval) => approval.row)
      }),
    standing: ({ agent, workspace }) =>
      Effect.sync(() =>
        inOrder([...store.standing.values()]).filter((row) =>
          (agent ?? row.agent) === row.agent && (workspace ?? row.workspace) === row.workspace
        )
      ),
    accessToken: (id) => Effect.sync(() => store.accessTokens.get(id)?.row ?? null),
    accessTokens: (limit, after, tenant) =>
      Effect.sync(() => {
        const behind = after === undefined ? -1 : store.accessTokens.get(after)?.order ?? Infinity
        const tokens = [...store.accessTokens.values()].filter(({ order, row }) =>
          order > behind && row.parent === null && (tenant === undefined || row.tenant === tenant)
        )
        return take(inOrder(tokens), limit)
      }),
    endpoint: (name) => Effect.sync(() => store.endpoints.get(name) ?? null),
    endpoints: (filter) => Effect.sync(() => MemoryEndpoints.list(store, filter)),
    anyRunEndpoint: Effect.sync(() => MemoryEndpoints.anyOfRun(store)),
    audit: (filter) => Effect.sync(() => MemoryAudit.list(store, filter)),
    auditChain: (after, limit) => Effect.sync(() => take(store.audit.filter(({ n }) => n > after), limit)),
    request: (caller, key) => Effect.sync(() => store.requests.get(pair(caller, key))?.row ?? null),
    events: (filter) => Effect.sync(() => MemoryEvents.list(store.events, filter)),
    oldestEvent: Effect.sync(() => MemoryEvents.oldest(store.events)),
    eventWaits: (event) => Effect.sync(() => MemoryEvents.waitsFor(store.events, event)),
    awaited: (wait, after, limit) =>
      Effect.sync(() => {
        const standing = store.runs.get(wait.run)?.awaits.waits.find(({ key }) => key === wait.key)?.position
        return MemoryEvents.awaited(store.events, wait, after, standing, limit)
      }),
    sensors: (filter) => Effect.sync(() => MemorySources.list(store, filter)),
    sensor: (tenant, dedupe) => Effect.sync(() => MemorySources.find(store, tenant, dedupe)),
    oldestSensor: Effect.sync(() => MemorySources.oldest(store)),
    source: (name) => Effect.sync(() => store.sources.get(name) ?? null),
    sources: (tenant) => Effect.sync(() => MemorySources.sourcesOf(store, tenant)),
    task: (id) => Effect.sync(() => store.tasks.rows.get(id)?.row ?? null),
    tasks: (filter) => Effect.sync(() => MemoryTasks.list(store, filter)),
    taskAttempts: (task) => Effect.sync(() => MemoryTasks.attempts(store, task)),
    taskStanding: (id, most) => Effect.sync(() => MemoryTasks.standing(store, id, most)),
    oldestEndedTask: Effect.sync(() => MemoryTasks.oldestEnded(store)),
    stopping: (owner) => Effect.sync(() => MemoryTasks.stopping(store, owner)),
    queue: (name) => Effect.sync(() => store.tasks.queues.get(name) ?? null),
    queues: (tenant) => Effect.sync(() => MemoryTasks.queues(store, tenant)),
    definitions: Effect.sync(definitions),
    definition: (name, version) => Effect.sync(() => store.definitions.get(pair(name, version)) ?? null),
    definitionByHash: (hash) => Effect.sync(() => definitions().find((row) => row.hash === hash) ?? null),
    owners: Effect.sync(() => [...store.owners.values()].sort((a, b) => (a.id < b.id ? -1 : 1))),
    nextDue: (after, roots) =>
      Effect.sync(() => {
        let next: number | null = null
        const lists = roots === null ? [store.index.due] : roots.map((root) => store.index.dueByRoot.get(root))
        for (const due of lists) {
          const at = due && DueList.between(due, after, Infinity).next().value?.at
          if (at !== undefined && (next === null || at < next)) next = at
        }
        return next
      }),
    due: (after, until, limit) =>
      Effect.sync(() =>
        DueList.between(store.index.due, after, until).take(Math.max(0, limit)).map(({ run }) =>
          store.runs.get(run)!.row
        ).toArray()
      ),
    stranded: (limit, before) =>
      Effect.sync(() => {
        const end = before === undefined ? Infinity : store.runs.get(before)?.order ?? -1
        return take(
          [...store.runs.values()].filter((run) => run.order < end && isStranded(run)).reverse().map(({ row }) => row),
          limit
        )
      }),
    findings: (limit) => Effect.sync(() => take(inOrder([...store.findings.values()]).toReversed(), limit)),
    quota: (tenant) => Effect.sync(() => store.quotas.get(tenant) ?? null),
    tenants: (name) => Effect.sync(() => MemoryTenants.tenants(store, name)),
    censusOf: (tenant) => Effect.sync(() => MemoryTenants.census(store, tenant)),
    retention: Effect.sync(() => MemoryRetention.rules(store)),
    endedGroups: (after, limit) => Effect.sync(() => MemoryRetention.groups(store, after, limit)),
    ended: (filter, limit, skip) => Effect.sync(() => MemoryRetention.ended(store, filter, limit, skip)),
    uncleared: Effect.succeed(false),
    census: Effect.sync(() => {
      let owned = 0
      for (const runs of store.index.owned.values()) owned += runs.size
      return { ...MemoryTenants.census(store), owned, inbox: store.inbox.size, outbox: store.outbox.size }
    }),
    spending: (filter) => Effect.sync(() => spendingOf(store, filter)),
    schedule: (name) => Effect.sync(() => store.schedules.get(name) ?? null),
    schedules: (filter) => Effect.sync(() => MemorySchedules.list(store, filter)),
    dueSchedules: (limit, after) => Effect.sync(() => MemorySchedules.due(store, limit, after)),
    firings: (name, limit, before) => Effect.sync(() => MemorySchedules.firings(store, name, limit, before)),
    dayRaises: (filter) => Effect.sync(() => [...store.dayRaises.values()].filter(isIn(filter))),
    version: Effect.sync(() => store.transactions - own)
  }
}

// ---------------------------------------------------------------------------
// internal
// ---------------------------------------------------------------------------

const list = (store: MemoryStore, filter: RunFilter): ReadonlyArray<RunRow> => {
  const before = filter.before === undefined ? Infinity : store.runs.get(filter.before)?.order ?? -1
  const found: Array<RunRow> = []
  for (const { order, row } of [...store.runs.values()].reverse()) {
    if (found.length >= filter.limit) break
    if (order >= before) continue
    if (filter.status !== undefined && !filter.status.includes(row.status)) continue
    if (filter.reason !== undefined && (row.reason === null || !filter.reason.includes(row.reason))) continue
    if (filter.workflow !== undefined && filter.workflow !== row.workflow) continue
    if (filter.owner !== undefined && filter.owner !== row.owner) continue
    if (filter.without?.includes(row.workflow) === true) continue
    if (filter.parent !== undefined && filter.parent !== row.parent) continue
    if (filter.root !== undefined && filter.root !== row.root) continue
    if (filter.top === true && row.root !== row.id) continue
    if (filter.endedUntil !== undefined && (!isFinal(row.status as RunStatus) || row.updatedAt > filter.endedUntil)) {
      continue
    }
    if (filter.restored === true && (row.restored === undefined || isFinal(row.status as RunStatus))) continue
    if (row.createdAt < (filter.since ?? -Infinity) || row.createdAt > (filter.until ?? Infinity)) continue
    if (filter.prefix !== undefined && !row.id.startsWith(filter.prefix)) continue
    if (!Tenant.reaches(filter.tenant, row.id)) continue
    if (Object.entries(filter.labels ?? {}).some(([name, value]) => row.labels?.[name] !== value)) continue
    found.push(row)
  }
  return found
}

const positionOf = ({ id }: MemoryStore, arrival: number): string => ChangeLog.positionOf(id, { arrival, mark: 0 })

const changesOf = (store: MemoryStore, after: string | null, limit: number): ChangeLog.Changes => {
  const { changes, id } = store
  const place = after === null ? ChangeLog.origin : ChangeLog.placeOf(id, after)
  if (place === undefined || place.arrival > changes.length) {
    return { rows: [], next: positionOf(store, changes.length), reset: true }
  }
  const rows: Array<ChangeLog.Change> = []
  for (let at = place.arrival; at < changes.length && rows.length < limit; at++) {
    const change = changes[at]!
    if (change === null || ("event" in change && !store.events.rows.has(change.event.position))) continue
    rows.push(Object.assign({ position: positionOf(store, at + 1) }, change))
  }
  return { rows, next: rows.at(-1)?.position ?? positionOf(store, place.arrival) }
}

const isStranded = ({ inbox, row: { dueAt, owner, reason, status, waits } }: StoredRun): boolean =>
  owner === null && dueAt !== 0 && (
    (inbox.length > 0 && !isFinal(status as RunStatus)) ||
    ((status === "queued" || status === "running") && dueAt === null) ||
    (status === "suspended" &&
      (reason === null || waits === null || waits === "[]" || (reason === "timer" && dueAt === null)))
  )

const isIn =
  ({ since = -Infinity, until = Infinity, workflow }: SpendingFilter) =>
  (row: { readonly workflow: string; readonly day: number }): boolean =>
    (workflow ?? row.workflow) === row.workflow && row.day >= since && row.day <= until

const spendingOf = ({ spending }: MemoryStore, filter: SpendingFilter): ReadonlyArray<SpendingRow> =>
  [...spending.values()]
    .filter(isIn(filter))
    .sort((a, b) => a.workflow < b.workflow ? -1 : a.workflow > b.workflow ? 1 : a.day - b.day)

const take = <A>(items: ReadonlyArray<A>, limit: number): ReadonlyArray<A> => items.slice(0, Math.max(0, limit))

const inOrder = <Row>(rows: Array<Ordered<Row>>): ReadonlyArray<Row> =>
  rows.sort((a, b) => a.order - b.order).map(({ row }) => row)

const byNameAndVersion = (a: DefinitionRow, b: DefinitionRow): number =>
  a.name < b.name ? -1 : a.name > b.name ? 1 : a.version < b.version ? -1 : a.version > b.version ? 1 : 0
