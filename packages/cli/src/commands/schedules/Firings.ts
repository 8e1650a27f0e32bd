import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { item, lines, note, table, width } from "../../Output.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"
import * as Arguments from "../Arguments.ts"
import { schedule } from "./Schedule.ts"
import * as Told from "./Told.ts"

/** `fermata schedules firings` */
export const commandSchedulesFirings = Command.make(
  "firings",
  { schedule, limit: Arguments.limit },
  ({ limit, schedule: name }) =>
    withOperator(
      { command: "schedules firings", readOnly: true, existing: true },
      (operator, { json }) =>
        Effect.gen(function*() {
          const found = yield* operator.refine(operator.schedules.firings(name, { limit: limit + 1 }))
          const shown = found.slice(0, limit)
          if (json) yield* Effect.forEach(shown, item, { discard: true })
          else if (shown.length === 0) yield* note("nothing was fired yet")
          else {
            const { fromNow, iso } = yield* Effect.promise(() => import("../../Words.ts"))
            yield* lines(table(
              ["TIME", "FIRED", "CAUSE", "OUTCOME", "MISSED", "WHAT"],
              shown.map((firing) => [
                iso(firing.slot),
                fromNow(firing.at, operator.now()),
                firing.cause,
                firing.outcome,
                String(firing.missed),
                Told.told(firing)
              ]),
              undefined,
              { width: width(), shrinks: [5] }
            ))
          }
          if (found.length > limit) yield* note(`there are more; --limit ${limit * 2} shows twice as many`)
        })
    )
).pipe(
  Command.withDescription("List what became of the last times of a schedule, the newest first; 200 are kept"),
  Sides.either,
  Command.withExamples([{
    command: "fermata schedules firings nightly",
    description: "What was started, and what not"
  }])
)
