/** The endpoint that a command is about. */
import type { Endpoint } from "@fermata/core/Webhook"
import * as Argument from "effect/cli/Argument"
import * as Effect from "effect/Effect"
import type { CommandFailed } from "../../CommandFailed.ts"
import type { Operator } from "../../Operator.ts"
import { document, note } from "../../Output.ts"
import { withOperator } from "../../Session.ts"

/** Its name. */
export const endpoint = Argument.String("name").pipe(Argument.withDescription("The name of an endpoint"))

/** Does something to an endpoint, and says in a sentence what it has come to. */
export const steer = (
  command: string,
  act: (operator: Operator, by: string) => Effect.Effect<Endpoint, CommandFailed>,
  sentence: (endpoint: Endpoint) => string
) =>
  withOperator({ command: `webhooks ${command}`, idle: true }, (operator, { as, json }) =>
    Effect.gen(function*() {
      const done = yield* act(operator, as)
      yield* json ? document(done) : note(sentence(done))
    }))
