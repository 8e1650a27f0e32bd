import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { document, note } from "../../Output.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"

/** `fermata policy rm` */
export const commandPolicyRm = Command.make(
  "rm",
  {
    rule: Argument.String("rule").pipe(
      Argument.withDescription("The id of a rule as policy ls shows it, or the first characters of it (at least 4)")
    )
  },
  ({ rule }) =>
    withOperator({ command: "policy rm", existing: true }, (operator, { json }) =>
      Effect.gen(function*() {
        const taken = yield* operator.refine(operator.runs.revoke(rule))
        if (json) return yield* document(taken)
        yield* note(`${taken.rule} stands no more for agent ${taken.agent}: people are asked again`)
      }))
).pipe(
  Command.withDescription("Take back a rule that stands; what was decided by it stays as it is"),
  Sides.either,
  Command.withExamples([{ command: "fermata policy rm 3e1a", description: "People are asked again about the like" }])
)
