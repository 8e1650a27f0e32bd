/** What the routes for questions to people do. */
import { Api } from "@fermata/api/Api"
import { placeOf } from "@fermata/core/Question"
import { Runs } from "@fermata/engine/Runs"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as Acting from "./Acting.ts"
import * as Pages from "./Pages.ts"

/** The group `approvals`. */
export const layer = HttpApiBuilder.group(
  Api,
  "approvals",
  Effect.fn(function*(handlers) {
    const runs = yield* Runs
    return handlers.handleAll({
      list: Effect.fnUntraced(function*({ query: { limit = Pages.defaultLimit, ...filter } }) {
        const found = yield* runs.approvals({ ...filter, limit: limit + 1 })
        const { next, shown } = Pages.of(found, limit, placeOf)
        return { approvals: shown, ...next }
      }),
      get: ({ params: { approval } }) => runs.approval(approval),
      answer: Effect.fnUntraced(function*({ params: { approval }, payload: { by, ...said } }) {
        return yield* runs.answer(approval, { ...said, ...(yield* Acting.person(by)) })
      }),
      delegate: Effect.fnUntraced(function*({ params: { approval }, payload: { by, ...handed } }) {
        return yield* runs.delegate(approval, { ...handed, ...(yield* Acting.person(by)) })
      })
    })
  })
)
