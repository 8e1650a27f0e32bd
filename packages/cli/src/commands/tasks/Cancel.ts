import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import { document, note } from "../../Output.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"
import * as TaskArgument from "./Task.ts"

/** `fermata tasks cancel` */
export const commandTasksCancel = Command.make(
  "cancel",
  {
    task: TaskArgument.task,
    reason: Flag.String("reason").pipe(
      Flag.withMetavar("TEXT"),
      Flag.withDescription("Why, as recorded"),
      Flag.withDefault("operator_canceled")
    ),
    queuedOnly: Flag.Boolean("queued-only").pipe(
      Flag.withoutNegation,
      Flag.withDescription("Leave it alone if a worker has it"),
      Flag.withDefault(false)
    )
  },
  ({ queuedOnly, reason, task: id }) =>
    withOperator(
      { command: "tasks cancel", existing: true, idle: true },
      (operator, { as, json }) =>
        Effect.gen(function*() {
          const task = yield* operator.refine(
            operator.tasks.cancel(id, { by: as, reason, isQueuedOnly: queuedOnly })
          )
          if (json) return yield* document(task)
          yield* note(
            task.isStopping === true
              ? `task ${task.id} is asked to stop; its worker interrupts it`
              : `task ${task.id} is cancelled`
          )
        })
    )
).pipe(
  Command.withDescription("Cancel a task: one that is queued at once, and one at work by its worker"),
  Sides.either,
  Command.withExamples([
    { command: "fermata tasks cancel 1f0c93ab --reason \"asked for twice\"", description: "It is not done" },
    { command: "fermata tasks cancel 1f0c93ab --queued-only", description: "Unless a worker has it already" }
  ])
)
