import * as Command from "effect/cli/Command"
import { actAndFollow } from "../../Act.ts"
import * as Sides from "../../Sides.ts"
import * as Arguments from "../Arguments.ts"
import * as Many from "./Many.ts"

/** `fermata runs pause` */
export const commandRunsPause = Command.make(
  "pause",
  { run: Many.run, noWait: Arguments.noWait, ...Many.flags },
  ({ noWait, run, ...many }) =>
    Many.oneOrMany(
      "runs pause",
      { action: "pause" },
      { ...many, run, detach: noWait },
      (one) =>
        actAndFollow("runs pause", {
          run: one,
          noWait,
          goal: "paused",
          act: (host, { as }) => host.runs.pause(one, { by: as }),
          said: ({ runId }) => `run ${runId} is asked to pause`
        })
    )
).pipe(
  Command.withDescription("Let no further step of a run start until it is resumed"),
  Sides.either,
  Command.withExamples([{ command: "fermata runs pause 1f0c", description: "Hold a run" }])
)
