/** What is written to a store: operations, each with its answer. */
import type { Settled } from "@fermata/core/DayClaims"
import type { Restore } from "@fermata/core/Restore"
import type { Amount } from "@fermata/core/Spent"
import type * as Effect from "effect/Effect"
import type { EventAnswers, EventsOp, EventWaitChanges, SubscriptionRow, SweepOp } from "../../EventLog.ts"
import type { Act, Acted } from "./Act.ts"
import type { EndpointAnswers, EndpointsOp } from "./EndpointOps.ts"
import type { LeaveOp, ListenOp } from "./ListenerOps.ts"
import type { RetentionAnswers, RetentionOp } from "./RetentionOps.ts"
import type {
  AccessTokenRow,
  ApprovalRow,
  BlobRow,
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
import type { ScheduleAnswers, SchedulesOp } from "./ScheduleOps.ts"
import type { IngestOp, SourceAnswers, SourceOp, SweepSensorsOp } from "./SourceOps.ts"
import type { SpendingChange } from "./SpendingChange.ts"
import type { TaskAnswers, TaskOp } from "./TaskOps.ts"

export type * from "./Act.ts"
export type { LeaveOp, ListenOp }
export type { SpendingChange }

/** The answer to an operation whose act was asked for before. */
export interface Known {
  readonly answered: RequestRow
}

/**
 * Starts a run, or joins the run that has this id. `rows` are its first entries,
 * each a text of one line.
 * A run that starts with an owner is at epoch 1, as if claimed, else at epoch 0.
 * Joining changes nothing but the listeners and the keeper.
 */
export interface StartOp extends Acted {
  readonly op: "start"
  readonly run: Omit<
    RunRow,
    "length" | "epoch" | "takeovers" | "updatedAt" | "waits" | "reason" | "spent" | "restored"
  >
  readonly rows: ReadonlyArray<string>
  readonly blobs: ReadonlyArray<BlobRow>
  readonly subscriptions: ReadonlyArray<SubscriptionRow>
  /** The id of the event behind which the subscriptions begin; without it, or when it is not kept, behind all that are kept. */
  readonly since?: string
  /**
   * A run that is told, by an inbox row `child:<id of this run>` of kind `child`,
   * when this one ends, or at once when it has ended already. An unknown or
   * final listener is passed over.
   *
   * The listener of a new run is its keeper: see `LeaveOp`. Without a listener
   * the run gets no keeper, or loses the one that it has: somebody who never
   * leaves wants it.
   */
  readonly listener: string | null
  /**
   * The run that asked for this one, or that published the event which starts it. Where that one is in doubt, or was
   * at its end, so is this one: it may have been there before.
   */
  readonly askedBy?: string
  /** The message of the outbox that this comes from. When it is not there any more, it was applied, and nothing is joined again. */
  readonly message?: string
  /** Whether a new run has to be within the quota of its tenant. */
  readonly isLimited?: boolean
  /** The run whose journal it carries on with: nothing is started where that is not there any more. */
  readonly from?: string
}

/**
 * Appends rows, each a text of one line, to a run that the caller owns, with everything that belongs to it. A
 * run that nobody has owned yet is at epoch 0, so in the transaction of its start
 * more may follow that belongs to it.
 * Refused as stale when the epoch or the length is another (both are 0 in the
 * answer for an unknown run). A commit without rows may still change the
 * projection or release the run. With a final status the run loses its owner
 * and is never due again.
 */
export interface CommitOp {
  readonly op: "commit"
  /** See `Together`; only for a backend that supports it. */
  readonly together?: Together
  readonly run: string
  readonly epoch: number
  /** The length before this append. */
  readonly expected: number
  readonly rows: ReadonlyArray<string>
  readonly blobs: ReadonlyArray<BlobRow>
  readonly at: number
  /** New projection; absent when nothing of it changed. */
  readonly status?: { readonly status: string; readonly reason: string | null; readonly waits: string | null }
  /** Ids of inbox rows that are in the journal now and are deleted. */
  readonly consumed: ReadonlyArray<string>
  readonly outbox: ReadonlyArray<OutboxRow>
  /** Questions that are asked from now on. One that is there already stays as it is, with its answers. */
  readonly approvalsOpened: ReadonlyArray<ApprovalRow>
  readonly approvalsClosed: ReadonlyArray<string>
  readonly awaits?: EventWaitChanges
  readonly spending?: SpendingChange
  /**
   * Goes with a final status. Deletes the approvals, subscriptions and waits for
   * events of the run and tells its listeners with this payload. Refused as
   * `unseen` while the inbox holds rows that are not `consumed`: what was
   * acknowledged is taken before the run ends.
   */
  readonly ended?: { readonly payload: string }
  /**
   * Releases the run: no owner, due at `dueAt`, or at once when its inbox is not empty.
   * Also sets `takeovers` to 0, as does every commit with rows.
   */
  readonly release?: {
    readonly dueAt: number | null
    /** Rows that are in the inbox now do not make the run due: it could not take them. Later ones do. */
    readonly quiet?: boolean
  }
  /** The run is in doubt no longer. */
  readonly certain?: boolean
  /** Leaves every run that this one listens to, but for `except`, as `LeaveOp` does; those that this stops get the row, at `at`. */
  readonly leaves?: {
    readonly except: ReadonlyArray<string>
    readonly row: Pick<InboxRow, "id" | "kind" | "payload">
  }
}

/**
 * The part of a commit that is made inside its transaction, so that it stands
 * or falls with it: what it does to tables of the user, and what it adds to the
 * commit.
 *
 * The backend calls it once it has found the epoch and the length right, and
 * before it stores anything of the commit. It is synchronous. What it gives is
 * stored behind the commit's own; when it gives null or throws, all that it did
 * and all of its commit is undone, and nothing else of the list. Where a busy
 * database makes the backend try the transaction again, it is called again, and
 * what it did before has been undone.
 *
 * `within` puts an effect into the transaction: what runs inside it, and waits
 * for nothing, sees and changes the tables as the transaction does.
 */
export type Together = (within: Within) => Pick<CommitOp, "rows" | "blobs" | "outbox" | "spending"> | null
/** Runs an effect inside the transaction of a commit. */
export type Within = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

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

/** The answer to an operation, by its name. */
export interface Answers
  extends EventAnswers, EndpointAnswers, RetentionAnswers, ScheduleAnswers, SourceAnswers, TaskAnswers
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
