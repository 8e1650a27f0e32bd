/** What is deleted from a store for good, and for how long runs that have ended are kept. */
import type { StorageFailed } from "@fermata/core/StorageFailed"
import type * as Effect from "effect/Effect"
import type { Acted } from "./Act.ts"

/**
 * Deletes a run that has ended, with all that was asked for below it: their
 * rows, journals, labels, questions, what they have spent and said. A tree goes
 * as a whole, and not at all while one of it is open or on its way.
 *
 * Where there is more of it than `limit` rows, what is left follows by `ClearOp`:
 * the run itself is the last to go. Numbers of rows are never given again, so
 * that no position comes back; and a run that is started under the same id
 * afterwards is another run.
 */
export interface RemoveOp extends Acted {
  readonly op: "remove"
  readonly run: string
  /** How many rows of runs and of journals may go at once. */
  readonly limit: number
  /** Only where it had ended at this time (ms since the epoch): one that was started under its id since is another. */
  readonly until?: number
}

/**
 * Does a bounded part of what deleted runs have left to do, in this order:
 * the rest of large trees, the rest of long journals, the blobs that nobody
 * names any more, and pages of the file that nobody needs.
 */
export interface ClearOp {
  readonly op: "clear"
  /** How many rows are deleted or looked at, at most. */
  readonly limit: number
}

/** Says for how long runs are kept, in place of what was said before; null takes that back. */
export interface RetainOp extends Acted {
  readonly op: "retain"
  readonly rule: RetentionScope
  readonly row: RetentionRow | null
}

/**
 * Deletes what a tenant has beside its runs, from every table of the list
 * `tenantTables`: at most `limit` rows of it. The lines of the audit stay.
 */
export interface ForgetOp extends Acted {
  readonly op: "forget"
  readonly tenant: string
  readonly limit: number
}

/** Of which runs a rule is. */
export interface RetentionScope {
  /** Null for the runs of all tenants and of none. */
  readonly tenant: string | null
  /** Null for those of every workflow. */
  readonly workflow: string | null
  /** `completed`, `failed` or `cancelled`; null for all three. */
  readonly status: string | null
}

/** For how long runs that have ended are kept. */
export interface RetentionRow extends RetentionScope {
  /** ms since its end, behind which a run goes; null for no such limit. */
  readonly maxAgeMs: number | null
  /** How many runs of a workflow and status are kept, those that ended last; null for no such limit. */
  readonly maxCount: number | null
  readonly by: string
  readonly at: number
}

/** Top runs that have ended: those of one tenant or of none, of one workflow and one status. */
export interface EndedGroup {
  readonly tenant: string | null
  readonly workflow: string
  readonly status: string
}

/** Which runs of a group: those that fit either. */
export interface EndedFilter extends EndedGroup {
  /** Ended at this time (ms since the epoch) or earlier; null for none. */
  readonly until: number | null
  /** All but so many that ended last; null for none. */
  readonly beyond: number | null
}

/** What a backend answers to these operations. */
export interface RetentionAnswers {
  /**
   * `open` names a run of the tree that has not ended, or is on its way; `part`
   * the run at the top of the tree that the run is of. `runs` are those that are
   * gone now, and `left` says that more of the tree is to follow.
   */
  readonly remove:
    | { readonly result: "removed"; readonly runs: number; readonly left: boolean }
    | { readonly result: "unknown" }
    | { readonly result: "open"; readonly run: string }
    | { readonly result: "part"; readonly run: string }
  /** Whether there is more to do. */
  readonly clear: { readonly left: boolean }
  /** What was said before. */
  readonly retain: { readonly before: RetentionRow | null }
  /** How many rows went, and whether there are more. */
  readonly forget: { readonly rows: number; readonly left: boolean }
}

/** What a backend says of it. */
export interface RetentionReads {
  /** The rules, by tenant, workflow and status, what is of all first. */
  readonly retention: Effect.Effect<ReadonlyArray<RetentionRow>, StorageFailed>
  /** The groups that have runs, by workflow, status and tenant, behind this one; at most `limit`. */
  readonly endedGroups: (
    after: EndedGroup | null,
    limit: number
  ) => Effect.Effect<ReadonlyArray<EndedGroup>, StorageFailed>
  /** Ids of runs of the group, those first that ended first: at most `limit`, behind the first `skip` of them. */
  readonly ended: (
    filter: EndedFilter,
    limit: number,
    skip: number
  ) => Effect.Effect<ReadonlyArray<string>, StorageFailed>
  /** Whether deleted runs have left something to `ClearOp`. */
  readonly uncleared: Effect.Effect<boolean, StorageFailed>
}

/** The operations on what is kept. */
export type RetentionOp = RemoveOp | ClearOp | RetainOp | ForgetOp
