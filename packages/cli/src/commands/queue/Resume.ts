import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { document, note } from "../../Output.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"
import * as Which from "./Which.ts"

/** `fermata queue resume` */
export const commandQueueResume = Command.make(
  "resume",
  Which.options,
  (given) =>
    Effect.gen(function*() {
      const name = yield* Which.queueOf(given)
      yield* withOperator({ command: "queue resume", idle: true }, (operator, { as: by, json }) =>
        Effect.gen(function*() {
          if (name === undefined) {
            const dispatch = yield* operator.refine(operator.tasks.setDispatch(false, { by }))
            return yield* json
              ? document(dispatch)
              : note("tasks are given out again, but for queues that are paused themselves")
          }
          const queue = yield* operator.refine(operator.tasks.resume(name, { by }))
          yield* json ? document(queue) : note(`queue ${queue.name} is given out again`)
        }))
    })
).pipe(
  Command.withDescription("Give out tasks of a queue again"),
  Sides.either,
  Command.withExamples([
    { command: "fermata queue resume reports", description: "Give out its tasks again" },
    { command: "fermata queue resume --all", description: "Of all queues that are not paused themselves" }
  ])
)
