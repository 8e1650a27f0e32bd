import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { document, note } from "../../Output.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"
import * as Arguments from "../Arguments.ts"

/** `fermata sources rm` */
export const commandSourcesRm = Command.make(
  "rm",
  { source: Arguments.source },
  ({ source }) =>
    withOperator(
      { command: "sources rm", existing: true, idle: true },
      (operator, { as, json }) =>
        Effect.gen(function*() {
          const view = yield* operator.refine(operator.sources.remove(source, { by: as }))
          if (json) return yield* document(view)
          yield* note(
            `source ${view.name} is forgotten, and whoever sends to it is nobody; what came from it stays listed`
          )
        })
    )
).pipe(
  Command.withDescription("Forget a source; what came from it stays listed"),
  Sides.either,
  Command.withExamples([{ command: "fermata sources rm github", description: "Nobody is let in by it any more" }])
)
