import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { exitCodes } from "../../CommandFailed.ts"
import { document, exitWith, line } from "../../Output.ts"
import { withHost } from "../../Session.ts"
import * as Sides from "../../Sides.ts"
import * as Arguments from "../Arguments.ts"

/** `fermata upgrade check` */
export const commandUpgradeCheck = Command.make(
  "check",
  {
    finished: Flag.Int("finished").pipe(
      Flag.withMetavar("N"),
      Flag.withDescription("How many finished runs are replayed too, the last started first; default 100"),
      Flag.filter((count) => count >= 0, (count) => `expected a whole number from 0, found ${count}`),
      Flag.withDefault(100)
    ),
    workflow: Arguments.text("workflow", "W", "Only runs of this workflow")
  },
  ({ finished, workflow }) =>
    withHost(
      { command: "upgrade check", idle: true, readOnly: "untouched", existing: true },
      (host, { json }) =>
        Effect.gen(function*() {
          const { reportText } = yield* Effect.promise(() => import("../../Replays.ts"))
          const Upgrade = yield* Effect.promise(() => import("@fermata/engine/Upgrade"))
          yield* host.serve()
          const named = Option.getOrUndefined(workflow)
          const report = yield* host.use(
            Upgrade.check({ finished, ...(named === undefined ? {} : { workflow: named }) })
          )
          const ok = report.breaks.length + report.unreadable.length === 0
          yield* exitWith(ok ? exitCodes.completed : exitCodes.failed)
          if (json) {
            return yield* document({ ok, ...report })
          }
          for (const text of reportText(report)) yield* line(text)
        })
    )
).pipe(
  Command.withDescription(
    "Replay every open run against the code at hand, without a step or a write; exit code 1 when one would break"
  ),
  Sides.here("runs the code of this folder against a database"),
  Command.withExamples([
    { command: "fermata upgrade check", description: "Before a deploy, with the new code in this folder" },
    {
      command: "fermata upgrade check --db copy.db --finished 1000 --json",
      description: "On a copy, with more finished runs, for a program"
    }
  ])
)
