import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import { refused } from "../../CommandFailed.ts"
import { document, note } from "../../Output.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"
import * as Words from "../../Words.ts"

/** `fermata tenants delete` */
export const commandTenantsDelete = Command.make(
  "delete",
  {
    name: Argument.String("name").pipe(Argument.withDescription("The tenant")),
    confirm: Flag.String("confirm").pipe(
      Flag.withMetavar("NAME"),
      Flag.withDescription("The name of the tenant once more, since nothing brings back what is deleted"),
      Flag.withDefault("")
    )
  },
  ({ confirm, name }) =>
    Effect.gen(function*() {
      if (confirm !== name) {
        return yield* refused("InvalidValue", `all that tenant ${name} has is deleted for good`, [
          `say so once more: --confirm ${name}`
        ])
      }
      yield* withOperator({ command: "tenants delete", existing: true, idle: true }, (operator, { as, json }) =>
        Effect.gen(function*() {
          const deleted = yield* operator.refine(operator.tenants.delete(name, { by: as }))
          if (json) {
            return yield* document(deleted)
          }
          yield* note(
            `tenant ${deleted.name} is deleted, with ${Words.count(deleted.runs, "run")}; the lines of the audit stay`
          )
        }))
    })
).pipe(
  Command.withDescription("Delete all that a tenant has, for good: its runs, events, tokens, rules and quotas"),
  Sides.either,
  Command.withExamples([
    { command: "fermata tenants delete acme --confirm acme", description: "Nothing of it is left but the audit" }
  ])
)
