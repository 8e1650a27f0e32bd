import * as Command from "effect/cli/Command"
import { commandAuditLs } from "./audit/Ls.ts"
import { commandAuditVerify } from "./audit/Verify.ts"

/** `fermata audit` */
export const commandAudit = Command.make("audit").pipe(
  Command.withDescription("See who did what to the database, and whether that still stands as it was written"),
  Command.withExamples([
    { command: "fermata audit ls --run 1f0c", description: "Who has started, steered and answered a run" }
  ]),
  Command.withSubcommands([commandAuditLs, commandAuditVerify])
)
