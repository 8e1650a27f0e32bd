import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { document, note } from "../../Output.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"
import { schedule } from "./Schedule.ts"

/** `fermata schedules resume` */
export const commandSchedulesResume = Command.make(
  "resume",
  { schedule },
  ({ schedule: name }) =>
    withOperator(
      { command: "schedules resume", existing: true, idle: true },
      (operator, { as, json }) =>
        Effect.gen(function*() {
          const view = yield* operator.refine(operator.schedules.resume(name, { by: as }))
          if (json) return yield* document(view)
          yield* note(`schedule ${view.name} goes on: ${view.sentence}`)
        })
    )
).pipe(
  Command.withDescription("Have a paused schedule go on with the first time that is yet to come"),
  Sides.either,
  Command.withExamples([{ command: "fermata schedules resume nightly", description: "Again from the next night on" }])
)
