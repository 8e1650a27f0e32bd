/** Questions of a run, as the entries of its journal answer them. */
import * as ApprovalRule from "../ApprovalRule.ts"
import type { EntryOf } from "../JournalEntry.ts"
import type { ApprovalView } from "../RunViewSchema.ts"

/** The question with one more answer, and with what the answers come to. */
export const answered = (approval: ApprovalView, entry: EntryOf<"ApprovalAnswered">): ApprovalView => {
  const { _tag, blobs: _blobs, epoch: _epoch, key: _key, open: _open, seq: _seq, ...given } = entry
  const answers = [...approval.answers, given]
  const status = approval.status === "open" ? ApprovalRule.standing(approval, answers).status : approval.status
  return { ...approval, answers, status, ...(status === approval.status ? {} : { endedAt: entry.at }) }
}
