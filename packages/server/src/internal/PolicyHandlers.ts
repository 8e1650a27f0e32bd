/** What the routes for standing rules do. */
import { Api } from "@fermata/api/Api"
import { Runs } from "@fermata/engine/Runs"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as Pages from "./Pages.ts"

/** The group `policy`. */
export const layer = HttpApiBuilder.group(
  Api,
  "policy",
  Effect.fn(function*(handlers) {
    const runs = yield* Runs
    return handlers.handleAll({
      list: Effect.fnUntraced(function*({ query: { after, limit = Pages.defaultLimit, ...filter } }) {
        const behind = yield* Pages.behind(yield* runs.rules(filter), after, ({ id }) => id)
        const { next, shown } = Pages.of(behind, limit, ({ id }) => id)
        return { rules: shown, ...next }
      }),
      revoke: ({ params: { rule } }) => runs.revoke(rule)
    })
  })
)
