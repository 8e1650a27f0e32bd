/** Tasks of a memory store. */
import * as Tenant from "@fermata/core/Tenant"
import type { LaneRow, QueueRow, TaskAttemptRow, TaskRow, TaskRowFilter, TaskStanding } from "./backend/TaskOps.ts"
import type { MemoryChanges } from "./MemoryChanges.ts"
import { at, type MemoryStore, pair } from "./MemoryStore.ts"
import type { MemoryTasks, StoredTask } from "./MemoryTaskStore.ts"
import { emptyQueue, everyQueue, type TaskTables } from "./tasks/Tables.ts"

/** The tables, for what is written. */
export const tables = (changes: MemoryChanges, send: TaskTables["send"]): TaskTables => {
  const { store } = changes
  const { tasks } = store
  const set = (row: TaskRow, isReady: boolean): void => {
    const before = tasks.rows.get(row.id)
    const after = { order: before?.order ?? store.arrivals++, row, isReady }
    reindex(tasks, before, after)
    changes.record(() => reindex(tasks, after, before))
    changes.put(tasks.rows, row.id, after)
  }
  const drop = (id: string): void => {
    changes.drop(tasks.rows, id)
    changes.drop(tasks.attempts, id)
  }
  const some = function*(status: string): Iterable<StoredTask> {
    for (const stored of tasks.rows.values()) if (stored.row.status === status) yield stored
  }
  return {
    task: (id) => tasks.rows.get(id)?.row ?? null,
    duplicate: (queue, dedupe, status) => {
      for (const { row } of some(status)) if (row.queue === queue && row.dedupe === dedupe) return row
      return null
    },
    awaited: (run) =>
      [...some("queued"), ...some("running")].filter(({ row }) => row.waiterRun === run).map(({ row }) => row),
    add: set,
    put: set,
    replace: set,
    isReady: (id) => tasks.rows.get(id)?.isReady ?? false,
    due: (now, limit) =>
      earliest(
        [...some("queued")].filter(({ isReady, row }) => !isReady && row.notBefore <= now),
        ({ notBefore }) => notBefore,
        limit
      ),
    expired: (now, limit) =>
      earliest(
        [...some("running")].filter(({ row: { leaseUntil } }) => leaseUntil !== null && leaseUntil <= now),
        ({ leaseUntil }) => leaseUntil!,
        limit
      ),
    best: (queue, lane, adapter) => {
      let best: StoredTask | null = null
      for (const id of tasks.ready.get(placeOf({ queue, lane, adapter })) ?? []) {
        const task = tasks.rows.get(id)!
        if (best === null || isBefore(task, best)) best = task
      }
      return best
    },
    next: () => {
      let next = Infinity
      const look = (time: number | null): void => {
        if (time !== null) next = Math.min(next, time)
      }
      for (const { isReady, row } of some("queued")) if (!isReady) look(row.notBefore)
      for (const { row } of some("running")) look(row.leaseUntil)
      for (const { opensAt } of tasks.queues.values()) look(opensAt)
      for (const lane of tasks.lanes.values()) look(lane[0]?.opensAt ?? null)
      return next === Infinity ? null : next
    },
    begin: (row) => changes.put(tasks.attempts, row.task, [...tasks.attempts.get(row.task) ?? [], row]),
    finish: (task, attempt, end) =>
      changes.put(
        tasks.attempts,
        task,
        (tasks.attempts.get(task) ?? []).map((row): TaskAttemptRow =>
          row.attempt === attempt ? Object.assign({}, row, end) : row
        )
      ),
    queue: (name) => tasks.queues.get(name) ?? null,
    putQueue: (row) => changes.put(tasks.queues, row.name, row),
    openQueues: (local) =>
      [...tasks.queues.values()]
        .filter((row) => Tenant.local(row.name) === local && isOpen(row))
        .sort((a, b) => a.running - b.running || a.served - b.served),
    opening: (now, limit) => take([...tasks.queues.values()].filter(({ opensAt }) => isPast(opensAt, now)), limit),
    lane: (queue, lane) => tasks.lanes.get(pair(queue, lane)) ?? [],
    putLane: (row) => {
      const key = pair(row.queue, row.lane)
      const others = (tasks.lanes.get(key) ?? []).filter(({ adapter }) => adapter !== row.adapter)
      changes.put(tasks.lanes, key, [...others, row].sort((a, b) => a.adapter < b.adapter ? -1 : 1))
    },
    dropLane: (queue, lane) => changes.drop(tasks.lanes, pair(queue, lane)),
    openLane: (queue, adapters) => {
      let best: LaneRow | null = null
      for (const rows of tasks.lanes.values()) {
        for (const row of rows) {
          if (row.queue !== queue || row.ready === 0 || row.opensAt !== null) continue
          if (adapters !== null && !adapters.includes(row.adapter)) continue
          const isFairer = best === null || row.running < best.running ||
            (row.running === best.running && row.served < best.served)
          if (isFairer) best = row
        }
      }
      return best
    },
    heldUntil: (queue, lane) => tasks.holds.get(pair(queue, lane)) ?? null,
    hold: (queue, lane, until) =>
      until === null
        ? changes.drop(tasks.holds, pair(queue, lane))
        : changes.put(tasks.holds, pair(queue, lane), until),
    openingLanes: (now, limit) =>
      take([...tasks.lanes.values()].flat().filter(({ opensAt }) => isPast(opensAt, now)), limit),
    refill: (queue) => {
      for (const [key, rows] of Array.from(tasks.lanes)) {
        if (rows[0]?.queue !== queue) continue
        changes.put(
          tasks.lanes,
          key,
          rows.map((row): LaneRow => Object.assign({}, row, { tokens: null, opensAt: null }))
        )
      }
    },
    server: (queue, owner) => tasks.servers.get(pair(queue, owner)) ?? null,
    putServer: (row) => changes.put(tasks.servers, pair(row.queue, row.owner), row),
    dropServers: (before) => {
      for (const [key, { seenAt }] of Array.from(tasks.servers)) {
        if (seenAt < before) changes.drop(tasks.servers, key)
      }
    },
    sweep: (before, limit) => {
      const ended = earliest(
        [...tasks.rows.values()].filter(({ row: { endedAt } }) => endedAt !== null && endedAt < before),
        ({ endedAt }) => endedAt!,
        limit
      )
      for (const { id } of ended) drop(id)
      return ended.length
    },
    send,
    isInOutbox: (id) => store.outbox.has(id)
  }
}

/** What is read. */
export const list = (store: MemoryStore, filter: TaskRowFilter): ReadonlyArray<TaskRow> => {
  const { tasks } = store
  const end = filter.before === undefined ? Infinity : tasks.rows.get(filter.before)?.order ?? -1
  const found = [...tasks.rows.values()].filter(({ order, row }) =>
    order < end &&
    Tenant.reaches(filter.tenant, row.queue) &&
    (filter.queue ?? row.queue) === row.queue &&
    (filter.status ?? row.status) === row.status &&
    (filter.kind ?? row.kind) === row.kind &&
    (filter.lane ?? row.lane) === row.lane &&
    (filter.source === undefined || row.source === filter.source ||
      row.source?.startsWith(`${filter.source}:`) === true) &&
    (filter.without === undefined || !Tenant.local(row.queue).startsWith(filter.without))
  )
  return take(found.sort((a, b) => b.order - a.order), filter.limit).map(({ row }) => row)
}

export const attempts = ({ tasks }: MemoryStore, task: string): ReadonlyArray<TaskAttemptRow> =>
  tasks.attempts.get(task) ?? []

export const oldestEnded = ({ tasks }: MemoryStore): number | null => {
  const [oldest] = earliest(
    [...tasks.rows.values()].filter(({ row }) => row.endedAt !== null),
    (row) => row.endedAt!,
    1
  )
  return oldest?.endedAt ?? null
}

export const stopping = ({ tasks }: MemoryStore, owner: string): ReadonlyArray<TaskRow> =>
  [...tasks.rows.values()].map(({ row }) => row).filter((row) => row.stop !== null && row.owner === owner)

export const queues = ({ tasks }: MemoryStore, tenant: string | undefined): ReadonlyArray<QueueRow> =>
  [...tasks.queues.values()]
    .filter(({ name }) => name !== everyQueue && Tenant.reaches(tenant, name))
    .sort((a, b) => a.name < b.name ? -1 : 1)

export const standing = ({ tasks }: MemoryStore, id: string, most: number): TaskStanding | null => {
  const stored = tasks.rows.get(id)
  if (stored === undefined) return null
  const { row } = stored
  const queue = tasks.queues.get(row.queue) ?? emptyQueue(row.queue)
  const local = Tenant.local(row.queue)
  const before = [...tasks.rows.values()].filter((other) =>
    other.row.queue === row.queue && other.row.lane === row.lane && other.isReady && isBefore(other, stored)
  )
  return {
    task: row,
    queue,
    base: local === row.queue ? queue : tasks.queues.get(local) ?? emptyQueue(local),
    every: tasks.queues.get(everyQueue) ?? null,
    lane: (tasks.lanes.get(pair(row.queue, row.lane)) ?? []).find(({ adapter }) => adapter === row.adapter) ?? null,
    before: Math.min(most, before.length),
    servers: [...tasks.servers.values()]
      .filter((server) => server.queue === row.queue || (server.isShared && server.queue === local))
      .sort((a, b) => a.owner < b.owner ? -1 : 1)
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const placeOf = ({ adapter, lane, queue }: Pick<TaskRow, "adapter" | "lane" | "queue">): string =>
  pair(queue, pair(lane, adapter))

const reindex = ({ ready }: MemoryTasks, before: StoredTask | undefined, after: StoredTask | undefined): void => {
  if (before?.isReady === true) {
    const place = placeOf(before.row)
    const ids = ready.get(place)
    ids?.delete(before.row.id)
    if (ids?.size === 0) ready.delete(place)
  }
  if (after?.isReady === true) at(ready, placeOf(after.row), () => new Set<string>()).add(after.row.id)
}

/** Whether a task goes before another of its lane. */
const isBefore = (a: StoredTask, b: StoredTask): boolean =>
  a.row.priority > b.row.priority || (a.row.priority === b.row.priority && a.order < b.order)

const isOpen = ({ concurrency, opensAt, paused, ready, running }: QueueRow): boolean =>
  ready > 0 && !paused && opensAt === null && running < (concurrency ?? Infinity)

const isPast = (time: number | null, now: number): boolean => time !== null && time <= now

const earliest = (
  tasks: Array<StoredTask>,
  time: (row: TaskRow) => number,
  limit: number
): ReadonlyArray<TaskRow> =>
  take(tasks.sort((a, b) => time(a.row) - time(b.row) || a.order - b.order), limit).map(({ row }) => row)

const take = <A>(items: ReadonlyArray<A>, limit: number): ReadonlyArray<A> => items.slice(0, Math.max(0, limit))
