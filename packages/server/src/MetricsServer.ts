/**
 * The metrics of a process that serves nothing else, such as a worker: `GET
 * /metrics`, where Prometheus looks, with the text of `/api/metrics`. What stands
 * before the routes of a server stands before this one too.
 */
import { Access } from "@fermata/api/Access"
import { RouteNotFound } from "@fermata/api/ApiErrors"
import { Idempotency } from "@fermata/api/Idempotency"
import * as SystemGroup from "@fermata/api/SystemGroup"
import * as EngineMetrics from "@fermata/engine/EngineMetrics"
import type { HostClock } from "@fermata/engine/HostClock"
import type { Store } from "@fermata/engine/Store"
import * as Effect from "effect/Effect"
import * as HttpApi from "effect/http-api/HttpApi"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServer from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import * as Front from "./internal/Front.ts"
import { InFlight } from "./internal/InFlight.ts"
import * as ProblemResponse from "./internal/ProblemResponse.ts"
import * as Requests from "./internal/Requests.ts"
import type { ServerOptions } from "./ServerOptions.ts"

/** Adds the route to a router, for tokens of the scope `read` that are of no tenant. Give `EngineMetrics.layer` beside it, which counts. */
export const routes = (
  options: Pick<ServerOptions, "hosts" | "proxies"> = {}
): Layer.Layer<never, never, Access | HostClock | Store | HttpRouter.HttpRouter> =>
  Layer.mergeAll(
    Front.layer(options, (_, path) => path === SystemGroup.metrics.path ? path : undefined),
    nothingElse,
    HttpApiBuilder.layer(MetricsApi).pipe(
      Layer.provide(handlers),
      Layer.provide(Requests.layer),
      Layer.provide(HttpServer.layerServices)
    )
  ).pipe(Layer.provide(InFlight.layer()))

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** The routes of a server are none here. */
const nothingElse = HttpRouter.use((router) =>
  router.add(
    "*",
    "*",
    ({ method, url }) => Effect.succeed(ProblemResponse.of(new RouteNotFound({ method, path: url.split("?")[0]! })))
  )
)

/** The route is that of the API, under the name that it has there. */
class MetricsApi extends HttpApi.make("fermata-metrics")
  .add(HttpApiGroup.make("system").add(SystemGroup.metrics))
  .middleware(Idempotency)
  .middleware(Access)
{}

const handlers = HttpApiBuilder.group(
  MetricsApi,
  "system",
  Effect.fn(function*(handlers) {
    const scraped = yield* EngineMetrics.scraped
    return handlers.handleAll({ metrics: () => scraped })
  })
)
