import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { item, lines, note, table, width } from "../../Output.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"

/** `fermata tenants ls` */
export const commandTenantsLs = Command.make(
  "ls",
  {},
  () =>
    withOperator(
      { command: "tenants ls", readOnly: true, existing: true, absent: "no tenants" },
      (operator, { json }) =>
        Effect.gen(function*() {
          const tenants = yield* operator.refine(operator.tenants.list)
          if (json) return yield* Effect.forEach(tenants, item, { discard: true })
          if (tenants.length === 0) return yield* note("no tenants")
          yield* lines(table(
            ["TENANT", "OPEN RUNS", "RUNS", "MAY OPEN", "MAY STREAM"],
            tenants.map(({ name, openRuns, quotas, runs }) => [
              name,
              String(openRuns),
              String(runs),
              String(quotas.openRuns ?? "any"),
              String(quotas.streams ?? "any")
            ]),
            undefined,
            { width: width(), shrinks: [0] }
          ))
        })
    )
).pipe(
  Command.withDescription("List the tenants that have runs or quotas"),
  Sides.either,
  Command.withExamples([
    { command: "fermata tenants ls", description: "Which there are, and what they have" },
    { command: "fermata tenants ls --json", description: "As NDJSON" }
  ])
)
