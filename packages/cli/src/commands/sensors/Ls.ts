import type { SensorRecord } from "@fermata/core/SensorEvent"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { item, lines, note, table, width } from "../../Output.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"
import * as Arguments from "../Arguments.ts"

/** `fermata sensors ls` */
export const commandSensorsLs = Command.make(
  "ls",
  {
    sensor: Arguments.text("sensor", "NAME", "Only what came from this sensor or source"),
    limit: Arguments.limit
  },
  ({ limit, sensor }) =>
    withOperator(
      { command: "sensors ls", readOnly: true, existing: true, absent: "nothing came in" },
      (operator, { json }) =>
        Effect.gen(function*() {
          const found = yield* operator.refine(
            operator.sensors.list({ sensor: Option.getOrUndefined(sensor), limit: limit + 1 })
          )
          const rows = found.slice(0, limit)
          const more = found.length > limit
            ? note(`there are more; --limit ${limit * 2} shows twice as many`)
            : Effect.void
          if (json) return yield* Effect.andThen(Effect.forEach(rows, item, { discard: true }), more)
          if (rows.length === 0) return yield* note("nothing came in")
          const { fromNow } = yield* Effect.promise(() => import("../../Words.ts"))
          const now = operator.now()
          yield* lines(table(
            ["SENSOR", "KEY", "CAME IN", "POSITION", "CAME TO"],
            rows.map((row) => [row.sensor, row.dedupe, fromNow(row.at, now), row.position, cameTo(row)]),
            undefined,
            { width: width(), shrinks: [4, 1, 0] }
          ))
          yield* more
        })
    )
).pipe(
  Command.withDescription("List what came in from outside, the newest first, and what it came to"),
  Sides.either,
  Command.withExamples([
    { command: "fermata sensors ls --sensor github", description: "What a source has taken and refused" },
    { command: "fermata sensors ls --limit 10 --json", description: "The last ten as NDJSON" }
  ])
)

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const cameTo = ({ outcome: { event, run, task }, refused }: SensorRecord): string =>
  refused === undefined
    ? [
      ...(event === undefined ? [] : [`event ${event.name}`]),
      ...(task === undefined ? [] : [`task ${task.kind}`]),
      ...(run === undefined ? [] : [`run ${run.id.slice(0, 8)}`])
    ].join(", ")
    : `refused: ${refused}`
