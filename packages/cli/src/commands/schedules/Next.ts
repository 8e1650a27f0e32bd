import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import { item, lines, note, table } from "../../Output.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"
import { schedule } from "./Schedule.ts"

/** `fermata schedules next` */
export const commandSchedulesNext = Command.make(
  "next",
  {
    schedule,
    count: Flag.Int("count").pipe(
      Flag.withMetavar("N"),
      Flag.withDescription("How many; 5 when absent"),
      Flag.filter((count) => count >= 1 && count <= 100, (count) => `expected 1 to 100, found ${count}`),
      Flag.withDefault(5)
    )
  },
  ({ count, schedule: name }) =>
    withOperator(
      { command: "schedules next", readOnly: true, existing: true },
      (operator, { json }) =>
        Effect.gen(function*() {
          const slots = yield* operator.refine(operator.schedules.next(name, count))
          if (json) return yield* Effect.forEach(slots, item, { discard: true })
          if (slots.length === 0) return yield* note("no further times")
          const { fromNow, iso } = yield* Effect.promise(() => import("../../Words.ts"))
          yield* lines(table(
            ["TIME", "FIRED"],
            slots.map(({ at, slot }) => [iso(slot), fromNow(at, operator.now())])
          ))
        })
    )
).pipe(
  Command.withDescription("List the next times of a schedule, and when each is fired"),
  Sides.either,
  Command.withExamples([{ command: "fermata schedules next nightly --count 10", description: "The next ten nights" }])
)
