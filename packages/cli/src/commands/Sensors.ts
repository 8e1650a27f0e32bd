import * as Command from "effect/cli/Command"
import { commandSensorsEvent } from "./sensors/Event.ts"
import { commandSensorsLs } from "./sensors/Ls.ts"
import { commandSensorsShow } from "./sensors/Show.ts"

/** `fermata sensors` */
export const commandSensors = Command.make("sensors").pipe(
  Command.withDescription("Take what comes in from outside, and see what came"),
  Command.withExamples([{ command: "fermata sensors ls", description: "What came in, and what it came to" }]),
  Command.withSubcommands([commandSensorsEvent, commandSensorsLs, commandSensorsShow])
)
