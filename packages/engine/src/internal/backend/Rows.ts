/** The rows of a store: plain strings and numbers. Times are ms since the epoch. */
import type { AuditText } from "@fermata/core/AuditLine"
import type { Restore } from "@fermata/core/Restore"
import type { Amount } from "@fermata/core/Spent"
import type { DayStanding } from "@fermata/core/SpentByDay"
import type { StandingRule } from "@fermata/core/StandingRule"

/** One run as the database knows it. Everything else about a run is folded from its journal. */
export interface RunRow {
  readonly id: string
  readonly workflow: string
  readonly version: string
  /** `program`, or the kind of the document that the run is pinned to. */
  readonly kind: string
  /** Hash of the document that the run is pinned to; null for programs. */
  readonly definition: string | null
  /** The run at the top of the tree of children; its own id for a top run. */
  readonly root: string
  readonly parent: string | null
  readonly status: string
  readonly reason: string | null
  /** JSON array of waits; null unless suspended. */
  readonly waits: string | null
  /** Number of journal entries, which is also the next `seq`. */
  readonly length: number
  readonly epoch: number
  readonly owner: string | null
  /** When the run needs an owner: 0 for at once, a time, or null for never by itself. Null while it has one and once it is final. */
  readonly dueAt: number | null
  /** How often in a row a run was taken over from a dead owner without a new entry since. */
  readonly takeovers: number
  readonly createdAt: number
  /** When its status was last committed or the run was last released. A commit of entries alone leaves it, so that it costs no write here. */
  readonly updatedAt: number
  /**
   * What the run has itself spent, by its journal: by outcomes, and by attempts that came to none. Without its
   * children, so that sums over rows count everything once; absent where that is nothing.
   */
  readonly spent?: Amount
  /** What the run is about; absent where nothing says so, and of an older build. */
  readonly title?: string
  /** By name; absent where there are none. */
  readonly labels?: Readonly<Record<string, string>>
  /** The restore since which the run is in doubt, until it is certain again. */
  readonly restored?: Restore
}

/** What the runs of a workflow have spent on a UTC day, what of it is reserved by attempts in flight, and by how much operators have raised what they may spend. */
export interface SpendingRow extends DayStanding {
  readonly workflow: string
}

/** An act by which an operator has raised what the runs of a workflow may spend on a UTC day, counted from the epoch. */
export interface DayRaiseRow {
  /** Unique in the store. */
  readonly id: string
  readonly workflow: string
  readonly day: number
  /** Millionths of a US dollar. */
  readonly micros: number
  readonly tokens: number
  readonly by: string
  readonly note: string | null
  readonly at: number
}

/** A row of the inbox of a run. `at` is ms since the epoch. */
export interface InboxRow {
  readonly run: string
  /** Unique in its run. */
  readonly id: string
  readonly kind: string
  readonly payload: string
  readonly at: number
}

/** A message on its way from a run, or from a caller, to other runs. Applied at least once, so receivers go by `id`. */
export interface OutboxRow {
  readonly id: string
  /** One of `outboxKinds`. */
  readonly kind: string
  readonly payload: string
}

/**
 * What a message of the outbox may be: a run that is asked for, a run that was
 * asked for and is left, a row for the inbox of a run, a published event, a task
 * that is asked for, a task that listens for the end of a run, or that end. One
 * of another kind is of a newer build, and stays.
 */
export const outboxKinds: ReadonlyArray<string> = [
  "start",
  "leave",
  "inbox",
  "event",
  "task",
  "free",
  "listen",
  "ended"
]

/** A question of a run and how it stands. Times are ms since the epoch; lists are JSON texts. */
export interface ApprovalRow {
  readonly run: string
  readonly key: string
  readonly workflow: string
  readonly prompt: string
  /** JSON array of names and roles; nobody may answer when it is empty. */
  readonly approvers: string
  /** JSON document with the rest of the question: choices, quorum, arguments with their hash and JSON Schema. */
  readonly question: string
  readonly requestedAt: number
  readonly deadline: number | null
  /** JSON array of the answers that were taken, in order. Null in the row of an older build, whose answers only the journal and the inbox have. */
  readonly answers: string | null
  /** Counts the changes of `answers`. */
  readonly version: number
  /** `open`, or how it was decided. A decided question stays until its run has gone on. */
  readonly status: string
}

/** A rule that stands, under an id that the same rule of the same agent and workspace has again. */
export interface StandingRow extends StandingRule {}

/** What is known of a token by which a server lets somebody in: not what is secret of it. Lists are JSON texts. */
export interface AccessTokenRow {
  /** Unique in the store. */
  readonly id: string
  /** SHA-256 of the whole token, in lower-case hex. */
  readonly hash: string
  readonly name: string
  readonly scopes: string
  readonly groups: string
  readonly by: string
  readonly createdAt: number
  /** From when on it counts no more; null for never. */
  readonly expiresAt: number | null
  /** When it was last used, as coarsely as its user says; null for never. */
  readonly usedAt: number | null
  /** The token by whose login it was made; null for one that stands by itself. */
  readonly parent: string | null
  /** To which it is confined; null for one that is of no tenant. */
  readonly tenant: string | null
}

/** What a tenant may have at a time. */
export interface QuotaRow {
  readonly tenant: string
  /** Null for no limit. */
  readonly openRuns: number | null
  readonly streams: number | null
  readonly by: string
  readonly at: number
}

/** A tenant that has runs or quotas. */
export interface TenantRow {
  readonly tenant: string
  readonly quota: QuotaRow | null
  /** Its runs that have not ended, and all of them. */
  readonly openRuns: number
  readonly runs: number
}

/** A line of the audit, with its detail as JSON text. */
export interface AuditRow extends AuditText {
  readonly prev: string
  readonly hash: string
}

/** A request that was answered: asked again by the same caller under the same key, it is given the same. */
export interface RequestRow {
  /** The name of whoever asked. */
  readonly caller: string
  readonly key: string
  /** What was asked of, such as `POST /api/runs/1f0c/cancel`. */
  readonly route: string
  /** SHA-256, in lower-case hex, of what was asked. */
  readonly hash: string
  /** JSON text; null where it is told only once, because something in it is secret. */
  readonly answer: string | null
  readonly at: number
}

/** A process that lives until `expiresAt` (ms since the epoch) unless it says so again. */
export interface OwnerRow {
  readonly id: string
  readonly expiresAt: number
  /** Whether this process takes up any due run that it can serve. */
  readonly worker: boolean
  /** JSON document for people: pid, host, workflows served. */
  readonly info: string
}

/** A workflow that some process has served, so that any process can start runs of it. */
export interface DefinitionRow {
  readonly name: string
  readonly version: string
  /** `program`, or a kind of documents that an extension makes executable (`Engine.extend`). */
  readonly kind: string
  readonly hash: string
  /** JSON of the payload, success and error schemas. */
  readonly schemas: string
  /** Its document; null for programs. */
  readonly document: string | null
  readonly at: number
}

/** What the watchdog found about an open run, once for each reason. It goes when the run ends. */
export interface FindingRow {
  readonly run: string
  readonly reason: string
  /** A sentence for people. */
  readonly problem: string
  /** Length of the journal when it was found. */
  readonly length: number
  /** The run was made due again. */
  readonly woken: boolean
  readonly at: number
}

/** A value that is stored once under the digest of its text. */
export interface BlobRow {
  readonly hash: string
  readonly data: string
}
