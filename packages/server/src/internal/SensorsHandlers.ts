/** What the routes for what comes in from outside do. */
import { Api } from "@fermata/api/Api"
import { ofReference } from "@fermata/core/SensorEvent"
import { Sensors } from "@fermata/engine/Sensors"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as Acting from "./Acting.ts"
import * as Pages from "./Pages.ts"

/** The group `sensors`. */
export const layer = HttpApiBuilder.group(
  Api,
  "sensors",
  Effect.fn(function*(handlers) {
    const sensors = yield* Sensors
    return handlers.handleAll({
      list: Effect.fnUntraced(function*({ query: { after: before, limit = Pages.defaultLimit, sensor } }) {
        const found = yield* sensors.list({ sensor, before, limit: limit + 1 })
        const { next, shown } = Pages.of(found, limit, ({ position }) => position)
        return { events: shown, ...next }
      }),
      get: ({ params: { position } }) => sensors.find(position),
      ingest: Effect.fnUntraced(function*({ payload, query: { tell } }) {
        const event = "sensor_id" in payload ? ofReference(payload) : payload
        return yield* sensors.ingest(event, { tell: tell === "true", by: yield* Acting.name })
      })
    })
  })
)
