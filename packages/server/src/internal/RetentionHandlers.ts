/** What the routes for the rules of retention do. */
import { Api } from "@fermata/api/Api"
import { Retention } from "@fermata/engine/Retention"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as Acting from "./Acting.ts"

/** The group `retention`. */
export const layer = HttpApiBuilder.group(
  Api,
  "retention",
  Effect.fn(function*(handlers) {
    const retention = yield* Retention
    return handlers.handleAll({
      list: () => Effect.map(retention.rules, (rules) => ({ rules })),
      set: Effect.fnUntraced(function*({ payload }) {
        return yield* retention.set(payload, { by: yield* Acting.name })
      }),
      unset: Effect.fnUntraced(function*({ query }) {
        return yield* retention.unset(query, { by: yield* Acting.name })
      })
    })
  })
)
