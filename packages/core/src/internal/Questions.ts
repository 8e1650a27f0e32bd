/** Questions of a run, as the entries of its journal answer them. */
import * as ApprovalRouting from "../ApprovalRouting.ts"
import * as ApprovalRule from "../ApprovalRule.ts"
import type { EntryOf } from "../JournalEntry.ts"
import type { ApprovalView } from "../RunViewSchema.ts"

/** The question with one more answer and with what the answers come to, or with whom it went to. */
export const after = (
  approval: ApprovalView,
  entry: EntryOf<"ApprovalAnswered"> | ApprovalRouting.RoutingEntry
): ApprovalView => {
  if (entry._tag !== "ApprovalAnswered") {
    return { ...approval, routed: [...approval.routed ?? [], ApprovalRouting.routedOf(entry)] }
  }
  const answers = [...approval.answers, ApprovalRouting.saidOf(entry)]
  const status = approval.status === "open" ? ApprovalRule.count(approval, answers).status : approval.status
  return { ...approval, answers, status, ...(status === approval.status ? {} : { endedAt: entry.at }) }
}
