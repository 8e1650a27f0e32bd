import * as TimeText from "@fermata/core/TimeText"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { item, lines, note, table, width } from "../../Output.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"

/** `fermata retention ls` */
export const commandRetentionLs = Command.make(
  "ls",
  {},
  () =>
    withOperator(
      { command: "retention ls", readOnly: true, existing: true, absent: "every run is kept" },
      (operator, { json }) =>
        Effect.gen(function*() {
          const rules = yield* operator.refine(operator.retention.rules)
          if (json) return yield* Effect.forEach(rules, item, { discard: true })
          if (rules.length === 0) return yield* note("every run is kept")
          yield* lines(table(
            ["TENANT", "WORKFLOW", "STATUS", "MAX AGE", "MAX COUNT", "BY"],
            rules.map(({ by, maxAgeMs, maxCount, status, tenant, workflow }) => [
              tenant ?? "any",
              workflow ?? "any",
              status ?? "any",
              maxAgeMs === undefined ? "" : TimeText.duration(maxAgeMs),
              String(maxCount ?? ""),
              by
            ]),
            undefined,
            { width: width(), shrinks: [1, 5] }
          ))
        })
    )
).pipe(
  Command.withDescription("List the rules; for a run the narrowest counts: of its tenant, workflow and status"),
  Sides.either,
  Command.withExamples([
    { command: "fermata retention ls", description: "For how long runs are kept" },
    { command: "fermata retention ls --json", description: "As NDJSON" }
  ])
)
