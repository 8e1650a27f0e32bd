import * as Command from "effect/cli/Command"
import { commandEventsLs } from "./events/Ls.ts"

/** `fermata events` */
export const commandEvents = Command.make("events").pipe(
  Command.withDescription("See which events were published"),
  Command.withExamples([{ command: "fermata events ls", description: "List the latest events" }]),
  Command.withSubcommands([commandEventsLs])
)
