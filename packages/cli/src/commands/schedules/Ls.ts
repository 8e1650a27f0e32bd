import * as ScheduleSentence from "@fermata/core/ScheduleSentence"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { item, lines, note, table, width } from "../../Output.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"
import * as Arguments from "../Arguments.ts"

/** `fermata schedules ls` */
export const commandSchedulesLs = Command.make(
  "ls",
  { limit: Arguments.limit },
  ({ limit }) =>
    withOperator(
      { command: "schedules ls", readOnly: true, existing: true, absent: "no schedules" },
      (operator, { json }) =>
        Effect.gen(function*() {
          const found = yield* operator.refine(operator.schedules.list({ limit: limit + 1 }))
          const shown = found.slice(0, limit)
          if (json) yield* Effect.forEach(shown, item, { discard: true })
          else if (shown.length === 0) yield* note("no schedules")
          else {
            const { fromNow } = yield* Effect.promise(() => import("../../Words.ts"))
            const now = operator.now()
            yield* lines(table(
              ["SCHEDULE", "WHEN", "STARTS", "NEXT", "LAST", "STARTED", "MISSED", "PROBLEM"],
              shown.map(({ lastSlot, missed, name, nextAt, paused, problem, spec, started, target }) => [
                name,
                ScheduleSentence.ofSpec(spec),
                "workflow" in target
                  ? target.workflow
                  : "event" in target
                  ? `event ${target.event.name}`
                  : `task ${target.task.kind}`,
                paused ? "paused" : nextAt === undefined ? "never" : fromNow(nextAt, now),
                lastSlot === undefined ? "" : fromNow(lastSlot, now),
                String(started),
                String(missed),
                problem ?? ""
              ]),
              undefined,
              { width: width(), shrinks: [7, 1, 2, 0] }
            ))
          }
          if (found.length > limit) yield* note(`there are more; --limit ${limit * 2} shows twice as many`)
        })
    )
).pipe(
  Command.withDescription("List schedules by name: when each fires, what it starts, and how it stands"),
  Sides.either,
  Command.withExamples([
    { command: "fermata schedules ls", description: "What fires next, and what was missed" },
    { command: "fermata schedules ls --json", description: "As NDJSON" }
  ])
)
