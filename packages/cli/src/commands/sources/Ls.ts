import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { item, lines, note, table, width } from "../../Output.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"

/** `fermata sources ls` */
export const commandSourcesLs = Command.make(
  "ls",
  {},
  () =>
    withOperator(
      { command: "sources ls", readOnly: true, existing: true, absent: "no sources" },
      (operator, { json }) =>
        Effect.gen(function*() {
          const sources = yield* operator.refine(operator.sources.list)
          if (json) return yield* Effect.forEach(sources, item, { discard: true })
          if (sources.length === 0) return yield* note("no sources")
          yield* lines(table(
            ["SOURCE", "SIGNED", "STANDS", "BY", "DESCRIPTION"],
            sources.map(({ by, description, name, note, paused, signature }) => [
              name,
              signature.type,
              paused ? `paused${note === undefined ? "" : `: ${note}`}` : "open",
              by,
              description ?? ""
            ]),
            undefined,
            { width: width(), shrinks: [4, 2, 0] }
          ))
        })
    )
).pipe(
  Command.withDescription("List who may send webhooks"),
  Sides.either,
  Command.withExamples([{ command: "fermata sources ls --json", description: "As NDJSON, with their mappings" }])
)
