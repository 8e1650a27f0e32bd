import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { document, lines } from "../../Output.ts"
import * as Sides from "../../Sides.ts"

/** The instance that a command is about. */
export const instance = Argument.String("instance").pipe(Argument.withDescription("Its key, or its run"))

/** `fermata instances show` */
export const commandInstancesShow = Command.make(
  "show",
  { instance },
  ({ instance }) =>
    Effect.gen(function*() {
      const { withInstances } = yield* Effect.promise(() => import("./With.ts"))
      yield* withInstances("instances show", ({ show }, host, { json }) =>
        Effect.gen(function*() {
          const found = yield* host.refine(show(instance))
          if (json) return yield* document(found)
          const { iso } = yield* Effect.promise(() => import("../../Words.ts"))
          yield* lines([
            `instance ${found.key} of ${found.template}, run ${found.run}`,
            `state    ${found.state}${found.allowed.length === 0 ? "" : `, goes on to ${found.allowed.join(", ")}`}`,
            ...(found.problem === undefined ? [] : [`problem  ${found.problem}`]),
            `context  ${JSON.stringify(found.context)}`,
            ...found.history.map(({ at, by, note, to }) =>
              `  ${iso(at)}  ${to}${by === undefined ? "" : `  by ${by}`}${note === undefined ? "" : `: ${note}`}`
            )
          ])
        }))
    })
).pipe(
  Command.withDescription("Show an instance: its state, what it was told, and how it came there"),
  Sides.here("looks at instances of the machines of a configuration"),
  Command.withExamples([{ command: "fermata instances show ada-1", description: "By its key" }])
)
