import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { document } from "../../Output.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"
import * as Arguments from "../Arguments.ts"

/** `fermata sources show` */
export const commandSourcesShow = Command.make(
  "show",
  { source: Arguments.source },
  ({ source }) =>
    withOperator(
      { command: "sources show", readOnly: true, existing: true },
      (operator) => Effect.flatMap(operator.refine(operator.sources.find(source)), document)
    )
).pipe(
  Command.withDescription("Show a source as JSON: how its sender is known, and how what is sent is read"),
  Sides.either,
  Command.withExamples([{ command: "fermata sources show github", description: "What comes of what GitHub sends" }])
)
