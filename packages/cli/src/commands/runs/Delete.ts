import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { document, note } from "../../Output.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"
import * as Arguments from "../Arguments.ts"
import * as Many from "./Many.ts"

/** `fermata runs delete` */
export const commandRunsDelete = Command.make(
  "delete",
  { run: Many.run, noWait: Arguments.noWait, ...Many.flags },
  ({ noWait, run, ...many }) =>
    Many.oneOrMany(
      "runs delete",
      { action: "delete" },
      { ...many, run, detach: noWait },
      (one) =>
        withOperator({ command: "runs delete", existing: true, idle: true }, (operator, { as, json }) =>
          Effect.gen(function*() {
            const deleted = yield* operator.refine(operator.retention.delete(one, { by: as }))
            if (json) {
              return yield* document(deleted)
            }
            const below = deleted.runs - 1
            yield* note(
              `run ${deleted.runId} is deleted${
                below === 0 ? "" : `, and ${below === 1 ? "the run" : `the ${below} runs`} below it`
              }`
            )
          }))
    )
).pipe(
  Command.withDescription("Delete a run that has ended, or many, with all that was asked for below them; for good"),
  Sides.either,
  Command.withExamples([
    { command: "fermata runs delete 1f0c", description: "A run, its journal and what its steps keep" },
    {
      command: "fermata runs delete --filter label=session=s1 --dry-run",
      description: "See which runs a filter would delete"
    }
  ])
)
