import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { document, note } from "../../Output.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"

/** `fermata token rm` */
export const commandTokenRm = Command.make(
  "rm",
  {
    token: Argument.String("token").pipe(
      Argument.withDescription("The id of a token as token ls shows it, or the first characters of it (at least 4)")
    )
  },
  ({ token }) =>
    withOperator({ command: "token rm", existing: true, idle: true }, (operator, { json }) =>
      Effect.gen(function*() {
        const taken = yield* operator.refine(operator.tokens.remove(token))
        if (json) return yield* document(taken)
        yield* note(`token ${taken.id} of ${taken.name} opens nothing any more`)
      }))
).pipe(
  Command.withDescription("Take back a token, and every login by it; servers ask at each request"),
  Sides.either,
  Command.withExamples([{ command: "fermata token rm 3e1a", description: "Whoever has it is let in no more" }])
)
