import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { actAndFollow } from "../../Act.ts"
import * as Sides from "../../Sides.ts"
import * as Arguments from "../Arguments.ts"
import * as Many from "./Many.ts"

/** `fermata runs cancel` */
export const commandRunsCancel = Command.make(
  "cancel",
  {
    run: Many.run,
    reason: Flag.String("reason").pipe(
      Flag.withMetavar("TEXT"),
      Flag.withDescription("Why, as recorded"),
      Flag.withDefault("cancelled by an operator")
    ),
    noWait: Arguments.noWait,
    ...Many.flags
  },
  ({ noWait, reason, run, ...many }) =>
    Many.oneOrMany(
      "runs cancel",
      { action: "cancel", reason },
      { ...many, run, detach: noWait },
      (one) =>
        actAndFollow("runs cancel", {
          run: one,
          noWait,
          goal: "cancelled",
          act: (host, { as }) => host.runs.cancel(one, { by: as, reason }),
          said: ({ runId }) => `run ${runId} is asked to stop`
        })
    )
).pipe(
  Command.withDescription("Stop a run, or many: what it does is interrupted, and its compensations run"),
  Sides.either,
  Command.withExamples([
    { command: "fermata runs cancel 1f0c --reason \"wrong order\"", description: "Stop a run and say why" },
    {
      command: "fermata runs cancel --filter workflow=greet --filter status=suspended --dry-run",
      description: "See which runs a filter would stop"
    }
  ])
)
