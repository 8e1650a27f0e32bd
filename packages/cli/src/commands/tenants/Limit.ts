import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { refused } from "../../CommandFailed.ts"
import { document, note } from "../../Output.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"

const count = (name: string, description: string) =>
  Flag.Int(name).pipe(
    Flag.withMetavar("N"),
    Flag.withDescription(description),
    Flag.filter((value) => value >= 0, (value) => `${value} is below 0`),
    Flag.optional
  )

/** `fermata tenants limit` */
export const commandTenantsLimit = Command.make(
  "limit",
  {
    name: Argument.String("name").pipe(Argument.withDescription("The tenant, which need not have anything yet")),
    openRuns: count("open-runs", "Runs that have not ended, its child runs too"),
    streams: count("streams", "Streams that are open at one server"),
    none: Flag.Boolean("none").pipe(
      Flag.withoutNegation,
      Flag.withDescription("Take all its limits away"),
      Flag.withDefault(false)
    )
  },
  ({ name, none, openRuns, streams }) =>
    Effect.gen(function*() {
      const quotas = {
        ...(Option.isNone(openRuns) ? {} : { openRuns: openRuns.value }),
        ...(Option.isNone(streams) ? {} : { streams: streams.value })
      }
      if (none !== (Object.keys(quotas).length === 0)) {
        return yield* refused(
          "InvalidValue",
          none
            ? "--none takes all limits away, and another option sets one"
            : "nothing says what the tenant may have",
          ["give --open-runs N, --streams N or both, or --none"]
        )
      }
      yield* withOperator({ command: "tenants limit", idle: true }, (operator, { as, json }) =>
        Effect.gen(function*() {
          const tenant = yield* operator.refine(operator.tenants.limit(name, quotas, { by: as }))
          if (json) return yield* document(tenant)
          const { openRuns: most, streams: mostStreams } = tenant.quotas
          const told = [
            ...(most === undefined ? [] : [`${most} open runs`]),
            ...(mostStreams === undefined ? [] : [`${mostStreams} streams at a server`])
          ]
          yield* note(
            `tenant ${tenant.name} may have ${
              told.length === 0 ? "any number of runs and streams" : told.join(" and ")
            }; it has ${tenant.openRuns} open runs`
          )
        }))
    })
).pipe(
  Command.withDescription("Say what a tenant may have at a time, in place of what it could have before"),
  Sides.either,
  Command.withExamples([
    { command: "fermata tenants limit acme --open-runs 100 --streams 20", description: "So many, and no more" },
    { command: "fermata tenants limit acme --none", description: "As many as it likes" }
  ])
)
