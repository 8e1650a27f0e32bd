import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { item, lines, note, table, width } from "../../Output.ts"
import { withHost } from "../../Session.ts"

/** `fermata contracts ls` */
export const commandContractsLs = Command.make(
  "ls",
  {},
  () =>
    withHost(
      { command: "contracts ls", readOnly: true, existing: true, absent: "no contracts" },
      (host, { json }) =>
        Effect.gen(function*() {
          // Without their steps, so that kinds which only a configuration has stand in no way.
          const { headsOf } = yield* Effect.promise(() => import("@fermata/contracts/ContractRegistry"))
          const all = headsOf(yield* host.refine(host.store.backend.definitions))
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
  Command.withExamples([{ command: "fermata contracts ls", description: "What can be started by name or by an event" }])
)
