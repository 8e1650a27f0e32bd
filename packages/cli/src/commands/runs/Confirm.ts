import * as Command from "effect/cli/Command"
import { actAndFollow } from "../../Act.ts"
import * as Sides from "../../Sides.ts"
import * as Arguments from "../Arguments.ts"
import * as Many from "./Many.ts"

/** `fermata runs confirm` */
export const commandRunsConfirm = Command.make(
  "confirm",
  { run: Many.run, noWait: Arguments.noWait, ...Many.flags },
  ({ noWait, run, ...many }) =>
    Many.oneOrMany(
      "runs confirm",
      { action: "confirm" },
      { ...many, run, detach: noWait },
      (one) =>
        actAndFollow("runs confirm", {
          run: one,
          noWait,
          goal: "completed",
          act: (host, { as }) => host.runs.confirm(one, { by: as }),
          said: ({ runId }) => `run ${runId} goes on: nothing of it has happened since the backup`
        })
    )
).pipe(
  Command.withDescription(
    "Say, once the database was put back from a backup, that nothing of a run, or of many, has happened since: their steps begin"
  ),
  Sides.either,
  Command.withExamples([
    { command: "fermata runs confirm 1f0c", description: "Nothing was done: go on and follow it" },
    {
      command: "fermata runs confirm --filter workflow=greet --dry-run",
      description: "See which runs in doubt a filter would confirm"
    }
  ])
)
