/** What the routes about the server itself do. */
import { Api } from "@fermata/api/Api"
import { Feed } from "@fermata/engine/Feed"
import { Runs } from "@fermata/engine/Runs"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"

/** The group `system`. */
export const layer = HttpApiBuilder.group(
  Api,
  "system",
  Effect.fn(function*(handlers) {
    const runs = yield* Runs
    const feed = yield* Feed
    return handlers.handleAll({
      heartbeat: () => Effect.succeed({ status: "alive" }),
      health: () => Effect.map(feed.position, (position) => ({ status: "healthy", position })),
      workers: () => Effect.map(runs.owners, (workers) => ({ workers })),
      state: () => Effect.all({ counts: runs.census, workers: runs.owners })
    })
  })
)
