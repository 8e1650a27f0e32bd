/** The server that is measured: `node bench/server/served.ts FILE` writes its address and ends with SIGTERM. */
import { Contracts } from "@fermata/contracts/Contracts"
import { Events } from "@fermata/engine/Events"
import { Feed } from "@fermata/engine/Feed"
import { Runs } from "@fermata/engine/Runs"
import * as Signal from "@fermata/engine/Signal"
import * as NodeHost from "@fermata/host-node/NodeHost"
import * as NodeServer from "@fermata/host-node/NodeServer"
import * as Server from "@fermata/server/Server"
import * as ServerAccess from "@fermata/server/ServerAccess"
import { Cause, Context, Effect, Exit, Layer, Schema } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import { NetAddress } from "effect/net"
import { Workflow } from "effect/workflow"
import { handlers } from "../subject.ts"

const Tick = Signal.make("tick", { schema: Schema.Int })

const Ticker = Workflow.make("ticker", { payload: { id: Schema.String }, idempotencyKey: ({ id }) => id })

const programs = Layer.merge(
  handlers,
  Ticker.toLayer(() => Effect.forever(Signal.receive(Tick)))
)

const engine = Layer.mergeAll(programs, Contracts.layerServing(), Runs.layer, Events.layer, Feed.layer).pipe(
  Layer.provideMerge(NodeHost.layer({ db: process.argv[2]!, synchronous: "NORMAL" }))
)

const served = HttpRouter.serve(Server.routes({ streams: { most: 5_000, mostOfCaller: 5_000 } }), {
  disableLogger: true,
  disableListenLog: true
}).pipe(
  Layer.provide(ServerAccess.layerOpen({ person: "bench" })),
  Layer.provideMerge(NodeServer.layer({ port: 0, graceMs: 0 })),
  Layer.provide(engine)
)

const fiber = Effect.runFork(Effect.scoped(Effect.gen(function*() {
  const context = yield* Layer.build(served)
  const url = NetAddress.formatUrlUnsafe(Context.get(context, HttpServer.HttpServer).address)
  process.stdout.write(`${url}\n`)
  return yield* Effect.never
})))
process.once("SIGTERM", () => fiber.interruptUnsafe())
fiber.addObserver((exit) => {
  if (Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause)) console.error(Cause.pretty(exit.cause))
  process.exit()
})
