import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as JsonOption from "../../JsonOption.ts"
import { document, line, note } from "../../Output.ts"
import * as Sides from "../../Sides.ts"
import * as Arguments from "../Arguments.ts"

/** `fermata instances create` */
export const commandInstancesCreate = Command.make(
  "create",
  {
    template: Argument.String("template").pipe(Argument.withDescription("The machine, such as goal-loop")),
    key: Argument.String("key").pipe(Argument.withDescription("By which it is found; one key is one instance")),
    context: Arguments.json("context", "What the instance is told")
  },
  ({ context, key, template }) =>
    Effect.gen(function*() {
      const given = Option.isNone(context) ? {} : yield* JsonOption.read("--context", context.value)
      const { withInstances } = yield* Effect.promise(() => import("./With.ts"))
      yield* withInstances("instances create", ({ create }, host, { json }) =>
        Effect.gen(function*() {
          const made = yield* host.refine(create(template, key, given))
          if (json) return yield* document({ template, key, run: made.runId, joined: made.joined })
          yield* line(made.runId)
          yield* note(
            made.joined ? `instance ${key} was there, and is this one` : `instance ${key} of ${template} is made`
          )
        }))
    })
).pipe(
  Command.withDescription("Make an instance of a machine, or find the one that has this key, and print its run"),
  Sides.here("makes instances of the machines of a configuration"),
  Command.withExamples([{
    command:
      "fermata instances create goal-loop ada-1 --context '{\"summary\":\"Answer\",\"objective\":\"Ada knows\"}'",
    description: "A goal, pursued in rounds until it is met"
  }])
)
