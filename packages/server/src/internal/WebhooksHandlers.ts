/** What the routes for webhooks do. */
import { Api } from "@fermata/api/Api"
import { Runs } from "@fermata/engine/Runs"
import { Webhooks } from "@fermata/operations/Webhooks"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Acting from "./Acting.ts"
import * as Pages from "./Pages.ts"

const by = Effect.map(Acting.name, (by) => ({ by }))

const endpoints = HttpApiBuilder.group(
  Api,
  "webhooks",
  Effect.fn(function*(handlers) {
    const webhooks = yield* Webhooks
    return handlers.handleAll({
      list: Effect.fnUntraced(function*({ query: { after, limit = Pages.defaultLimit } }) {
        const found = yield* webhooks.list({ limit: limit + 1, ...(after === undefined ? {} : { after }) })
        const { next, shown } = Pages.of(found, limit, ({ name }) => name)
        return { endpoints: shown, ...next }
      }),
      get: ({ params: { webhook } }) => webhooks.show(webhook),
      put: Effect.fnUntraced(function*({ params: { webhook }, payload }) {
        return yield* webhooks.put(webhook, payload, yield* by)
      }),
      remove: Effect.fnUntraced(function*({ params: { webhook } }) {
        return yield* webhooks.remove(webhook, yield* by)
      }),
      rotate: Effect.fnUntraced(function*({ params: { webhook }, payload: { secret, ...overlap } }) {
        return yield* webhooks.rotate(webhook, { ...(yield* by), secret: { secret }, ...overlap })
      }),
      pause: Effect.fnUntraced(function*({ params: { webhook } }) {
        return yield* webhooks.pause(webhook, yield* by)
      }),
      resume: Effect.fnUntraced(function*({ params: { webhook } }) {
        return yield* webhooks.resume(webhook, yield* by)
      }),
      test: Effect.fnUntraced(function*({ params: { webhook } }) {
        return yield* webhooks.test(webhook, yield* by)
      }),
      deliveries: Effect.fnUntraced(
        function*({ params: { webhook }, query: { after, limit = Pages.defaultLimit, ...filter } }) {
          const found = yield* webhooks.deliveries(webhook, {
            ...filter,
            limit: limit + 1,
            ...(after === undefined ? {} : { before: after })
          })
          const { next, shown } = Pages.of(found, limit, ({ id }) => id)
          return { deliveries: shown, ...next }
        }
      ),
      delivery: ({ params: { delivery, webhook } }) => webhooks.delivery(delivery, { endpoint: webhook }),
      redeliver: Effect.fnUntraced(function*({ params: { delivery, webhook } }) {
        return yield* webhooks.redeliver(delivery, { ...(yield* by), endpoint: webhook })
      }),
      actions: Effect.fnUntraced(function*({ params: { webhook }, payload: { action: _, ...filter } }) {
        return yield* webhooks.redeliverDead(webhook, { ...filter, ...(yield* by) })
      })
    })
  })
)

const ofRuns = HttpApiBuilder.group(
  Api,
  "runWebhooks",
  Effect.fn(function*(handlers) {
    const runs = yield* Runs
    const webhooks = yield* Webhooks
    return handlers.handleAll({
      get: Effect.fnUntraced(function*({ params: { run } }) {
        return Option.match(yield* runs.webhook(run), { onNone: () => ({}), onSome: (webhook) => ({ webhook }) })
      }),
      put: Effect.fnUntraced(function*({ params: { run }, payload }) {
        return yield* runs.tell(run, payload, yield* by)
      }),
      redeliver: Effect.fnUntraced(function*({ params: { delivery, run } }) {
        const { id } = yield* runs.find(run)
        return yield* webhooks.redeliverOfRun(id, delivery, yield* by)
      })
    })
  })
)

/** The groups `webhooks` and `runWebhooks`. */
export const layer = Layer.merge(endpoints, ofRuns)
