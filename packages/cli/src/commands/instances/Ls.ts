import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { item, lines, note, table, width } from "../../Output.ts"
import * as Sides from "../../Sides.ts"
import * as Arguments from "../Arguments.ts"

/** `fermata instances ls` */
export const commandInstancesLs = Command.make(
  "ls",
  {
    template: Arguments.text("template", "NAME", "Only instances of this machine"),
    limit: Arguments.limit
  },
  ({ limit, template }) =>
    Effect.gen(function*() {
      const { withInstances } = yield* Effect.promise(() => import("./With.ts"))
      yield* withInstances("instances ls", ({ list }, host, { json }) =>
        Effect.gen(function*() {
          const only = Option.getOrUndefined(template)
          const found = yield* host.refine(list({ limit, ...(only === undefined ? {} : { template: only }) }))
          if (json) return yield* Effect.forEach(found, item, { discard: true })
          if (found.length === 0) return yield* note("no instances")
          yield* lines(table(
            ["INSTANCE", "MACHINE", "STATE", "GOES ON TO", "RUN"],
            found.map(({ allowed, key, problem, run, state, template }) => [
              key,
              template,
              problem === undefined ? state : `${state} (${problem})`,
              allowed.join(", "),
              run.slice(0, 12)
            ]),
            undefined,
            { width: width(), shrinks: [2, 3, 0] }
          ))
        }))
    })
).pipe(
  Command.withDescription("List the instances of machines, with the states that they are in"),
  Sides.here("looks at instances of the machines of a configuration"),
  Command.withExamples([{ command: "fermata instances ls --json", description: "As NDJSON" }])
)
