import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { refused } from "../../CommandFailed.ts"
import { document, note } from "../../Output.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"
import * as Arguments from "../Arguments.ts"
import * as Endpoint from "./Endpoint.ts"

/** `fermata webhooks redeliver` */
export const commandWebhooksRedeliver = Command.make("redeliver", {
  name: Endpoint.endpoint,
  delivery: Argument.String("delivery").pipe(
    Argument.withDescription("The id of a delivery, as deliveries shows it"),
    Argument.optional
  ),
  dead: Flag.Boolean("dead").pipe(
    Flag.withoutNegation,
    Flag.withDescription("All that are dead, in place of one"),
    Flag.withDefault(false)
  ),
  event: Arguments.text("event", "NAME", "With --dead: only those of events of this name")
}, ({ dead, delivery, event, name }) =>
  Effect.gen(function*() {
    if (dead === Option.isSome(delivery)) {
      return yield* refused("InvalidUsage", "Name one delivery, or give --dead for all that are dead")
    }
    yield* withOperator({ command: "webhooks redeliver", idle: true }, (operator, { as: by, json }) =>
      Effect.gen(function*() {
        if (Option.isSome(delivery)) {
          const one = yield* operator.refine(operator.webhooks.redeliver(delivery.value, { by, endpoint: name }))
          return yield* json ? document(one) : note(`delivery ${one.id} is sent again`)
        }
        const done = yield* operator.refine(
          operator.webhooks.redeliverDead(name, { by, ...(Option.isSome(event) ? { event: event.value } : {}) })
        )
        yield* json ? document(done) : note(
          `${done.redelivered} ${done.redelivered === 1 ? "delivery is" : "deliveries are"} sent again${
            done.isMore ? "; there are more, so do it again" : ""
          }`
        )
      }))
  })).pipe(
    Command.withDescription("Send a delivery again, or all that are dead"),
    Sides.either,
    Command.withExamples([
      { command: "fermata webhooks redeliver ops --dead", description: "Everything that did not arrive" },
      { command: "fermata webhooks redeliver ops wh_1f0c93ab", description: "One of it" }
    ])
  )
