import * as Command from "effect/cli/Command"
import { commandTenantsDelete } from "./tenants/Delete.ts"
import { commandTenantsLimit } from "./tenants/Limit.ts"
import { commandTenantsLs } from "./tenants/Ls.ts"

/** `fermata tenants` */
export const commandTenants = Command.make("tenants").pipe(
  Command.withDescription(
    "See the tenants of the store, say what each may have at a time, and delete all that one has"
  ),
  Command.withExamples([
    { command: "fermata tenants ls", description: "Which there are, and what they have" },
    { command: "fermata tenants limit acme --open-runs 100", description: "No more than so many runs at a time" }
  ]),
  Command.withSubcommands([commandTenantsLs, commandTenantsLimit, commandTenantsDelete])
)
