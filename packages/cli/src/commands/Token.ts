import * as Command from "effect/cli/Command"
import { commandTokenCreate } from "./token/Create.ts"
import { commandTokenLs } from "./token/Ls.ts"
import { commandTokenRm } from "./token/Rm.ts"

/** `fermata token` */
export const commandToken = Command.make("token").pipe(
  Command.withDescription("Say who may call the server of this database: make tokens, see them, take them back"),
  Command.withExamples([
    { command: "fermata token create ada --scope read --scope approve", description: "Ada may look and answer" }
  ]),
  Command.withSubcommands([commandTokenCreate, commandTokenLs, commandTokenRm])
)
