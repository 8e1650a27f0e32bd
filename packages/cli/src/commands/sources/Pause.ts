import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { document, note as say } from "../../Output.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"
import * as Arguments from "../Arguments.ts"

/** `fermata sources pause` */
export const commandSourcesPause = Command.make(
  "pause",
  { source: Arguments.source, note: Arguments.text("note", "TEXT", "Why") },
  ({ note, source }) =>
    withOperator(
      { command: "sources pause", existing: true, idle: true },
      (operator, { as, json }) =>
        Effect.gen(function*() {
          const view = yield* operator.refine(
            operator.sources.pause(source, { by: as, note: Option.getOrUndefined(note) })
          )
          if (json) return yield* document(view)
          yield* say(`source ${view.name} is paused: whoever sends is told to try again`)
        })
    )
).pipe(
  Command.withDescription("Have the senders of a source try again later; nothing is taken or recorded meanwhile"),
  Sides.either,
  Command.withExamples([{ command: "fermata sources pause github --note moving", description: "Until sources resume" }])
)
