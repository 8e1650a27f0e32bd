import * as Command from "effect/cli/Command"
import { actAndFollow } from "../../Act.ts"
import * as Sides from "../../Sides.ts"
import * as Arguments from "../Arguments.ts"
import * as Many from "./Many.ts"

/** `fermata runs resume` */
export const commandRunsResume = Command.make(
  "resume",
  { run: Many.run, noWait: Arguments.noWait, ...Many.flags },
  ({ noWait, run, ...many }) =>
    Many.oneOrMany(
      "runs resume",
      { action: "resume" },
      { ...many, run, detach: noWait },
      (one) =>
        actAndFollow("runs resume", {
          run: one,
          noWait,
          goal: "completed",
          act: (host, { as }) => host.runs.resume(one, { by: as }),
          said: ({ runId }) => `run ${runId} is asked to go on`
        })
    )
).pipe(
  Command.withDescription(
    "Let a run go on that was paused, failed and was suspended, diverged, or was stopped after repeated crashes"
  ),
  Sides.either,
  Command.withExamples([{ command: "fermata runs resume 1f0c", description: "Go on and follow it" }])
)
