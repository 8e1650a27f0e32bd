/** What the routes for money do. */
import { Api } from "@fermata/api/Api"
import type { SpendingSum } from "@fermata/core/SpendingSum"
import { Runs } from "@fermata/engine/Runs"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as Acting from "./Acting.ts"
import * as Pages from "./Pages.ts"

/** The group `spending`. */
export const layer = HttpApiBuilder.group(
  Api,
  "spending",
  Effect.fn(function*(handlers) {
    const runs = yield* Runs
    return handlers.handleAll({
      sums: Effect.fnUntraced(function*({ query: { after, limit = Pages.defaultLimit, ...filter } }) {
        const behind = yield* Pages.behind(yield* runs.spending(filter), after, placeOf)
        const { next, shown } = Pages.of(behind, limit, placeOf)
        return { sums: shown, ...next }
      }),
      raises: Effect.fnUntraced(function*({ query: { after, limit = Pages.defaultLimit, ...filter } }) {
        const behind = yield* Pages.behind(yield* runs.dayRaises(filter), after, ({ id }) => id)
        const { next, shown } = Pages.of(behind, limit, ({ id }) => id)
        return { raises: shown, ...next }
      }),
      raise: Effect.fnUntraced(function*({ payload: { workflow, ...raise } }) {
        return yield* runs.raiseDay(workflow, { ...raise, by: yield* Acting.name })
      })
    })
  })
)

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const placeOf = ({ day = "", workflow = "" }: SpendingSum): string => `${day} ${workflow}`
