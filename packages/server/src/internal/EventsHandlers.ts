/** What the routes for events do. */
import { Api } from "@fermata/api/Api"
import { Events } from "@fermata/engine/Events"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import type * as Schema from "effect/Schema"
import * as Acting from "./Acting.ts"
import * as Pages from "./Pages.ts"

/** The group `events`. */
export const layer = HttpApiBuilder.group(
  Api,
  "events",
  Effect.fn(function*(handlers) {
    const events = yield* Events
    return handlers.handleAll({
      list: Effect.fnUntraced(function*({ query: { after: before, limit = Pages.defaultLimit, name } }) {
        const found = yield* events.kept({ name, before, limit: limit + 1 })
        const { next, shown } = Pages.of(found, limit, ({ position }) => position)
        return { events: shown, ...next }
      }),
      emit: Effect.fnUntraced(function*({ payload: { id, name, payload = {}, tell, ...options }, request }) {
        const told = {
          ...options,
          source: yield* Acting.name,
          ...(yield* Acting.once(request, "id", id))
        }
        return tell === true
          ? yield* events.publish(name, payload as Schema.Json, told)
          : { id: yield* events.emit(name, payload as Schema.Json, told) }
      })
    })
  })
)
