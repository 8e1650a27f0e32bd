/**
 * What the memory backend stores, and its indexes.
 */
import type { Restore } from "@fermata/core/Restore"
import { isFinal, type RunStatus } from "@fermata/core/RunStatus"
import type {
  AccessTokenRow,
  ApprovalRow,
  AuditRow,
  DayRaiseRow,
  DefinitionRow,
  EndpointRow,
  FindingRow,
  FiringRow,
  InboxRow,
  OutboxRow,
  OwnerRow,
  QuotaRow,
  RequestRow,
  RetentionRow,
  RunRow,
  ScheduleRow,
  SensorRow,
  SourceRow,
  SpendingRow,
  StandingRow
} from "../Backend.ts"
import type { EntriesChange, EventChange, StandChange } from "../ChangeLog.ts"
import * as DueList from "./DueList.ts"
import * as MemoryEvents from "./MemoryEvents.ts"
import * as MemoryTaskStore from "./MemoryTaskStore.ts"

/** What a memory host has stored. Plain data: `structuredClone` takes a snapshot. */
export interface MemoryStore {
  /** Of no other store of this process; another one since the store was put back. */
  id: string
  /** The latest last. */
  readonly restores: Array<Restore>
  readonly runs: Map<string, StoredRun>
  readonly blobs: Map<string, string>
  readonly inbox: Map<string, Ordered<InboxRow>>
  /** Rows for runs that do not exist yet. */
  readonly early: Map<string, Ordered<InboxRow>>
  readonly outbox: Map<string, Ordered<OutboxRow>>
  readonly approvals: Map<string, Ordered<ApprovalRow>>
  /** Rules that stand, by their ids. */
  readonly standing: Map<string, Ordered<StandingRow>>
  /** By their ids. */
  readonly accessTokens: Map<string, Ordered<AccessTokenRow>>
  /** The lines of the audit, in their order. */
  readonly audit: Array<AuditRow>
  /** By caller and key, in order of arrival. */
  readonly requests: Map<string, Ordered<RequestRow>>
  /** By their names. */
  readonly bookmarks: Map<string, { readonly position: string | null; readonly holder: string; readonly until: number }>
  readonly owners: Map<string, OwnerRow>
  readonly definitions: Map<string, DefinitionRow>
  readonly findings: Map<string, Ordered<FindingRow>>
  /** By workflow and day. */
  readonly spending: Map<string, SpendingRow>
  /** By their ids. */
  readonly dayRaises: Map<string, DayRaiseRow>
  /** By tenant. */
  readonly quotas: Map<string, QuotaRow>
  /** By name. */
  readonly endpoints: Map<string, EndpointRow>
  /** By their names. */
  readonly schedules: Map<string, ScheduleRow>
  /** By the names of schedules, the oldest first. */
  readonly firings: Map<string, ReadonlyArray<FiringRow>>
  /** By tenant, workflow and status. */
  readonly retention: Map<string, RetentionRow>
  readonly events: MemoryEvents.MemoryEvents
  /** What came in from outside: by position, and positions by tenant, key, and whether it was refused. */
  readonly sensors: {
    readonly rows: Map<string, SensorRow>
    readonly positions: Map<string, string>
    /** Number of the last position. */
    last: number
  }
  /** By name. */
  readonly sources: Map<string, SourceRow>
  readonly tasks: MemoryTaskStore.MemoryTasks
  readonly index: {
    readonly due: DueList.DueList
    /** By what a run is served as; see `servedAs`. */
    readonly dueByServed: Map<string, DueList.DueList>
    readonly dueByRoot: Map<string, DueList.DueList>
    readonly owned: Map<string, Set<string>>
    /** Owned runs that have something in their inbox. */
    readonly withMessages: Map<string, Set<string>>
    /** By listener: the runs that it listens to. */
    readonly listening: Map<string, Set<string>>
  }
  /** What was committed about runs, in order; null for what was about one that is deleted. */
  readonly changes: Array<StoredChange | null>
  /** Counts everything that has an order of arrival. */
  arrivals: number
  /** Transactions that changed something, by all connections. */
  transactions: number
}

/** A change. Its position is how many there are up to it. That of an event which is not kept any more tells nothing. */
export type StoredChange =
  | Omit<EntriesChange, "position">
  | Omit<StandChange, "position">
  | Omit<EventChange, "position">

/** A run with what a database would keep in other tables. */
export interface StoredRun {
  readonly row: RunRow
  readonly order: number
  readonly entries: Array<string>
  /** Ids of its inbox rows, in order of arrival. */
  readonly inbox: ReadonlyArray<string>
  /** Keys of its open approvals. */
  readonly approvals: ReadonlyArray<string>
  readonly awaits: MemoryEvents.OfRun
  readonly listeners: ReadonlyArray<string>
  /** See `LeaveOp`; empty once the keeper has left. */
  readonly keeper: string | null
  /** What listeners are told; null until the run has ended. */
  readonly ended: string | null
}

export interface Ordered<Row> {
  readonly order: number
  readonly row: Row
}

/** An empty store. */
export const makeStore = (): MemoryStore => ({
  id: `memory${++made}`,
  restores: [],
  runs: new Map(),
  blobs: new Map(),
  inbox: new Map(),
  early: new Map(),
  outbox: new Map(),
  approvals: new Map(),
  standing: new Map(),
  accessTokens: new Map(),
  audit: [],
  requests: new Map(),
  bookmarks: new Map(),
  owners: new Map(),
  definitions: new Map(),
  findings: new Map(),
  spending: new Map(),
  dayRaises: new Map(),
  quotas: new Map(),
  endpoints: new Map(),
  schedules: new Map(),
  firings: new Map(),
  retention: new Map(),
  events: MemoryEvents.make(),
  sensors: { rows: new Map(), positions: new Map(), last: 0 },
  sources: new Map(),
  tasks: MemoryTaskStore.make(),
  index: {
    due: DueList.make(),
    dueByServed: new Map(),
    dueByRoot: new Map(),
    owned: new Map(),
    withMessages: new Map(),
    listening: new Map()
  },
  changes: [],
  arrivals: 0,
  transactions: 0
})

/** Moves a run between the indexes; works both ways, so it also undoes. */
export const reindex = ({ index }: MemoryStore, before: StoredRun | undefined, after: StoredRun | undefined): void => {
  const was = before?.row
  const is = after?.row
  if (was?.dueAt !== is?.dueAt) {
    if (was !== undefined && was.dueAt !== null) {
      const due = { at: was.dueAt, order: before!.order, run: was.id }
      DueList.remove(index.due, due)
      removeDue(index.dueByServed, servedAs(was), due)
      removeDue(index.dueByRoot, was.root, due)
    }
    if (is !== undefined && is.dueAt !== null) {
      const due = { at: is.dueAt, order: after!.order, run: is.id }
      DueList.add(index.due, due)
      DueList.add(at(index.dueByServed, servedAs(is), DueList.make), due)
      DueList.add(at(index.dueByRoot, is.root, DueList.make), due)
    }
  }
  moveMember(index.owned, was?.owner, is?.owner, (was ?? is)!.id)
  moveMember(
    index.withMessages,
    before?.inbox.length ? was?.owner : null,
    after?.inbox.length ? is?.owner : null,
    (was ?? is)!.id
  )
  if (before?.listeners === after?.listeners) return
  for (const listener of before?.listeners ?? []) moveMember(index.listening, listener, null, was!.id)
  for (const listener of after?.listeners ?? []) moveMember(index.listening, null, listener, is!.id)
}

/** A program is served under its `name@version`, a document by whoever serves documents of its kind. No kind has an `@`. */
export const servedAs = (row: RunRow): string => row.kind === "program" ? `${row.workflow}@${row.version}` : row.kind

/** Whether a run of this status has ended. */
export const isOver = (status: string): boolean => isFinal(status as RunStatus)

export const pair = (a: string, b: string): string => `${a}\u0000${b}`

/** The value under a key, made if there is none. */
export const at = <Value>(map: Map<string, Value>, key: string, make: () => Value): Value => {
  let value = map.get(key)
  if (value === undefined) map.set(key, value = make())
  return value
}

// ---------------------------------------------------------------------------
// internal
// ---------------------------------------------------------------------------

/** How many stores this process has made. */
let made = 0

const removeDue = (lists: Map<string, DueList.DueList>, key: string, due: DueList.Due): void => {
  const list = lists.get(key)
  if (list === undefined) return
  DueList.remove(list, due)
  if (DueList.isEmpty(list)) lists.delete(key)
}

const moveMember = (
  groups: Map<string, Set<string>>,
  from: string | null | undefined,
  to: string | null | undefined,
  id: string
): void => {
  if (from === to) return
  const group = from == null ? undefined : groups.get(from)
  if (group?.delete(id) && group.size === 0) groups.delete(from!)
  if (to != null) at(groups, to, () => new Set<string>()).add(id)
}
