import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { document, note } from "../../Output.ts"
import * as Sides from "../../Sides.ts"
import * as Arguments from "../Arguments.ts"
import { instance } from "./Show.ts"

/** `fermata instances move` */
export const commandInstancesMove = Command.make(
  "move",
  {
    instance,
    state: Argument.String("state").pipe(Argument.withDescription("The state that it goes on to")),
    why: Arguments.text("note", "TEXT", "Why, for its history")
  },
  ({ instance, state, why }) =>
    Effect.gen(function*() {
      const { withInstances } = yield* Effect.promise(() => import("./With.ts"))
      yield* withInstances("instances move", ({ move }, host, { as, json }) =>
        Effect.gen(function*() {
          const said = Option.getOrUndefined(why)
          const from = yield* host.refine(
            move(instance, state, { by: as, ...(said === undefined ? {} : { note: said }) })
          )
          if (json) return yield* document({ key: from.key, run: from.run, from: from.state, to: state })
          yield* note(`recorded: ${from.key} goes from ${from.state} to ${state} as soon as a worker takes it up`)
        }))
    })
).pipe(
  Command.withDescription("Move an instance on to another state; refused where its machine does not lead there"),
  Sides.here("moves instances of the machines of a configuration"),
  Command.withExamples([{ command: "fermata instances move ada-1 abandoned", description: "Give it up" }])
)
