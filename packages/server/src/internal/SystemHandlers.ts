/** What the routes about the server itself do. */
import { Api } from "@fermata/api/Api"
import * as EngineMetrics from "@fermata/engine/EngineMetrics"
import { Events } from "@fermata/engine/Events"
import { Feed } from "@fermata/engine/Feed"
import { Runs } from "@fermata/engine/Runs"
import { Tasks } from "@fermata/engine/Tasks"
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
    const tasks = yield* Tasks
    const events = yield* Events
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
      state: () =>
        Effect.all({
          counts: runs.census,
          workers: runs.owners,
          tasks: Effect.map(tasks.queues, (queues) => ({
            queued: queues.reduce((sum, { queued }) => sum + queued, 0),
            running: queues.reduce((sum, { running }) => sum + running, 0)
          })),
          dispatch: tasks.dispatch,
          lastEvent: Effect.map(events.kept({ limit: 1 }), ([last]) =>
            last === undefined ? null : { id: last.id, name: last.name, at: last.at })
        })
    })
  })
)
