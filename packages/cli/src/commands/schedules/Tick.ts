import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { document, note } from "../../Output.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"
import * as Told from "./Told.ts"

const make = (name: string, path: string) =>
  Command.make(
    name,
    {},
    () =>
      withOperator({ command: path, existing: true, idle: true }, (operator, { json }) =>
        Effect.gen(function*() {
          const ticked = yield* operator.refine(operator.schedules.tick)
          if (json) return yield* document(ticked)
          for (const firing of ticked.firings) yield* note(`schedule ${firing.schedule} ${Told.sentence(firing)}`)
          yield* note(`${ticked.started} started`)
        }))
  ).pipe(
    Command.withDescription("Fire what is due now, without waiting for a worker to do it"),
    Sides.either,
    Command.withExamples([
      { command: `fermata ${path}`, description: "How much was due; at once again it is nothing" }
    ])
  )

/** `fermata schedules tick` */
export const commandSchedulesTick = make("tick", "schedules tick")

/** `fermata schedule-tick`: the same, as it is known from the reference. */
export const commandScheduleTick = make("schedule-tick", "schedule-tick")
