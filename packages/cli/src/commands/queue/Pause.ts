import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { document, note } from "../../Output.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"
import * as Which from "./Which.ts"

/** `fermata queue pause` */
export const commandQueuePause = Command.make(
  "pause",
  Which.options,
  (given) =>
    Effect.gen(function*() {
      const name = yield* Which.queueOf(given)
      yield* withOperator({ command: "queue pause", idle: true }, (operator, { as: by, json }) =>
        Effect.gen(function*() {
          if (name === undefined) {
            const dispatch = yield* operator.refine(operator.tasks.setDispatch(true, { by }))
            return yield* json ? document(dispatch) : note("all queues are paused; tasks at work go on")
          }
          const queue = yield* operator.refine(operator.tasks.pause(name, { by }))
          yield* json ? document(queue) : note(`queue ${queue.name} is paused; those at work go on`)
        }))
    })
).pipe(
  Command.withDescription("Give out no further task of a queue; those at work go on"),
  Sides.either,
  Command.withExamples([
    { command: "fermata queue pause reports", description: "Give out no further task of it" },
    { command: "fermata queue pause --all", description: "Nor of any other" }
  ])
)
