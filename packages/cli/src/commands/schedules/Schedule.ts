/** The schedule that a command is about. */
import * as Argument from "effect/cli/Argument"

export const schedule = Argument.String("schedule").pipe(Argument.withDescription("The name of a schedule"))
