import * as Command from "effect/cli/Command"
import { commandInstancesCreate } from "./instances/Create.ts"
import { commandInstancesLs } from "./instances/Ls.ts"
import { commandInstancesMove } from "./instances/Move.ts"
import { commandInstancesShow } from "./instances/Show.ts"

/** `fermata instances` */
export const commandInstances = Command.make("instances").pipe(
  Command.withDescription("Instances of machines, which go from state to state: make, look, move"),
  Command.withSubcommands([commandInstancesCreate, commandInstancesLs, commandInstancesShow, commandInstancesMove])
)
