import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { document, line } from "../../Output.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"

const run = (name: string) =>
  Argument.String(name).pipe(Argument.withDescription("The id of a run, or the first characters of it (at least 4)"))

/** `fermata runs diff` */
export const commandRunsDiff = Command.make(
  "diff",
  { a: run("a"), b: run("b") },
  ({ a, b }) =>
    withOperator(
      { command: "runs diff", readOnly: true, existing: true },
      (operator, { json }) =>
        Effect.gen(function*() {
          const diff = yield* operator.refine(operator.runs.diff(a, b))
          if (json) return yield* document(diff)
          const { textOf } = yield* Effect.promise(() => import("../../Diff.ts"))
          for (const text of textOf(diff)) yield* line(text)
        })
    )
).pipe(
  Command.withDescription("Show where two runs part, and what came of each step in both"),
  Sides.either,
  Command.withExamples([
    { command: "fermata runs diff 1f0c 93ab", description: "A run and its fork" },
    { command: "fermata runs diff 1f0c 93ab --json", description: "The same as one JSON document" }
  ])
)
