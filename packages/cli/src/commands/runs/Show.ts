import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { document } from "../../Output.ts"
import { processOf } from "../../Owners.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"
import * as Arguments from "../Arguments.ts"

/** `fermata runs show` */
export const commandRunsShow = Command.make(
  "show",
  { run: Arguments.run },
  ({ run }) =>
    withOperator(
      { command: "runs show", readOnly: true, existing: true },
      (operator, globals) =>
        Effect.gen(function*() {
          const view = yield* operator.refine(operator.runs.show(run))
          const process = yield* processOf(operator, view.id)
          const { labels, title } = yield* operator.refine(operator.runs.find(view.id))
          const told = { ...(title === undefined ? {} : { title }), ...(labels === undefined ? {} : { labels }) }
          if (globals.json) {
            const { id: runId, ...rest } = view
            return yield* document({ runId, ...told, ...rest, ...(process === undefined ? {} : { process }) })
          }
          const { show } = yield* Effect.promise(() => import("../../RunPage.ts"))
          const Samples = yield* Effect.promise(() => import("../../Samples.ts"))
          yield* show(view, {
            globals,
            now: operator.now(),
            process,
            ...told,
            samples: yield* Samples.of(operator, view)
          })
        })
    )
).pipe(
  Command.withDescription("Show one run: its steps, what it waits for, and how it goes on"),
  Sides.either,
  Command.withExamples([
    { command: "fermata runs show 1f0c", description: "For people" },
    { command: "fermata runs show 1f0c --json", description: "The whole view, with status at the top" }
  ])
)
