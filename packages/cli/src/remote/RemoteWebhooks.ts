/** Endpoints of webhooks, and what is sent to them, at a server. */
import * as SchemaProblem from "@fermata/core/SchemaProblem"
import { SecretRef } from "@fermata/core/SecretRef"
import { EndpointSettings } from "@fermata/core/Webhook"
import { WebhookRefused } from "@fermata/core/WebhookErrors"
import * as Effect from "effect/Effect"
import type { Operator } from "../Operator.ts"
import * as Calls from "./Calls.ts"

/** The verbs, as a command asks for them. Who acts is whoever the server knows. */
export const make = ({ ask, client }: Calls.Calls): Operator["webhooks"] => ({
  // What the client would not even send is refused as the server would refuse it.
  put: (webhook, settings) =>
    Effect.flatMap(
      refusing(readSettings(settings)),
      (payload) => ask(client.webhooks.put({ params: { webhook }, payload }))
    ),
  list: ({ after, limit = 50 } = {}) =>
    Calls.pages(
      (query) =>
        Effect.map(ask(client.webhooks.list({ query })), ({ endpoints, next }) => ({ items: endpoints, next })),
      limit,
      after
    ),
  remove: (webhook) => ask(client.webhooks.remove({ params: { webhook } })),
  rotate: (webhook, { overlapMs, secret }) =>
    Effect.flatMap(refusing(readSecret(secret)), (payload) =>
      ask(client.webhooks.rotate({
        params: { webhook },
        payload: { ...payload, ...(overlapMs === undefined ? {} : { overlapMs }) }
      }))),
  pause: (webhook) => ask(client.webhooks.pause({ params: { webhook } })),
  resume: (webhook) => ask(client.webhooks.resume({ params: { webhook } })),
  test: (webhook) => ask(client.webhooks.test({ params: { webhook } })),
  deliveries: (webhook, { before, limit = 50, ...filter } = {}) =>
    Calls.pages(
      (query) =>
        Effect.map(
          ask(client.webhooks.deliveries({ params: { webhook }, query: { ...query, ...filter } })),
          ({ deliveries, next }) => ({ items: deliveries, next })
        ),
      limit,
      before
    ),
  delivery: (delivery, { endpoint: webhook }) => ask(client.webhooks.delivery({ params: { webhook, delivery } })),
  redeliver: (delivery, { endpoint: webhook }) => ask(client.webhooks.redeliver({ params: { webhook, delivery } })),
  redeliverDead: (webhook, { by: _, ...filter }) =>
    ask(client.webhooks.actions({
      params: { webhook },
      payload: {
        action: "redeliver",
        ...Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined))
      }
    }))
})

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const readSettings = SchemaProblem.read(EndpointSettings)
const readSecret = SchemaProblem.read(SecretRef)

const refusing = <A>(read: Effect.Effect<A, string>): Effect.Effect<A, WebhookRefused> =>
  Effect.mapError(read, (problem) => new WebhookRefused({ problem }))
