import * as Command from "effect/cli/Command"
import { commandWorkersLs } from "./workers/Ls.ts"
import { commandWorkersReap } from "./workers/Reap.ts"

/** `fermata workers` */
export const commandWorkers = Command.make("workers").pipe(
  Command.withDescription("See the processes that work on runs, and hand over the runs of those that are dead"),
  Command.withExamples([{ command: "fermata workers ls", description: "Which processes live, and what they have" }]),
  Command.withSubcommands([commandWorkersLs, commandWorkersReap])
)
