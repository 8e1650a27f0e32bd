import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { actAndFollow } from "../../Act.ts"
import * as Arguments from "../Arguments.ts"

/** `fermata runs cancel` */
export const commandRunsCancel = Command.make("cancel", {
  run: Arguments.run,
  reason: Flag.String("reason").pipe(
    Flag.withMetavar("TEXT"),
    Flag.withDescription("Why, as recorded"),
    Flag.withDefault("cancelled by an operator")
  ),
  noWait: Arguments.noWait
}, ({ noWait, reason, run }) =>
  actAndFollow("runs cancel", {
    run,
    noWait,
    goal: "cancelled",
    act: (host, { as }) => host.runs.cancel(run, { by: as, reason }),
    said: ({ runId }) => `run ${runId} is asked to stop`
  })).pipe(
    Command.withDescription("Stop a run: what it does is interrupted, and its compensations run"),
    Command.withExamples([{
      command: "fermata runs cancel 1f0c --reason \"wrong order\"",
      description: "Stop a run and say why"
    }])
  )
