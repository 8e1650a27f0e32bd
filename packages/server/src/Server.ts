/**
 * The HTTP surface of an engine: routes for any router of Effect, or one Fetch
 * handler to mount wherever there is one.
 */
import type { Access } from "@fermata/api/Access"
import { Api } from "@fermata/api/Api"
import type { Contracts } from "@fermata/contracts/Contracts"
import { AccessTokens } from "@fermata/engine/AccessTokens"
import { AuditLog } from "@fermata/engine/AuditLog"
import { Bulk } from "@fermata/engine/Bulk"
import type { Chunks } from "@fermata/engine/Chunks"
import type { Engine } from "@fermata/engine/Engine"
import type { Events } from "@fermata/engine/Events"
import type { Feed } from "@fermata/engine/Feed"
import type { HostClock } from "@fermata/engine/HostClock"
import { Retention } from "@fermata/engine/Retention"
import { RunExports } from "@fermata/engine/RunExports"
import type { Runs } from "@fermata/engine/Runs"
import { Schedules } from "@fermata/engine/Schedules"
import { Sensors } from "@fermata/engine/Sensors"
import type { Store } from "@fermata/engine/Store"
import { Tasks } from "@fermata/engine/Tasks"
import { Tenants } from "@fermata/engine/Tenants"
import { Sources } from "@fermata/operations/Sources"
import { Webhooks } from "@fermata/operations/Webhooks"
import type * as Context from "effect/Context"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServer from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import * as AccessHandlers from "./internal/AccessHandlers.ts"
import * as AgentsHandlers from "./internal/AgentsHandlers.ts"
import * as ApprovalsHandlers from "./internal/ApprovalsHandlers.ts"
import * as ArtifactsHandlers from "./internal/ArtifactsHandlers.ts"
import * as AuditHandlers from "./internal/AuditHandlers.ts"
import * as Callbacks from "./internal/Callbacks.ts"
import * as ContractsHandlers from "./internal/ContractsHandlers.ts"
import * as DiffHandlers from "./internal/DiffHandlers.ts"
import * as Docs from "./internal/Docs.ts"
import * as EventsHandlers from "./internal/EventsHandlers.ts"
import * as Front from "./internal/Front.ts"
import * as Hooks from "./internal/Hooks.ts"
import { InFlight } from "./internal/InFlight.ts"
import * as JournalHandlers from "./internal/JournalHandlers.ts"
import * as PolicyHandlers from "./internal/PolicyHandlers.ts"
import * as Requests from "./internal/Requests.ts"
import * as RetentionHandlers from "./internal/RetentionHandlers.ts"
import * as RunsHandlers from "./internal/RunsHandlers.ts"
import * as SchedulesHandlers from "./internal/SchedulesHandlers.ts"
import * as SensorsHandlers from "./internal/SensorsHandlers.ts"
import * as SignalsHandlers from "./internal/SignalsHandlers.ts"
import * as SourcesHandlers from "./internal/SourcesHandlers.ts"
import * as SpendingHandlers from "./internal/SpendingHandlers.ts"
import * as StepsHandlers from "./internal/StepsHandlers.ts"
import * as StreamsHandlers from "./internal/StreamsHandlers.ts"
import * as SystemHandlers from "./internal/SystemHandlers.ts"
import * as TasksHandlers from "./internal/TasksHandlers.ts"
import * as TenantsHandlers from "./internal/TenantsHandlers.ts"
import * as WebhooksHandlers from "./internal/WebhooksHandlers.ts"
import * as WorkflowsHandlers from "./internal/WorkflowsHandlers.ts"
import { longestName, type ServerOptions } from "./ServerOptions.ts"
import { Streams } from "./Streams.ts"

/** What a server needs: the verbs of an engine, and a way to let callers in. */
export type Needs = Access | Chunks | Contracts | Engine | Events | Feed | HostClock | Runs | Store

/** How a router of these routes has to be: keys of steps may be long, and names are not said in other letters. For `HttpRouter.serve`. */
export const routerConfig = { maxParamLength: longestName, caseSensitive: true } as const

/**
 * Adds every route to a router. Before the server is closed, `Streams.close` tells
 * those who listen that it goes.
 */
export const routes = (options: ServerOptions = {}): Layer.Layer<Streams, never, Needs | HttpRouter.HttpRouter> =>
  Layer.merge(
    Layer.mergeAll(
      Front.layer(options),
      Callbacks.layer(options.callbackSecret),
      Hooks.layer,
      options.docs === false ? Layer.empty : Docs.layer
    ),
    HttpApiBuilder.layer(Api, { openapiPath: "/openapi.json" }).pipe(
      Layer.provide([
        AccessHandlers.layer,
        RunsHandlers.layer,
        JournalHandlers.layer,
        StepsHandlers.layer,
        ArtifactsHandlers.layer,
        DiffHandlers.layer,
        AgentsHandlers.layer(options.agents ?? []),
        ApprovalsHandlers.layer,
        SignalsHandlers.layer,
        EventsHandlers.layer,
        SensorsHandlers.layer,
        SourcesHandlers.layer,
        WebhooksHandlers.layer,
        ContractsHandlers.layer,
        SchedulesHandlers.layer,
        WorkflowsHandlers.layer,
        PolicyHandlers.layer,
        RetentionHandlers.layer,
        SpendingHandlers.layer,
        StreamsHandlers.layer,
        SystemHandlers.layer,
        AuditHandlers.layer,
        TenantsHandlers.layer,
        TasksHandlers.layer(options.operatorKinds ?? ["operator"]),
        TasksHandlers.queuesLayer,
        TasksHandlers.pauseLayer
      ]),
      Layer.provide(Requests.layer),
      Layer.provide(HttpServer.layerServices),
      Layer.provide([
        AccessTokens.layer,
        AuditLog.layer,
        Bulk.layer,
        Retention.layer,
        RunExports.layer,
        Schedules.layer,
        Tasks.layer,
        Tenants.layer
      ]),
      Layer.provideMerge(Streams.layer(options.streams))
    )
  ).pipe(
    Layer.provide(InFlight.layer(options.requests)),
    Layer.provide(Sources.layer),
    Layer.provide(Webhooks.layer),
    Layer.provide(Tasks.layer),
    Layer.provide(Sensors.layer)
  )

/** The routes as a Fetch handler, for Hono, Next, Express, Bun, Deno or Workers. `dispose` ends what the layer has begun. */
export const toWebHandler = <E>(
  services: Layer.Layer<Needs, E>,
  options: ServerOptions = {}
): {
  /** Answers a request. What the context holds, such as a clock, is given to whatever answers it. */
  readonly handler: (request: Request, context?: Context.Context<never>) => Promise<Response>
  readonly dispose: () => Promise<void>
} => HttpRouter.toWebHandler(Layer.provide(routes(options), services), { disableLogger: true, routerConfig })
