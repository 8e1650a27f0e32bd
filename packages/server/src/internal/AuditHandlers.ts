/** What the routes for the audit do. */
import { Api } from "@fermata/api/Api"
import { AuditLog } from "@fermata/engine/AuditLog"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as Pages from "./Pages.ts"

/** The group `audit`. */
export const layer = HttpApiBuilder.group(
  Api,
  "audit",
  Effect.fn(function*(handlers) {
    const audit = yield* AuditLog
    return handlers.handleAll({
      list: Effect.fnUntraced(function*({ query: { after, limit = Pages.defaultLimit, ...filter } }) {
        const before = after === undefined ? {} : { before: yield* Pages.number(after) }
        const found = yield* audit.list({ ...filter, ...before, limit: limit + 1 })
        const { next, shown } = Pages.of(found, limit, ({ n }) => String(n))
        return { lines: shown, ...next }
      }),
      verify: ({ query }) => audit.verify(query)
    })
  })
)
