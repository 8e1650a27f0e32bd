import * as ReferenceSchedule from "@fermata/core/ReferenceSchedule"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as JsonOption from "../../JsonOption.ts"
import { document, note } from "../../Output.ts"
import { refine } from "../../Refine.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"

/** `fermata schedule-create`: as it is known from the reference. */
export const commandScheduleCreate = Command.make("schedule-create", {
  schedule: Argument.String("schedule").pipe(
    Argument.withDescription("A schedule with its name: JSON, or @file; also in the form of the reference")
  )
}, ({ schedule: given }) =>
  Effect.gen(function*() {
    const said = yield* JsonOption.read("schedule", given)
    const { name, ...options } = yield* refine(Effect.fromResult(ReferenceSchedule.read(said)))
    yield* withOperator({ command: "schedule-create", idle: true }, (operator, { as, json }) =>
      Effect.gen(function*() {
        const { result, schedule } = yield* operator.refine(operator.schedules.put(name, options, { by: as }))
        if (json) return yield* document({ ...schedule, result })
        yield* note(`schedule ${schedule.name} is ${result === "same" ? "as it was" : result}: ${schedule.sentence}`)
      }))
  })).pipe(
    Command.withDescription("Make a schedule, or change the one of its name"),
    Sides.either,
    Command.withExamples([
      {
        command:
          "fermata schedule-create '{\"name\":\"checkin\",\"interval_seconds\":305,\"task\":{\"kind\":\"checkin\"}}'",
        description: "A task every 5 min 5 s"
      }
    ])
  )
