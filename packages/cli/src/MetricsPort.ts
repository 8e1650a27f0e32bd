/** The metrics of a worker, where Prometheus asks for them: what `fermata worker --metrics` does. */
import * as EngineMetrics from "@fermata/engine/EngineMetrics"
import * as NodeServer from "@fermata/host-node/NodeServer"
import * as MetricsServer from "@fermata/server/MetricsServer"
import * as ServerAccess from "@fermata/server/ServerAccess"
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { CommandFailed } from "./CommandFailed.ts"
import type { Globals } from "./Globals.ts"
import type { Host } from "./Host.ts"
import * as Listening from "./Listening.ts"
import type { MetricsPlace } from "./MetricsPlace.ts"
import { note } from "./Output.ts"

/** Serves them until the scope ends, to this machine, or to whoever shows a token of the scope `read`. */
export const serve = (
  host: Host,
  globals: Globals,
  place: MetricsPlace
): Effect.Effect<void, CommandFailed, Scope.Scope> =>
  Effect.gen(function*() {
    const option = `--metrics ${place.text}`
    yield* Listening.checkTokens(host, globals, place.host, option)
    const isOwn = Listening.isLoopback(place.host)
    const served = HttpRouter.serve(MetricsServer.routes({ hosts: Listening.ownNames(place.host) }), {
      disableLogger: true,
      disableListenLog: true
    }).pipe(
      Layer.provide(ServerAccess.layerTokens(isOwn ? { person: globals.as } : {})),
      Layer.provideMerge(NodeServer.layer({ host: place.host, port: place.port })),
      Layer.provideMerge(EngineMetrics.layer),
      Layer.provide(Layer.succeedContext(host.context))
    )
    const context = yield* Effect.mapError(
      Layer.build(served),
      ({ cause }) => Listening.unusable(option, cause)
    )
    yield* note(`metrics at ${Listening.urlOf(context)}/metrics`)
    if (!isOwn) {
      yield* note("warning: without TLS tokens can be read on the way; a proxy that has it may stand before it")
    }
  })
