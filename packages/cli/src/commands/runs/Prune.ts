import { endedStatuses } from "@fermata/core/Retention"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Sides from "../../Sides.ts"
import * as Arguments from "../Arguments.ts"
import * as Many from "./Many.ts"

/** `fermata runs prune` */
export const commandRunsPrune = Command.make(
  "prune",
  {
    olderThan: Arguments.age("older-than", "Runs that ended so long ago, or longer"),
    status: Flag.Literals("status", endedStatuses).pipe(
      Flag.withDescription("Only runs that ended so; may be repeated"),
      Flag.atLeast(0)
    ),
    workflow: Arguments.text("workflow", "NAME", "Only runs of this workflow"),
    noWait: Arguments.noWait,
    dryRun: Many.flags.dryRun,
    confirm: Many.flags.confirm
  },
  ({ confirm, dryRun, noWait, olderThan, status, workflow }) =>
    Effect.gen(function*() {
      const endedUntil = (yield* Clock.currentTimeMillis) - olderThan
      const { actOnMany } = yield* Effect.promise(() => import("../../Bulk.ts"))
      yield* actOnMany("runs prune", {
        action: "delete",
        filter: {
          endedUntil,
          ...(status.length === 0 ? {} : { status }),
          ...(Option.isSome(workflow) ? { workflow: workflow.value } : {})
        }
      }, { dryRun, detach: noWait, confirm: Option.getOrUndefined(confirm) })
    })
).pipe(
  Command.withDescription("Delete runs that ended long ago, with all that was asked for below them; for good"),
  Sides.either,
  Command.withExamples([
    { command: "fermata runs prune --older-than 30d --dry-run", description: "See how many that would be" },
    {
      command: "fermata runs prune --older-than 7d --status completed --workflow order",
      description: "Keep what failed, and what is of others"
    }
  ])
)
