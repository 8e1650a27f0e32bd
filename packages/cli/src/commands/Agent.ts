import * as Command from "effect/cli/Command"
import { commandAgentLs } from "./agent/Ls.ts"
import { commandAgentRaise } from "./agent/Raise.ts"
import { commandAgentRun } from "./agent/Run.ts"
import { commandAgentStatus } from "./agent/Status.ts"

/** `fermata agent` */
export const commandAgent = Command.make("agent").pipe(
  Command.withDescription(
    "Run and list the agents of the configuration, see how far their runs are, and raise what they may spend on a day"
  ),
  Command.withExamples([{ command: "fermata agent ls", description: "See which agents there are" }]),
  Command.withSubcommands([commandAgentRun, commandAgentLs, commandAgentStatus, commandAgentRaise])
)
