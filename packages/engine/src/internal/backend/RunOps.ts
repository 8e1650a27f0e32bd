/** What is written of runs: their starts, their commits, and runs of another store. */
import type * as Effect from "effect/Effect"
import type { EventWaitChanges, SubscriptionRow } from "../../EventLog.ts"
import type { Acted } from "./Act.ts"
import type { ApprovalRow, BlobRow, DefinitionRow, InboxRow, OutboxRow, RunRow } from "./Rows.ts"
import type { SpendingChange } from "./SpendingChange.ts"

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
 * Takes in runs of another store, all of them or none: none where one of their
 * ids is there, or where one of the documents that they are pinned to is there
 * with another content. A definition of a program that is known stays as it is.
 */
export interface ImportOp extends Acted {
  readonly op: "import"
  /** The start of each, as of a run that nobody owns, and what it has beyond that. */
  readonly runs: ReadonlyArray<{ readonly start: StartOp; readonly rest: CommitOp }>
  readonly definitions: ReadonlyArray<DefinitionRow>
}

/** The answer to that. */
export interface ImportAnswers {
  readonly import:
    | { readonly result: "imported" }
    | { readonly result: "there"; readonly run: string }
    | { readonly result: "other"; readonly definition: DefinitionRow }
}

/** The other operations of which an import is made, and what tells whether it can be. */
export interface ImportParts {
  readonly isThere: (run: string) => boolean
  readonly definition: (name: string, version: string) => DefinitionRow | null
  readonly define: (row: DefinitionRow) => void
  readonly start: (op: StartOp) => void
  readonly commit: (op: CommitOp) => void
}
