import type { KeptEvent } from "@fermata/engine/Events"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { item, lines, note, table, width } from "../../Output.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"
import * as Arguments from "../Arguments.ts"

/** `fermata events ls` */
export const commandEventsLs = Command.make(
  "ls",
  {
    name: Arguments.text("name", "EVENT", "Only events of this name"),
    limit: Arguments.limit
  },
  ({ limit, name }) =>
    withOperator(
      { command: "events ls", readOnly: true, existing: true, absent: "no events" },
      (operator, { json }) =>
        Effect.gen(function*() {
          const rows: Array<KeptEvent> = []
          let shown = 0
          let isMore = false
          let before: string | undefined
          // Page by page, so that a long list costs no memory; one more than is shown, to know whether there are.
          while (true) {
            const size = Math.min(pageSize, limit + 1 - shown)
            const page = yield* operator.refine(
              operator.events.kept({ name: Option.getOrUndefined(name), before, limit: size })
            )
            for (const event of page.slice(0, limit - shown)) {
              if (!json) rows.push(event)
              else {
                const { id: eventId, name, position: _position, ...rest } = event
                yield* item({ eventId, event: name, ...rest })
              }
            }
            isMore = shown + page.length > limit
            shown = Math.min(limit, shown + page.length)
            before = page.at(-1)?.position
            if (isMore || page.length < size) break
          }
          const more = isMore ? note(`there are more; --limit ${limit * 2} shows twice as many`) : Effect.void
          if (json) return yield* more
          if (rows.length === 0) return yield* note("no events")
          const { fromNow } = yield* Effect.promise(() => import("../../Words.ts"))
          const now = operator.now()
          yield* lines(table(
            ["EVENT", "ID", "PUBLISHED", "SOURCE", "PAYLOAD"],
            rows.map(({ at, id, name, payload, source }) => [
              name,
              id,
              fromNow(at, now),
              source ?? "",
              JSON.stringify(payload)
            ]),
            undefined,
            { width: width(), shrinks: [4, 1, 3, 0] }
          ))
          yield* more
        })
    )
).pipe(
  Command.withDescription("List the events that are kept, the last published first"),
  Sides.either,
  Command.withExamples([
    { command: "fermata events ls --name ticket.created", description: "Whether an event has come" },
    { command: "fermata events ls --limit 10 --json", description: "The last ten as NDJSON, with what they say" }
  ])
)

const pageSize = 500
