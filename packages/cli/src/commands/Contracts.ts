import * as Command from "effect/cli/Command"
import { commandContractsAdd } from "./contracts/Add.ts"
import { commandContractsCheck } from "./contracts/Check.ts"
import { commandContractsGraph } from "./contracts/Graph.ts"
import { commandContractsLs } from "./contracts/Ls.ts"

/** `fermata contracts` */
export const commandContracts = Command.make("contracts").pipe(
  Command.withDescription("Check, draw, register and list contracts"),
  Command.withExamples([{
    command: "fermata contracts check contract.json",
    description: "Find every mistake of a contract"
  }]),
  Command.withSubcommands([commandContractsCheck, commandContractsGraph, commandContractsLs, commandContractsAdd])
)
