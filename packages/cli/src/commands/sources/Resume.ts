import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { document, note } from "../../Output.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"
import * as Arguments from "../Arguments.ts"

/** `fermata sources resume` */
export const commandSourcesResume = Command.make(
  "resume",
  { source: Arguments.source },
  ({ source }) =>
    withOperator(
      { command: "sources resume", existing: true, idle: true },
      (operator, { as, json }) =>
        Effect.gen(function*() {
          const view = yield* operator.refine(operator.sources.resume(source, { by: as }))
          if (json) return yield* document(view)
          yield* note(`source ${view.name} takes what is sent`)
        })
    )
).pipe(
  Command.withDescription("Let a source that was paused take what is sent again"),
  Sides.either,
  Command.withExamples([{ command: "fermata sources resume github", description: "From the next message on" }])
)
