import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { document, lines } from "../../Output.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"
import { schedule } from "./Schedule.ts"

/** `fermata schedules show` */
export const commandSchedulesShow = Command.make(
  "show",
  { schedule },
  ({ schedule: name }) =>
    withOperator(
      { command: "schedules show", readOnly: true, existing: true },
      (operator, { json }) =>
        Effect.gen(function*() {
          const view = yield* operator.refine(operator.schedules.show(name))
          if (json) return yield* document(view)
          const { iso } = yield* Effect.promise(() => import("../../Words.ts"))
          const told = (what: string, value: string | undefined) =>
            value === undefined ? [] : [`${what.padEnd(9)} ${value}`]
          yield* lines([
            `schedule ${view.name}`,
            view.sentence,
            "",
            ...told("starts", JSON.stringify(view.target)),
            ...told("overlap", view.overlap),
            ...told("catch-up", view.catchUp),
            ...told("producer", view.producer),
            ...told("started", String(view.started)),
            ...told("missed", String(view.missed)),
            ...told("last", view.lastSlot === undefined ? undefined : iso(view.lastSlot)),
            ...told("run", view.lastRun),
            ...told("said by", view.by),
            ...told("since", iso(view.createdAt)),
            ...told("note", view.note)
          ])
        })
    )
).pipe(
  Command.withDescription("Show a schedule: when it fires, what it starts, and what holds it up"),
  Sides.either,
  Command.withExamples([
    { command: "fermata schedules show nightly", description: "What comes next, and what was missed" },
    { command: "fermata schedules show nightly --json", description: "As one JSON document" }
  ])
)
