import * as Command from "effect/cli/Command"
import { actAndFollow } from "../../Act.ts"
import * as Sides from "../../Sides.ts"
import * as Arguments from "../Arguments.ts"

/** `fermata runs confirm` */
export const commandRunsConfirm = Command.make(
  "confirm",
  { run: Arguments.run, noWait: Arguments.noWait },
  ({ noWait, run }) =>
    actAndFollow("runs confirm", {
      run,
      noWait,
      goal: "completed",
      act: (host, { as }) => host.runs.confirm(run, { by: as }),
      said: ({ runId }) => `run ${runId} goes on: nothing of it has happened since the backup`
    })
).pipe(
  Command.withDescription(
    "Say, once the database was put back from a backup, that nothing of a run has happened since: its steps begin"
  ),
  Sides.here("says something of the file that was put back"),
  Command.withExamples([{ command: "fermata runs confirm 1f0c", description: "Nothing was done: go on and follow it" }])
)
