import * as Command from "effect/cli/Command"
import { commandTasksAdd } from "./tasks/Add.ts"
import { commandTasksCancel } from "./tasks/Cancel.ts"
import { commandTasksLs } from "./tasks/Ls.ts"
import { commandTasksRetry } from "./tasks/Retry.ts"
import { commandTasksShow } from "./tasks/Show.ts"

/** `fermata tasks` */
export const commandTasks = Command.make("tasks").pipe(
  Command.withDescription("Add tasks to queues, see how they stand, stop them and have them tried again"),
  Command.withExamples([
    { command: "fermata tasks add report --payload '{\"week\":12}'", description: "Have a worker do it" },
    { command: "fermata tasks show 1f0c93ab", description: "How it stands, and what it waits for" }
  ]),
  Command.withSubcommands([commandTasksAdd, commandTasksLs, commandTasksShow, commandTasksCancel, commandTasksRetry])
)
