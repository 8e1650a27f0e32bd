import * as Command from "effect/cli/Command"
import { commandUpgradeCheck } from "./upgrade/Check.ts"

/** `fermata upgrade` */
export const commandUpgrade = Command.make("upgrade").pipe(
  Command.withDescription("Look at what a change of code does to the runs of a database"),
  Command.withExamples([{
    command: "fermata upgrade check",
    description: "Before a deploy: does this code fit every open run?"
  }]),
  Command.withSubcommands([commandUpgradeCheck])
)
