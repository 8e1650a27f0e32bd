/** The task that a command is about. */
import * as Argument from "effect/cli/Argument"

export const task = Argument.String("task").pipe(Argument.withDescription("The id of a task"))
