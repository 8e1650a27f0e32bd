import * as Command from "effect/cli/Command"
import { actAndFollow } from "../../Act.ts"
import * as Arguments from "../Arguments.ts"

/** `fermata runs pause` */
export const commandRunsPause = Command.make(
  "pause",
  { run: Arguments.run, noWait: Arguments.noWait },
  ({ noWait, run }) =>
    actAndFollow("runs pause", {
      run,
      noWait,
      goal: "paused",
      act: (host, { as }) => host.runs.pause(run, { by: as }),
      said: ({ runId }) => `run ${runId} is asked to pause`
    })
).pipe(
  Command.withDescription("Let no further step of a run start until it is resumed"),
  Command.withExamples([{ command: "fermata runs pause 1f0c", description: "Hold a run" }])
)
