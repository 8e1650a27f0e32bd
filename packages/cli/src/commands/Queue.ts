import * as Command from "effect/cli/Command"
import { commandQueueLs } from "./queue/Ls.ts"
import { commandQueuePause } from "./queue/Pause.ts"
import { commandQueueResume } from "./queue/Resume.ts"
import { commandQueueSet } from "./queue/Set.ts"

/** `fermata queue` */
export const commandQueue = Command.make("queue").pipe(
  Command.withDescription("See the queues of tasks, say what each lets through, and pause them"),
  Command.withExamples([
    { command: "fermata queue ls", description: "What waits, what is at work, and the limits" },
    { command: "fermata queue set reports --concurrency 4 --rate 100/60", description: "So many, and no more" }
  ]),
  Command.withSubcommands([commandQueueLs, commandQueueSet, commandQueuePause, commandQueueResume])
)
