/** Who listens to a run: what is written of it. */
import type { InboxRow } from "./Rows.ts"

/**
 * Takes a listener off a run, which is left to those who still want it. With
 * nobody left, `row` is put into its inbox as by `InboxOp`: when the listener
 * was its keeper or the keeper had left before, and no other listener is open
 * (a listener that is final wants nothing any more). A run without a keeper goes
 * on, whoever leaves it. Nothing happens to a run that is final or unknown, and
 * when the listener is none.
 */
export interface LeaveOp {
  readonly op: "leave"
  readonly listener: string
  /** What stops the run, whose id is `row.run`. */
  readonly row: InboxRow
  /** As of `StartOp`. */
  readonly message?: string
}

/**
 * Has somebody who wants the end of a run told of it: a run, or a task
 * (`TaskTables.listenerOf`). One that has ended tells at once, and one that is
 * not there is as one that is gone.
 */
export interface ListenOp {
  readonly op: "listen"
  readonly run: string
  readonly listener: string
  readonly at: number
  /** As of `StartOp`. */
  readonly message?: string
}
