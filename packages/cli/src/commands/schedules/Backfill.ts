import { overlaps } from "@fermata/core/Schedule"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { refused } from "../../CommandFailed.ts"
import { document, note } from "../../Output.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"
import * as Arguments from "../Arguments.ts"
import { schedule } from "./Schedule.ts"

/** `fermata schedules backfill` */
export const commandSchedulesBackfill = Command.make(
  "backfill",
  {
    schedule,
    from: Arguments.time("from", "The first time"),
    until: Arguments.time("until", "The last time; now when absent"),
    overlap: Flag.Literals("overlap", overlaps).pipe(
      Flag.withDescription("What becomes of a time while the run of the one before goes on; buffer-all when absent"),
      Flag.optional
    )
  },
  ({ from, overlap, schedule: name, until }) =>
    Effect.gen(function*() {
      if (Option.isNone(from)) {
        return yield* refused("InvalidValue", "nothing says from when on it is to be filled back", ["give --from TIME"])
      }
      yield* withOperator({ command: "schedules backfill", existing: true, idle: true }, (operator, { as, json }) =>
        Effect.gen(function*() {
          const started = yield* operator.refine(operator.schedules.backfill(name, {
            from: from.value,
            until: Option.getOrElse(until, () =>
              Math.floor(operator.now())),
            ...(Option.isNone(overlap) ? {} : { overlap: overlap.value })
          }, { by: as }))
          if (json) return yield* document(started)
          const { schedule, slots } = started
          yield* note(`schedule ${schedule} is filled back: ${slots} ${slots === 1 ? "time" : "times"}, by its workers`)
        }))
    })
).pipe(
  Command.withDescription("Fire the times of a span that has passed, one after another, and none twice"),
  Sides.either,
  Command.withExamples([
    { command: "fermata schedules backfill nightly --from 2026-01-01 --until 2026-01-31", description: "A whole month" }
  ])
)
