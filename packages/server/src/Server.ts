/**
 * The HTTP surface of an engine: routes for any router of Effect, or one Fetch
 * handler to mount wherever there is one.
 */
import type { Access } from "@fermata/api/Access"
import { Api } from "@fermata/api/Api"
import type { Feed } from "@fermata/engine/Feed"
import type { HostClock } from "@fermata/engine/HostClock"
import type { Runs } from "@fermata/engine/Runs"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServer from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import * as Front from "./internal/Front.ts"
import * as RunsHandlers from "./internal/RunsHandlers.ts"
import * as SystemHandlers from "./internal/SystemHandlers.ts"
import type { ServerOptions } from "./ServerOptions.ts"

/** What a server needs: the verbs of an engine, and a way to let callers in. */
export type Needs = Access | Feed | HostClock | Runs

/** Adds every route to a router. */
export const routes = (options: ServerOptions = {}): Layer.Layer<never, never, Needs | HttpRouter.HttpRouter> =>
  Layer.merge(
    Front.layer(options),
    HttpApiBuilder.layer(Api, { openapiPath: "/openapi.json" }).pipe(
      Layer.provide([RunsHandlers.layer, SystemHandlers.layer]),
      Layer.provide(HttpServer.layerServices)
    )
  )

/** The routes as a Fetch handler, for Hono, Next, Express, Bun, Deno or Workers. `dispose` ends what the layer has begun. */
export const toWebHandler = <E>(
  services: Layer.Layer<Needs, E>,
  options: ServerOptions = {}
): {
  readonly handler: (request: Request) => Promise<Response>
  readonly dispose: () => Promise<void>
} => HttpRouter.toWebHandler(Layer.provide(routes(options), services), { disableLogger: true })
