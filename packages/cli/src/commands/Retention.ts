import * as Command from "effect/cli/Command"
import { commandRetentionLs } from "./retention/Ls.ts"
import { commandRetentionRm } from "./retention/Rm.ts"
import { commandRetentionSet } from "./retention/Set.ts"

/** `fermata retention` */
export const commandRetention = Command.make("retention").pipe(
  Command.withDescription("Say for how long runs that have ended are kept; workers delete the others"),
  Command.withExamples([
    { command: "fermata retention set --max-age 30d", description: "Every run goes a month after its end" },
    { command: "fermata retention ls", description: "Which rules there are" }
  ]),
  Command.withSubcommands([commandRetentionLs, commandRetentionSet, commandRetentionRm])
)
