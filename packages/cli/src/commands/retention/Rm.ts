import { scopeText } from "@fermata/core/Retention"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { document, note } from "../../Output.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"
import * as Scope from "./Scope.ts"

/** `fermata retention rm` */
export const commandRetentionRm = Command.make(
  "rm",
  Scope.flags,
  (scope) =>
    withOperator(
      { command: "retention rm", existing: true, idle: true },
      (operator, { as, json }) =>
        Effect.gen(function*() {
          const rule = yield* operator.refine(operator.retention.unset(Scope.of(scope), { by: as }))
          if (json) return yield* document(rule)
          yield* note(`no rule is about ${scopeText(rule)} any more`)
        })
    )
).pipe(
  Command.withDescription("Take back the rule of just these runs"),
  Sides.either,
  Command.withExamples([
    { command: "fermata retention rm", description: "The rule of all runs" },
    { command: "fermata retention rm --workflow order --status failed", description: "That of some" }
  ])
)
