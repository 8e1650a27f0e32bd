import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { document, note } from "../../Output.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"
import { schedule } from "./Schedule.ts"

/** `fermata schedules pause` */
export const commandSchedulesPause = Command.make(
  "pause",
  { schedule },
  ({ schedule: name }) =>
    withOperator(
      { command: "schedules pause", existing: true, idle: true },
      (operator, { as, json }) =>
        Effect.gen(function*() {
          const view = yield* operator.refine(operator.schedules.pause(name, { by: as }))
          if (json) return yield* document(view)
          yield* note(`schedule ${view.name} is paused; what it has started goes on`)
        })
    )
).pipe(
  Command.withDescription("Have a schedule fire nothing until it is resumed; times that come meanwhile are left out"),
  Sides.either,
  Command.withExamples([{ command: "fermata schedules pause nightly", description: "Nothing tonight" }])
)
