/** How an operator's raise of what a workflow may spend on a day is written: the act, and what those are told who wait for it. */
import { budgetSignal } from "@fermata/core/RunSpending"
import type { SuspendReason } from "@fermata/core/RunStatus"
import * as Spent from "@fermata/core/Spent"
import * as StoredJson from "@fermata/core/StoredJson"
import type { DayRaiseRow, RaiseOp } from "./Backend.ts"
import type { Message } from "./InboxMessage.ts"

/** The operation of the store that records this act. */
export const op = (row: DayRaiseRow): RaiseOp => {
  const { by, day, id, micros, note, tokens } = row
  const payload = StoredJson.compose({ day, ...Spent.make(micros, tokens), ...(note === null ? {} : { note }) })
  const signal: Message<"signal"> = { name: budgetSignal, payload, by }
  return {
    op: "raise",
    row,
    reasons,
    message: { id: `day-raise:${id}`, kind: "signal", payload: StoredJson.compose(signal).text }
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** A run that is suspended for one of these may wait for a larger budget besides, or once an operator lets it go on. */
const reasons: ReadonlyArray<SuspendReason> = [
  "corrupt",
  "diverged",
  "recovery",
  "outcome-unknown",
  "budget",
  "operator"
]
