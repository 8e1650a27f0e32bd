import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { document, note } from "../../Output.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"
import * as Endpoint from "./Endpoint.ts"

/** `fermata webhooks test` */
export const commandWebhooksTest = Command.make(
  "test",
  { name: Endpoint.endpoint },
  ({ name }) =>
    withOperator({ command: "webhooks test", idle: true }, (operator, { as: by, json }) =>
      Effect.gen(function*() {
        const delivery = yield* operator.refine(operator.webhooks.test(name, { by }))
        yield* json
          ? document(delivery)
          : note(`delivery ${delivery.id} goes out as soon as a worker or a server of this database has its turn`)
      }))
).pipe(
  Command.withDescription("Send an endpoint an event webhook.test, on the way that all others go"),
  Sides.either,
  Command.withExamples([{ command: "fermata webhooks test ops", description: "Whether it arrives, deliveries tell" }])
)
