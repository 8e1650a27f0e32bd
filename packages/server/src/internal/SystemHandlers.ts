/** What the routes about the server itself do. */
import { Api } from "@fermata/api/Api"
import * as EngineMetrics from "@fermata/engine/EngineMetrics"
import { Feed } from "@fermata/engine/Feed"
import { Runs } from "@fermata/engine/Runs"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import { Streams } from "../Streams.ts"
import * as Acting from "./Acting.ts"
import { InFlight } from "./InFlight.ts"

/** The group `system`. */
export const layer = HttpApiBuilder.group(
  Api,
  "system",
  Effect.fn(function*(handlers) {
    const runs = yield* Runs
    const feed = yield* Feed
    const streams = yield* Streams
    const inFlight = yield* InFlight
    const meters = yield* EngineMetrics.meters
    const scraped = yield* EngineMetrics.scraped
    return handlers.handleAll({
      heartbeat: () => Effect.succeed({ status: "alive" }),
      health: () => Effect.map(feed.position, (position) => ({ status: "healthy", position })),
      workers: () => Effect.map(runs.owners, (workers) => ({ workers })),
      metrics: () =>
        Effect.map(streams.open, meters.streams).pipe(
          Effect.andThen(Effect.sync(() => meters.requests(inFlight.open()))),
          Effect.andThen(scraped)
        ),
      reap: Effect.fnUntraced(function*({ payload }) {
        return { reaped: yield* runs.reap({ ...payload, by: yield* Acting.name }) }
      }),
      state: () => Effect.all({ counts: runs.census, workers: runs.owners })
    })
  })
)
