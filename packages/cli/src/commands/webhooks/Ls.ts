import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { item, lines, note, table, width } from "../../Output.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"
import * as Arguments from "../Arguments.ts"

/** `fermata webhooks ls` */
export const commandWebhooksLs = Command.make(
  "ls",
  {
    limit: Arguments.limit,
    after: Flag.String("after").pipe(
      Flag.withMetavar("NAME"),
      Flag.withDescription("Only those behind this name, for the next page"),
      Flag.optional
    )
  },
  ({ after, limit }) =>
    withOperator(
      { command: "webhooks ls", readOnly: true, existing: true, absent: "no endpoints" },
      (operator, { json }) =>
        Effect.gen(function*() {
          const endpoints = yield* operator.refine(
            operator.webhooks.list({ limit, ...(Option.isSome(after) ? { after: after.value } : {}) })
          )
          if (json) return yield* Effect.forEach(endpoints, item, { discard: true })
          if (endpoints.length === 0) return yield* note("no endpoints")
          yield* lines(table(
            ["NAME", "STATE", "EVENTS", "URL", "HOW IT STANDS"],
            endpoints.map(({ events, name, sentence, state, url }) => [name, state, events.join(" "), url, sentence]),
            undefined,
            { width: width(), shrinks: [4, 3, 2] }
          ))
          if (endpoints.length === limit) yield* note(`there may be more: --after ${endpoints.at(-1)!.name}`)
        })
    )
).pipe(
  Command.withDescription("List the endpoints that are told of what happens, by name"),
  Sides.either,
  Command.withExamples([
    { command: "fermata webhooks ls", description: "Who is told, and how each stands" },
    { command: "fermata webhooks ls --json", description: "As NDJSON" }
  ])
)
