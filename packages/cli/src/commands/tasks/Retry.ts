import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { document, note } from "../../Output.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"
import * as TaskArgument from "./Task.ts"

/** `fermata tasks retry` */
export const commandTasksRetry = Command.make(
  "retry",
  { task: TaskArgument.task },
  ({ task: id }) =>
    withOperator(
      { command: "tasks retry", existing: true, idle: true },
      (operator, { as, json }) =>
        Effect.gen(function*() {
          const task = yield* operator.refine(operator.tasks.retry(id, { by: as }))
          if (json) return yield* document(task)
          yield* note(`task ${task.id} is queued again, with all its attempts before it`)
        })
    )
).pipe(
  Command.withDescription("Have a task tried again that has failed or was cancelled"),
  Sides.either,
  Command.withExamples([{ command: "fermata tasks retry 1f0c93ab", description: "Queue it again" }])
)
