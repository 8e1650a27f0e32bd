import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { document, lines, table, width } from "../../Output.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"
import * as Endpoint from "./Endpoint.ts"

/** `fermata webhooks delivery` */
export const commandWebhooksDelivery = Command.make(
  "delivery",
  {
    name: Endpoint.endpoint,
    delivery: Argument.String("delivery").pipe(Argument.withDescription("The id of a delivery, as deliveries shows it"))
  },
  ({ delivery: id, name }) =>
    withOperator(
      { command: "webhooks delivery", readOnly: true, existing: true },
      (operator, { json }) =>
        Effect.gen(function*() {
          const found = yield* operator.refine(operator.webhooks.delivery(id, { endpoint: name }))
          if (json) return yield* document(found)
          const { fromNow, iso } = yield* Effect.promise(() => import("../../Words.ts"))
          yield* lines([
            `delivery ${found.id}  ${found.event}  ${found.status}`,
            found.sentence,
            "",
            `to        ${found.url}`,
            `made      ${iso(found.createdAt)}`,
            `body      ${found.body}`,
            ...(found.tried.length === 0 ? [] : [
              "",
              ...table(
                ["ATTEMPT", "SENT", "MS", "STATUS", "HTTP", "WHY"],
                found.tried.map(({ at, attempt, error, httpCode, ms, status }) => [
                  String(attempt),
                  fromNow(at, operator.now()),
                  ms === undefined ? "" : String(ms),
                  status,
                  httpCode === undefined ? "" : String(httpCode),
                  error ?? ""
                ]),
                undefined,
                { width: width(), shrinks: [5] }
              )
            ])
          ])
        })
    )
).pipe(
  Command.withDescription("Show a delivery: what is sent, and each attempt"),
  Sides.either,
  Command.withExamples([
    { command: "fermata webhooks delivery ops wh_1f0c93ab", description: "Why it did not arrive" },
    { command: "fermata webhooks delivery ops wh_1f0c93ab --json", description: "As one JSON document" }
  ])
)
