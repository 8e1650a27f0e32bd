import { DeliveryStatus } from "@fermata/core/Webhook"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import { item, lines, note, table, width } from "../../Output.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"
import * as Arguments from "../Arguments.ts"
import * as Endpoint from "./Endpoint.ts"

/** `fermata webhooks deliveries` */
export const commandWebhooksDeliveries = Command.make(
  "deliveries",
  {
    name: Endpoint.endpoint,
    status: Flag.Literals("status", DeliveryStatus.literals).pipe(
      Flag.withDescription("Only deliveries that stand so"),
      Flag.optional
    ),
    event: Arguments.text("event", "NAME", "Only deliveries of events of this name"),
    limit: Arguments.limit
  },
  ({ limit, name, ...options }) =>
    withOperator(
      { command: "webhooks deliveries", readOnly: true, existing: true },
      (operator, { json }) =>
        Effect.gen(function*() {
          const found = yield* operator.refine(
            operator.webhooks.deliveries(name, { ...Arguments.given(options), limit: limit + 1 })
          )
          const shown = found.slice(0, limit)
          if (json) yield* Effect.forEach(shown, item, { discard: true })
          else if (shown.length === 0) yield* note("no deliveries")
          else {
            const { fromNow } = yield* Effect.promise(() => import("../../Words.ts"))
            const now = operator.now()
            yield* lines(table(
              ["DELIVERY", "EVENT", "STATUS", "ATTEMPTS", "MADE", "NEXT", "WHY"],
              shown.map(({ attempts, createdAt, error, event, id, nextAt, status }) => [
                id,
                event,
                status,
                String(attempts),
                fromNow(createdAt, now),
                nextAt === undefined ? "" : fromNow(nextAt, now),
                error ?? ""
              ]),
              undefined,
              { width: width(), shrinks: [6, 1] }
            ))
          }
          if (found.length > limit) yield* note(`there are more; --limit ${limit * 2} shows twice as many`)
        })
    )
).pipe(
  Command.withDescription("List what was sent to an endpoint, the last first"),
  Sides.either,
  Command.withExamples([
    { command: "fermata webhooks deliveries ops --status dead", description: "What did not arrive" },
    { command: "fermata webhooks deliveries ops --json", description: "As NDJSON" }
  ])
)
