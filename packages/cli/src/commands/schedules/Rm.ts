import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { document, note } from "../../Output.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"
import { schedule } from "./Schedule.ts"

/** `fermata schedules rm` */
export const commandSchedulesRm = Command.make(
  "rm",
  { schedule },
  ({ schedule: name }) =>
    withOperator(
      { command: "schedules rm", existing: true, idle: true },
      (operator, { as, json }) =>
        Effect.gen(function*() {
          const view = yield* operator.refine(operator.schedules.remove(name, { by: as }))
          if (json) return yield* document(view)
          yield* note(`schedule ${view.name} is gone; what it has started goes on`)
        })
    )
).pipe(
  Command.withDescription("Forget a schedule, what became of its times, and what waits at it"),
  Sides.either,
  Command.withExamples([{ command: "fermata schedules rm heartbeat", description: "No further heartbeats" }])
)
