import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { item, lines, note, table, width } from "../../Output.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"

/** `fermata contracts ls` */
export const commandContractsLs = Command.make(
  "ls",
  {},
  () =>
    withOperator(
      { command: "contracts ls", readOnly: true, existing: true, absent: "no contracts" },
      (operator, { json }) =>
        Effect.gen(function*() {
          // Without their steps, so that kinds which only a configuration has stand in no way.
          const all = yield* operator.refine(operator.contracts.heads)
          if (json) {
            return yield* Effect.forEach(
              all,
              ({ at, hash, id, outputSchema, title, triggers, version }) =>
                item({
                  id,
                  version,
                  title,
                  hash,
                  at,
                  triggers,
                  ...(outputSchema === undefined ? {} : { outputSchema })
                }),
              { discard: true }
            )
          }
          if (all.length === 0) {
            return yield* note("no contracts")
          }
          const { time } = yield* Effect.promise(() => import("../../Words.ts"))
          yield* lines(table(
            ["CONTRACT", "VERSION", "TRIGGERS", "ADDED", "TITLE"],
            all.map(({ at, id, title, triggers, version }) => [
              id,
              version,
              triggers.map((trigger) => trigger.type === "event" ? trigger.event : trigger.type).join(", "),
              time(at),
              title
            ]),
            undefined,
            { width: width(), shrinks: [4, 2, 0] }
          ))
        })
    )
).pipe(
  Command.withDescription("List the registered contracts, every version"),
  Sides.either,
  Command.withExamples([{ command: "fermata contracts ls", description: "What can be started by name or by an event" }])
)
