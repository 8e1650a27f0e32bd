import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { document, note } from "../../Output.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"
import { schedule } from "./Schedule.ts"
import * as Told from "./Told.ts"

/** `fermata schedules run` */
export const commandSchedulesRun = Command.make(
  "run",
  { schedule },
  ({ schedule: name }) =>
    withOperator(
      { command: "schedules run", existing: true, idle: true },
      (operator, { as, json }) =>
        Effect.gen(function*() {
          const firing = yield* operator.refine(operator.schedules.runNow(name, { by: as }))
          if (json) return yield* document(firing)
          yield* note(`schedule ${firing.schedule} ${Told.sentence(firing)}`)
        })
    )
).pipe(
  Command.withDescription("Fire a schedule now, also one that is paused, and leave its times as they are"),
  Sides.either,
  Command.withExamples([{ command: "fermata schedules run nightly", description: "Once more, by day" }])
)
