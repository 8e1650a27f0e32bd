/** What is written to a store: operations, each with its answer. */
import type { Settled } from "@fermata/core/DayClaims"
import type { Restore } from "@fermata/core/Restore"
import type { Amount } from "@fermata/core/Spent"
import type { EventAnswers, EventsOp, SweepOp } from "../../EventLog.ts"
import type { Act, Acted } from "./Act.ts"
import type { EndpointAnswers, EndpointsOp } from "./EndpointOps.ts"
import type { LeaveOp, ListenOp } from "./ListenerOps.ts"
import type { RetentionAnswers, RetentionOp } from "./RetentionOps.ts"
import type {
  AccessTokenRow,
  DayRaiseRow,
  DefinitionRow,
  FindingRow,
  InboxRow,
  OutboxRow,
  OwnerRow,
  QuotaRow,
  RequestRow,
  RunRow,
  StandingRow
} from "./Rows.ts"
import type { CommitOp, ImportAnswers, ImportOp, StartOp } from "./RunOps.ts"
import type { ScheduleAnswers, SchedulesOp } from "./ScheduleOps.ts"
import type { IngestOp, SourceAnswers, SourceOp, SweepSensorsOp } from "./SourceOps.ts"
import type { SpendingChange } from "./SpendingChange.ts"
import type { TaskAnswers, TaskOp } from "./TaskOps.ts"

export type * from "./Act.ts"
export type * from "./RunOps.ts"
export type { LeaveOp, ListenOp }
export type { SpendingChange }

/** The answer to an operation whose act was asked for before. */
export interface Known {
  readonly answered: RequestRow
}

/**
 * Puts a row into a run's inbox and makes the run due (at its release, if it has
 * an owner). The answer is the acknowledgement: `unknown` and `closed` are about
 * the run, `duplicate` is about rows that are still in the inbox, and about
 * entries that `unless` finds.
 */
export interface InboxOp extends Acted {
  readonly op: "inbox"
  readonly row: InboxRow
  /** Keeps the row for a run that does not exist yet; its start puts the row into its inbox. */
  readonly early?: boolean
  /**
   * The row is a duplicate where an entry of the run's journal holds it, `from` on:
   * whoever sends it has looked at those before, and the run may have taken a row of
   * this id since. Looked at in the transaction, so that it is in one of both.
   */
  readonly unless?: { readonly from: number; readonly holds: (entry: string) => boolean }
}

/**
 * Takes an answer to a question: the question becomes what the caller has made
 * of it by its rule, and the row goes into the run's inbox. All of it, or
 * nothing: `stale` when the question is no longer of this version, so that the
 * caller looks and judges again; `untimely` when the transaction is not before
 * `before`, or before `from`; `closed` about the run; `unknown` when there is no
 * such question; `duplicate` when the inbox has a row of this id.
 */
export interface AnswerOp extends Acted {
  readonly op: "answer"
  readonly run: string
  readonly key: string
  readonly version: number
  /** What the question is with it; its version is one more. */
  readonly answers: string
  readonly status: string
  /** Null when only the question changes. */
  readonly row: Omit<InboxRow, "run" | "at"> | null
  /** ms since the epoch. Asked inside the transaction, however long that had to wait, since only its time counts. */
  readonly now: () => number
  readonly before: number | null
  readonly from: number | null
  /** A rule that stands with it, from the time of the transaction on. One that stands already is left as it is. */
  readonly standing?: Omit<StandingRow, "at">
}

/** Takes back a rule that stands. */
export interface RevokeOp extends Acted {
  readonly op: "revoke"
  readonly id: string
}

/**
 * Keeps a token, unless its id is known or its parent is not there. Whatever a
 * login made that counts no more at the time of the row is deleted.
 */
export interface IssueOp extends Acted {
  readonly op: "issue"
  readonly row: Omit<AccessTokenRow, "usedAt">
}

/** Deletes a token, and those that logins have made by it. */
export interface WithdrawOp extends Acted {
  readonly op: "withdraw"
  readonly id: string
}

/** Sets what a tenant may have; null takes all its limits away. */
export interface QuotaOp extends Acted {
  readonly op: "quota"
  readonly tenant: string
  readonly row: QuotaRow | null
}

/** Says that a token was used; nothing where it is not there. */
export interface UsedOp {
  readonly op: "used"
  readonly id: string
  readonly at: number
}

/** Takes up to `limit` runs that are due at `now`, have no owner and are served by the caller, earliest first: owner set, epoch + 1. */
export interface ClaimOp {
  readonly op: "claim"
  readonly owner: string
  readonly now: number
  readonly limit: number
  /** Programs as `name@version`; null serves every program. */
  readonly programs: ReadonlyArray<string> | null
  /** The kinds of documents of which runs are served. */
  readonly kinds: ReadonlyArray<string>
  /** Hashes of documents whose runs are left to others, although their kind is served. */
  readonly without: ReadonlyArray<string>
  /** When given, only runs whose `root` is one of these. */
  readonly roots: ReadonlyArray<string> | null
}

/** Takes the named run if it has no owner and is not final, due or not (also when suspended as `diverged` or `corrupt`). */
export interface ClaimOneOp {
  readonly op: "claimOne"
  readonly owner: string
  readonly run: string
}

/** Says that a process lives until `expiresAt`; inserts or updates its row. */
export interface HeartbeatOp {
  readonly op: "heartbeat"
  readonly owner: OwnerRow
}

/**
 * Frees the runs of every owner whose lease ended before `now`: no owner, due at
 * once, `takeovers` + 1. Deletes those owners. An owner without a row (it woke up
 * after it was reaped, took a run and died) counts as ended.
 */
export interface ReapOp extends Acted {
  readonly op: "reap"
  readonly now: number
  /** When given, these owners instead, as far as their leases are still these. */
  readonly owners?: ReadonlyArray<Pick<OwnerRow, "id" | "expiresAt">>
}

/** An orderly goodbye: frees the owner's runs (due at once, `takeovers` as it is) and deletes its row. */
export interface RetireOp {
  readonly op: "retire"
  readonly owner: string
}

/**
 * Records what the watchdog found about a run, and with `row.woken` makes the
 * run due at once. Nothing happens when the run no longer stands as it was seen
 * (open, without owner, at this epoch and due at this time), or when the same
 * was recorded at this length of its journal before.
 */
export interface ReportOp {
  readonly op: "report"
  readonly row: FindingRow
  readonly epoch: number
  readonly dueAt: number | null
}

/** Puts messages into the outbox on behalf of a caller (an emitted event). A known id is ignored. */
export interface PublishOp extends Acted {
  readonly op: "publish"
  readonly rows: ReadonlyArray<OutboxRow>
}

/** Deletes delivered outbox rows. */
export interface DeliveredOp {
  readonly op: "delivered"
  readonly ids: ReadonlyArray<string>
}

/**
 * Registers a definition. A document with another hash under a known name and
 * version is refused; a program is replaced. A name and version never changes its kind.
 */
export interface DefineOp extends Acted {
  readonly op: "define"
  readonly row: DefinitionRow
}

/**
 * Raises what the runs of a workflow may spend on a day, once for each id: keeps
 * the row, adds it to how the day stands, and puts `message` into the inboxes of
 * the workflow's runs that run, or are suspended for one of `reasons`, as by
 * `InboxOp` at the time of the row. A sum of raises is no larger than the largest
 * safe integer.
 */
export interface RaiseOp extends Acted {
  readonly op: "raise"
  readonly row: DayRaiseRow
  readonly reasons: ReadonlyArray<string>
  readonly message: Pick<InboxRow, "id" | "kind" | "payload">
}

/**
 * Takes the bookmark of this name: how far a reader of changes has come, whom
 * all processes are together, and who of them reads. It is there from the first
 * time on, with no position. An owner with a row that holds it until a time that
 * has not come keeps it; with the same `holder` it is taken again, for longer. With `move` it
 * goes from one position to another, or stays where it is when it is elsewhere.
 */
export interface BookmarkOp {
  readonly op: "bookmark"
  readonly name: string
  readonly holder: string
  readonly now: number
  readonly until: number
  readonly move?: { readonly from: string | null; readonly to: string }
}

/**
 * The store was put back from a backup: it is another store from now on.
 *
 * It gets a new id, so that no position that was given before is one of its.
 * Every open run is in doubt and has no owner, and so is what those runs have
 * asked for that is still in the outbox. Their epochs go up by `epochsAhead`, so
 * that whoever owned one after the backup owns it no longer. All owners are
 * forgotten.
 */
export interface RestoreOp extends Acted {
  readonly op: "restore"
  /** The new id of the store: letters and digits. */
  readonly id: string
  readonly by: string
  /** When it was put back, ms since the epoch. */
  readonly at: number
  /** When the backup had its last commit; null where nobody knows, and then the newest time in the store stands for it. */
  readonly from: number | null
}

/** By how much a restore raises epochs: more than the owners that a run can have had since its backup. */
export const epochsAhead = 1_000_000

/** One operation of a write. A list of them is applied as one transaction. */
export type Op =
  | StartOp
  | CommitOp
  | LeaveOp
  | ListenOp
  | InboxOp
  | AnswerOp
  | RevokeOp
  | IssueOp
  | WithdrawOp
  | QuotaOp
  | UsedOp
  | ClaimOp
  | ClaimOneOp
  | HeartbeatOp
  | ReapOp
  | RetireOp
  | ReportOp
  | PublishOp
  | DeliveredOp
  | DefineOp
  | EventsOp
  | SweepOp
  | RaiseOp
  | BookmarkOp
  | RestoreOp
  | IngestOp
  | SweepSensorsOp
  | SourceOp
  | EndpointsOp
  | SchedulesOp
  | TaskOp
  | RetentionOp
  | ImportOp

/** The answer to an operation, by its name. */
export interface Answers
  extends EventAnswers, EndpointAnswers, ImportAnswers, RetentionAnswers, ScheduleAnswers, SourceAnswers, TaskAnswers
{
  /**
   * `run` is the row as it is now; `started` false means joined. `told`: there are messages in its inbox already.
   * `full`, where the start is limited: nothing was started, since the tenant has so many open runs as it may have.
   * `gone`: nothing was started, since the run that it is from is not there.
   */
  readonly start: {
    readonly started: boolean
    readonly run: RunRow
    readonly told?: true
    readonly full?: number
    readonly gone?: true
  }
  /** `told`: others have been told of the end. `sent`: messages to tasks have come into the outbox. `refused`: the rows for whose claims days had no room; absent where there are none. `undone`: neither epoch nor length was wrong, but `together` gave nothing. `unseen`: the inbox holds what the run has not taken. */
  readonly commit:
    | {
      readonly ok: true
      readonly told?: true
      readonly sent?: true
      readonly refused?: Settled["refused"]
    }
    | {
      readonly ok: false
      readonly epoch: number
      readonly length: number
      readonly undone?: true
      readonly unseen?: true
    }
  /** For an accepted row, `owner` is the owner of its run, and `alone` says that nothing else is in its inbox. Without `owner` neither is known. */
  readonly inbox: {
    readonly result: "accepted" | "duplicate" | "closed" | "unknown"
    readonly owner?: string | null
    readonly alone?: true
  }
  /** `at` is the time of the transaction, ms since the epoch. */
  readonly answer: {
    readonly result: "accepted" | "duplicate" | "closed" | "unknown" | "stale" | "untimely"
    readonly at: number
  }
  /** Whether it stood. */
  readonly revoke: { readonly revoked: boolean }
  /** Whether it is kept. */
  readonly issue: { readonly issued: boolean }
  /** Whether it was there. */
  readonly withdraw: { readonly withdrawn: boolean }
  /** What it had before. */
  readonly quota: { readonly before: QuotaRow | null }
  readonly used: {}
  /** Whether the caller holds it now, where it is, and until when it is held. */
  readonly bookmark: { readonly held: boolean; readonly position: string | null; readonly until: number }
  /** Whether that stops the run. */
  readonly leave: { readonly stopped: boolean }
  readonly listen: {}
  readonly claim: { readonly runs: ReadonlyArray<RunRow> }
  readonly claimOne: { readonly run: RunRow | null }
  readonly heartbeat: {}
  /** Runs that were freed. */
  readonly reap: { readonly freed: number }
  readonly retire: { readonly freed: number }
  /** Whether it was recorded. */
  readonly report: { readonly reported: boolean }
  /** How many were not known. */
  readonly publish: { readonly added: number }
  readonly delivered: {}
  /** `raised` are all raises of the day, and `told` the runs that got the message, by their ids. */
  readonly raise: {
    readonly result: "accepted" | "duplicate"
    readonly raised: Amount
    readonly told: ReadonlyArray<string>
  }
  /** What the store has of it, and how many open runs are in doubt. */
  readonly restore: { readonly restore: Restore; readonly runs: number }
  readonly define: { readonly result: "added" | "same" | "replaced" | "refused"; readonly known: DefinitionRow | null }
}
/** What a write answers to this operation. */
export type Answer<O extends Op> = O extends { readonly op: infer K extends keyof Answers }
  ? O extends { readonly act: Act } ? Answers[K] | Known : Answers[K]
  : never

/** What applies the operations, by their names. */
export type Handlers = {
  readonly [K in Op["op"]]: (op: Extract<Op, { readonly op: K }>) => Answers[K]
}
