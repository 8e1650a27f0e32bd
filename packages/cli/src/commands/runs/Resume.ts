import * as Command from "effect/cli/Command"
import { actAndFollow } from "../../Act.ts"
import * as Arguments from "../Arguments.ts"

/** `fermata runs resume` */
export const commandRunsResume = Command.make(
  "resume",
  { run: Arguments.run, noWait: Arguments.noWait },
  ({ noWait, run }) =>
    actAndFollow("runs resume", {
      run,
      noWait,
      goal: "completed",
      act: (host, { as }) => host.runs.resume(run, { by: as }),
      said: ({ runId }) => `run ${runId} is asked to go on`
    })
).pipe(
  Command.withDescription(
    "Let a run go on that was paused, failed and was suspended, diverged, or was stopped after repeated crashes"
  ),
  Command.withExamples([{ command: "fermata runs resume 1f0c", description: "Go on and follow it" }])
)
