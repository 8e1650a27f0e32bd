import * as Command from "effect/cli/Command"
import { commandApprovalsApprove } from "./approvals/Approve.ts"
import { commandApprovalsDelegate } from "./approvals/Delegate.ts"
import { commandApprovalsDeny } from "./approvals/Deny.ts"
import { commandApprovalsLs } from "./approvals/Ls.ts"

/** `fermata approvals` */
export const commandApprovals = Command.make("approvals").pipe(
  Command.withDescription("See what runs ask people, answer, and hand on"),
  Command.withExamples([{ command: "fermata approvals ls", description: "List the open questions" }]),
  Command.withSubcommands([
    commandApprovalsLs,
    commandApprovalsApprove,
    commandApprovalsDeny,
    commandApprovalsDelegate
  ])
)
