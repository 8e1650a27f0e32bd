/** What the routes for tenants do. */
import { Api } from "@fermata/api/Api"
import { Tenants } from "@fermata/engine/Tenants"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as Acting from "./Acting.ts"
import * as Pages from "./Pages.ts"

/** The group `tenants`. */
export const layer = HttpApiBuilder.group(
  Api,
  "tenants",
  Effect.fn(function*(handlers) {
    const tenants = yield* Tenants
    return handlers.handleAll({
      list: Effect.fnUntraced(function*({ query: { after, limit = Pages.defaultLimit } }) {
        const behind = yield* Pages.behind(yield* tenants.list, after, ({ name }) => name)
        const { next, shown } = Pages.of(behind, limit, ({ name }) => name)
        return { tenants: shown, ...next }
      }),
      delete: Effect.fnUntraced(function*({ params: { tenant } }) {
        return yield* tenants.delete(tenant, { by: yield* Acting.name })
      }),
      get: ({ params: { tenant } }) => tenants.find(tenant),
      limit: Effect.fnUntraced(function*({ params: { tenant }, payload }) {
        return yield* tenants.limit(tenant, payload, { by: yield* Acting.name })
      })
    })
  })
)
