/** What the routes for schedules do. */
import { Api } from "@fermata/api/Api"
import * as ReferenceSchedule from "@fermata/core/ReferenceSchedule"
import { Schedules } from "@fermata/engine/Schedules"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as Acting from "./Acting.ts"
import * as Pages from "./Pages.ts"

/** The group `schedules`. */
export const layer = HttpApiBuilder.group(
  Api,
  "schedules",
  Effect.fn(function*(handlers) {
    const schedules = yield* Schedules
    const by = Effect.map(Acting.name, (by) => ({ by }))
    return handlers.handleAll({
      list: Effect.fnUntraced(function*({ query: { after, limit = Pages.defaultLimit } }) {
        const found = yield* schedules.list({ after, limit: limit + 1 })
        const { next, shown } = Pages.of(found, limit, ({ name }) => name)
        return { schedules: shown, ...next }
      }),
      add: Effect.fnUntraced(function*({ payload }) {
        const { name, ...options } = "spec" in payload ? payload : ReferenceSchedule.ofReference(payload)
        return yield* schedules.put(name, options, yield* by)
      }),
      tick: () => schedules.tick,
      get: ({ params: { schedule } }) => schedules.show(schedule),
      put: Effect.fnUntraced(function*({ params: { schedule }, payload }) {
        return yield* schedules.put(schedule, payload, yield* by)
      }),
      remove: Effect.fnUntraced(function*({ params: { schedule } }) {
        return yield* schedules.remove(schedule, yield* by)
      }),
      pause: Effect.fnUntraced(function*({ params: { schedule } }) {
        return yield* schedules.pause(schedule, yield* by)
      }),
      resume: Effect.fnUntraced(function*({ params: { schedule } }) {
        return yield* schedules.resume(schedule, yield* by)
      }),
      run: Effect.fnUntraced(function*({ params: { schedule } }) {
        return yield* schedules.runNow(schedule, yield* by)
      }),
      backfill: Effect.fnUntraced(function*({ params: { schedule }, payload }) {
        return yield* schedules.backfill(schedule, payload, yield* by)
      }),
      firings: Effect.fnUntraced(function*({ params: { schedule }, query: { after, limit = Pages.defaultLimit } }) {
        const found = yield* schedules.firings(schedule, { before: after, limit: limit + 1 })
        const { next, shown } = Pages.of(found, limit, ({ id }) => id)
        return { firings: shown, ...next }
      }),
      next: ({ params: { schedule }, query: { count } }) =>
        Effect.map(schedules.next(schedule, count), (slots) => ({ slots }))
    })
  })
)
