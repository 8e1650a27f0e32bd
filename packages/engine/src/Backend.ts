/**
 * The storage seam: what a database must do so that runs live in it.
 *
 * Everything is plain strings and numbers; schemas, spans and errors are added
 * once, in `Store.ts`. All writes go through one method, `write`, which applies
 * a list of operations in ONE transaction and answers each. An operation that is
 * refused (a stale epoch, a closed run) changes nothing and does not stop the
 * others; a failure of the database undoes the whole list.
 *
 * Two things are no data: `Together`, by which a commit takes tables of the user
 * into its transaction, which a backend may be without; and what is made of the
 * row of a request for which a day has no room.
 *
 * Times are ms since the epoch, given by the caller: a backend has no clock.
 */
import type { Census } from "@fermata/core/Owner"
import type { Restore } from "@fermata/core/Restore"
import type { StandingFilter } from "@fermata/core/StandingRule"
import { StorageFailed } from "@fermata/core/StorageFailed"
import type * as Effect from "effect/Effect"
import type { Changes } from "./ChangeLog.ts"
import type { Awaited, EventFilter, EventRow, EventWait, EventWaitRow } from "./EventLog.ts"
import type { EndpointRow, EndpointRowFilter } from "./internal/backend/EndpointOps.ts"
import type { Answer, Op } from "./internal/backend/Operations.ts"
import type { RetentionReads } from "./internal/backend/RetentionOps.ts"
import type {
  AccessTokenRow,
  ApprovalRow,
  AuditRow,
  DayRaiseRow,
  DefinitionRow,
  FindingRow,
  InboxRow,
  OutboxRow,
  OwnerRow,
  QuotaRow,
  RequestRow,
  RunRow,
  SpendingRow,
  StandingRow,
  TenantRow
} from "./internal/backend/Rows.ts"
import type { FiringRow, ScheduleFilter, ScheduleRow } from "./internal/backend/ScheduleOps.ts"
import type { SensorFilter, SensorRow, SourceRow } from "./internal/backend/SourceOps.ts"
import type { QueueRow, TaskAttemptRow, TaskRow, TaskRowFilter, TaskStanding } from "./internal/backend/TaskOps.ts"

export type * from "./internal/backend/EndpointOps.ts"
export { nameOfRun as endpointOfRun } from "./internal/backend/EndpointOps.ts"
export type * from "./internal/backend/Operations.ts"
export { epochsAhead } from "./internal/backend/Operations.ts"
export type * from "./internal/backend/RetentionOps.ts"
export type * from "./internal/backend/Rows.ts"
export { outboxKinds } from "./internal/backend/Rows.ts"
export type * from "./internal/backend/ScheduleOps.ts"
export { endMessage as scheduleEndMessage, freed as freedSchedule } from "./internal/backend/ScheduleOps.ts"
export type * from "./internal/backend/SourceOps.ts"
export type * from "./internal/backend/TaskOps.ts"

export { StorageFailed }

/** Which runs are read. */
export interface RunFilter {
  readonly status?: ReadonlyArray<string> | undefined
  readonly reason?: ReadonlyArray<string> | undefined
  readonly workflow?: string | undefined
  readonly parent?: string | undefined
  readonly root?: string | undefined
  /** All of these. */
  readonly labels?: Readonly<Record<string, string>> | undefined
  /** Created at this time or later, and at this time or earlier. */
  readonly since?: number | undefined
  readonly until?: number | undefined
  /** Only open runs that are in doubt. */
  readonly restored?: boolean | undefined
  /** What its id begins with. */
  readonly prefix?: string | undefined
  /** The process that has them. */
  readonly owner?: string | undefined
  /** Workflows whose runs are left out. */
  readonly without?: ReadonlyArray<string> | undefined
  /** The tenant whose they are (`Tenant.of`). */
  readonly tenant?: string | undefined
  /** Only those at the top of their trees. */
  readonly top?: boolean | undefined
  /** Only those that had ended at this time, ms since the epoch. */
  readonly endedUntil?: number | undefined
  /** Newest (last started) first; at most this many. */
  readonly limit: number
  /** Only runs created before the run with this id, for paging. */
  readonly before?: string | undefined
}

/** What was spent where and when. Days count from the epoch, in UTC, and both are within. */
export interface SpendingFilter {
  readonly workflow?: string | undefined
  readonly since?: number | undefined
  readonly until?: number | undefined
}

/** Which lines of the audit are read: those that have all of these. */
export interface AuditFilter {
  readonly who?: string | undefined
  /** An action, or with `.*` behind it, all that begin so. */
  readonly action?: string | undefined
  /** About this run or its questions. */
  readonly run?: string | undefined
  /** What was done in this tenant. */
  readonly tenant?: string | undefined
  /** At this time (ms since the epoch) or later. */
  readonly since?: number | undefined
  /** Only those before the line of this number. */
  readonly before?: number | undefined
  /** The newest first; at most this many. */
  readonly limit: number
}

/** What a database implements. */
export interface Backend extends RetentionReads {
  readonly supports: {
    /** Other processes may write to the same store. */
    readonly shared: boolean
    /** `false`: it was opened for reading alone, and nobody may write. */
    readonly writes?: boolean
    /** Commits may have a part that is made inside the transaction. A backend without it undoes such a commit. */
    readonly together: boolean
  }
  /** Applies the operations in one transaction, in order. The answers stand at the same places. */
  readonly write: <const Ops extends ReadonlyArray<Op>>(
    ops: Ops
  ) => Effect.Effect<{ readonly [I in keyof Ops]: Answer<Ops[I]> }, StorageFailed>

  readonly run: (id: string) => Effect.Effect<RunRow | null, StorageFailed>
  readonly runs: (filter: RunFilter) => Effect.Effect<ReadonlyArray<RunRow>, StorageFailed>
  /** How many runs there are. */
  readonly runCount: (filter: Omit<RunFilter, "limit">) => Effect.Effect<number, StorageFailed>
  /** Ids that begin with the prefix, at most `limit`. */
  readonly runIds: (prefix: string, limit: number) => Effect.Effect<ReadonlyArray<string>, StorageFailed>
  /** Entries of a run from `from` on, in order, at most `limit`. */
  readonly entries: (run: string, from: number, limit: number) => Effect.Effect<ReadonlyArray<string>, StorageFailed>
  /**
   * What was committed about runs behind a position, or from the beginning, in the order of the commits and at most
   * `limit` rows. Nothing that is committed later ever comes before a position that was given.
   */
  readonly changes: (after: string | null, limit: number) => Effect.Effect<Changes, StorageFailed>
  /** The position of now: behind it is what is committed from now on. */
  readonly position: Effect.Effect<string, StorageFailed>
  /** The restores that this store has been through, the latest last. */
  readonly restores: Effect.Effect<ReadonlyArray<Restore>, StorageFailed>
  readonly blob: (hash: string) => Effect.Effect<string | null, StorageFailed>
  /** Inbox rows of the runs of this owner in arrival order. */
  readonly inboxOf: (owner: string, limit: number) => Effect.Effect<ReadonlyArray<InboxRow>, StorageFailed>
  readonly inbox: (run: string) => Effect.Effect<ReadonlyArray<InboxRow>, StorageFailed>
  /** Messages of the kinds that this build knows (`outboxKinds`), in order of arrival; without those of kind `event` unless `events`. */
  readonly outbox: (limit: number, events: boolean) => Effect.Effect<ReadonlyArray<OutboxRow>, StorageFailed>
  /** Questions that no run has gone on from yet, decided or not, oldest first; of one run, or of the runs of one tenant, when given. */
  readonly approvals: (
    run: string | null,
    limit: number,
    tenant?: string
  ) => Effect.Effect<ReadonlyArray<ApprovalRow>, StorageFailed>
  /** The question of this run under this key. */
  readonly approval: (run: string, key: string) => Effect.Effect<ApprovalRow | null, StorageFailed>
  /** The rules that stand, the oldest first. */
  readonly standing: (filter: StandingFilter) => Effect.Effect<ReadonlyArray<StandingRow>, StorageFailed>
  /** The token with this id, also one that a login has made. */
  readonly accessToken: (id: string) => Effect.Effect<AccessTokenRow | null, StorageFailed>
  /** Tokens that no login has made, in order of arrival, at most `limit`: behind the one with the id `after`, and of one tenant, when that is given. */
  readonly accessTokens: (
    limit: number,
    after?: string,
    tenant?: string
  ) => Effect.Effect<ReadonlyArray<AccessTokenRow>, StorageFailed>
  /** What the tenant may have at a time. */
  readonly quota: (tenant: string) => Effect.Effect<QuotaRow | null, StorageFailed>
  /** Tenants that have runs or quotas, by name; one of this name when it is given. Counts their runs. */
  readonly tenants: (name?: string) => Effect.Effect<ReadonlyArray<TenantRow>, StorageFailed>
  /** The endpoint of webhooks of this name; that of a run is named by `endpointOfRun`. */
  readonly endpoint: (name: string) => Effect.Effect<EndpointRow | null, StorageFailed>
  /** Endpoints that are told of many events, by name. */
  readonly endpoints: (filter: EndpointRowFilter) => Effect.Effect<ReadonlyArray<EndpointRow>, StorageFailed>
  /** Whether the webhook of any run is to be told of something yet. */
  readonly anyRunEndpoint: Effect.Effect<boolean, StorageFailed>
  /** Lines of the audit. */
  readonly audit: (filter: AuditFilter) => Effect.Effect<ReadonlyArray<AuditRow>, StorageFailed>
  /** Lines of the audit behind the one of this number, as they stand in the chain, at most `limit`. */
  readonly auditChain: (after: number, limit: number) => Effect.Effect<ReadonlyArray<AuditRow>, StorageFailed>
  /** What is kept of the request of this caller under this key, however old. */
  readonly request: (caller: string, key: string) => Effect.Effect<RequestRow | null, StorageFailed>
  /** Events that are kept, the newest first. */
  readonly events: (filter: EventFilter) => Effect.Effect<ReadonlyArray<EventRow>, StorageFailed>
  /** When the oldest event that is kept was handed on; null for none. */
  readonly oldestEvent: Effect.Effect<number | null, StorageFailed>
  /** Waits for events of this name, in order of their runs. */
  readonly eventWaits: (event: string) => Effect.Effect<ReadonlyArray<EventWaitRow>, StorageFailed>
  /**
   * What the wait has yet to look at, at most `limit` events: behind `after`, or
   * when that is null behind where the wait of this key stands, or when there is
   * none behind where the run's subscription begins.
   */
  readonly awaited: (wait: EventWait, after: string | null, limit: number) => Effect.Effect<Awaited, StorageFailed>
  /** What came in from outside, the newest first. */
  readonly sensors: (filter: SensorFilter) => Effect.Effect<ReadonlyArray<SensorRow>, StorageFailed>
  /** What this tenant, or whoever is of none, has taken under this key. */
  readonly sensor: (tenant: string | undefined, dedupe: string) => Effect.Effect<SensorRow | null, StorageFailed>
  /** When the oldest of what is kept came in; null for nothing. */
  readonly oldestSensor: Effect.Effect<number | null, StorageFailed>
  /** The source of this name, which has its tenant before it. */
  readonly source: (name: string) => Effect.Effect<SourceRow | null, StorageFailed>
  /** Sources by name; those of one tenant when it is given. */
  readonly sources: (tenant?: string) => Effect.Effect<ReadonlyArray<SourceRow>, StorageFailed>
  /** The task of this id. */
  readonly task: (id: string) => Effect.Effect<TaskRow | null, StorageFailed>
  /** Tasks, the newest first. */
  readonly tasks: (filter: TaskRowFilter) => Effect.Effect<ReadonlyArray<TaskRow>, StorageFailed>
  /** The attempts of a task, in their order. */
  readonly taskAttempts: (task: string) => Effect.Effect<ReadonlyArray<TaskAttemptRow>, StorageFailed>
  /** A task among others; those before it are counted up to `most`. */
  readonly taskStanding: (id: string, most: number) => Effect.Effect<TaskStanding | null, StorageFailed>
  /** When the first of the tasks that have ended and are kept has ended; null for none. */
  readonly oldestEndedTask: Effect.Effect<number | null, StorageFailed>
  /** Tasks of this owner that are to stop. */
  readonly stopping: (owner: string) => Effect.Effect<ReadonlyArray<TaskRow>, StorageFailed>
  /** The row of this queue, and of all queues (`everyQueue`); null where nobody has set it up and it has had no task. */
  readonly queue: (name: string) => Effect.Effect<QueueRow | null, StorageFailed>
  /** Queues that were set up or have had a task, by name; those of one tenant when given. */
  readonly queues: (tenant?: string) => Effect.Effect<ReadonlyArray<QueueRow>, StorageFailed>
  readonly definitions: Effect.Effect<ReadonlyArray<DefinitionRow>, StorageFailed>
  readonly definition: (name: string, version: string) => Effect.Effect<DefinitionRow | null, StorageFailed>
  readonly definitionByHash: (hash: string) => Effect.Effect<DefinitionRow | null, StorageFailed>
  readonly owners: Effect.Effect<ReadonlyArray<OwnerRow>, StorageFailed>
  /** The earliest time after `after` at which a run without an owner is due; only of these roots when given. Null for none. */
  readonly nextDue: (after: number, roots: ReadonlyArray<string> | null) => Effect.Effect<number | null, StorageFailed>
  /** Runs without an owner that are due after `after` and not after `until`, earliest first. */
  readonly due: (after: number, until: number, limit: number) => Effect.Effect<ReadonlyArray<RunRow>, StorageFailed>
  /**
   * Open runs that nobody owns and that are not due at once, although they have
   * something in their inbox; or that are never due, although they are queued,
   * running or suspended for time alone; or that are suspended for no reason or
   * with no waits. Newest first, behind the run `before` when it is given. A
   * healthy store has few or none, so this must cost nothing there: it is asked
   * often.
   */
  readonly stranded: (limit: number, before?: string) => Effect.Effect<ReadonlyArray<RunRow>, StorageFailed>
  /** What the watchdog has recorded about open runs, newest first. */
  readonly findings: (limit: number) => Effect.Effect<ReadonlyArray<FindingRow>, StorageFailed>
  /** Counts. By status and by reason the engine's own runs (`engineWorkflows`) are left out, as lists leave them out; what is owned or on its way is all there is. */
  readonly census: Effect.Effect<Census, StorageFailed>
  /** The same of one tenant; of messages on their way it says nothing. */
  readonly censusOf: (tenant: string) => Effect.Effect<Pick<Census, "byReason" | "byStatus">, StorageFailed>
  /** What was spent, by workflow and then by day. */
  readonly spending: (filter: SpendingFilter) => Effect.Effect<ReadonlyArray<SpendingRow>, StorageFailed>
  /** The schedule of this name. */
  readonly schedule: (name: string) => Effect.Effect<ScheduleRow | null, StorageFailed>
  /** Schedules, by name. */
  readonly schedules: (filter: ScheduleFilter) => Effect.Effect<ReadonlyArray<ScheduleRow>, StorageFailed>
  /** Schedules at which somebody has to look, now or later: the earliest first, those of one time by name, behind the one that is given. */
  readonly dueSchedules: (
    limit: number,
    after: Pick<ScheduleRow, "dueAt" | "name"> | null
  ) => Effect.Effect<ReadonlyArray<ScheduleRow>, StorageFailed>
  /** What became of slots of this schedule, the newest first, and those before the one with the id `before` when it is given. */
  readonly firings: (
    schedule: string,
    limit: number,
    before?: string
  ) => Effect.Effect<ReadonlyArray<FiringRow>, StorageFailed>
  /** The raises of these days, in order of arrival. */
  readonly dayRaises: (filter: SpendingFilter) => Effect.Effect<ReadonlyArray<DayRaiseRow>, StorageFailed>
  /**
   * A number that changes whenever ANOTHER connection has written; cheap enough to read ten times a second. Reads
   * never go back: what is asked after it has at least the writes that it counts.
   */
  readonly version: Effect.Effect<number, StorageFailed>
}
