import * as Command from "effect/cli/Command"
import { commandPolicyLs } from "./policy/Ls.ts"
import { commandPolicyRm } from "./policy/Rm.ts"

/** `fermata policy` */
export const commandPolicy = Command.make("policy").pipe(
  Command.withDescription("See the rules that answers have let stand, and take them back"),
  Command.withExamples([{ command: "fermata policy ls", description: "See what agents do without asking" }]),
  Command.withSubcommands([commandPolicyLs, commandPolicyRm])
)
