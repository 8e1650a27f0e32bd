/** Serves the HTTP surface, and works on runs beside it: what `fermata serve` does. */
import { Contracts } from "@fermata/contracts/Contracts"
import * as RemoteTasks from "@fermata/contracts/RemoteTasks"
import { Feed } from "@fermata/engine/Feed"
import * as NodeServer from "@fermata/host-node/NodeServer"
import * as Server from "@fermata/server/Server"
import * as ServerAccess from "@fermata/server/ServerAccess"
import { Streams } from "@fermata/server/Streams"
import * as Config_ from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServer from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { type CommandFailed, exitCodes, refused } from "./CommandFailed.ts"
import * as Config from "./Config.ts"
import { fileLabel } from "./ContractFile.ts"
import type { Globals } from "./Globals.ts"
import * as Host from "./Host.ts"
import { why } from "./JsonOption.ts"
import { exitWith, note } from "./Output.ts"
import * as Words from "./Words.ts"

/** Where the server listens, and whether its process works on runs. */
export interface Options {
  readonly port: number
  readonly work: boolean
}

/** Serves until it is interrupted. */
export const serve = (globals: Globals, { port, work }: Options): Effect.Effect<void, CommandFailed, Scope.Scope> =>
  Effect.gen(function*() {
    const config = yield* Config.loadOrRecall(globals, [process.cwd()])
    const host = yield* Host.open(globals, { command: "serve", worker: work, idle: !work, config })
    yield* host.serve()
    // Who is told to stop has done what it was asked for.
    yield* exitWith(exitCodes.completed)
    const callbackSecret = yield* Config_.option(RemoteTasks.callbackSecret).pipe(
      Effect.mapError(() => refused("SecretInvalid", "CALLBACK_SECRET is empty; give the secret, or unset it"))
    )
    const options = Option.isSome(callbackSecret) ? { callbackSecret: callbackSecret.value } : {}
    const served = HttpRouter.serve(Server.routes(options), {
      disableLogger: true,
      disableListenLog: true,
      routerConfig: Server.routerConfig
    }).pipe(
      Layer.provide(ServerAccess.layerOpen({ person: globals.as })),
      Layer.provide(Feed.layer),
      Layer.provideMerge(NodeServer.layer({ port })),
      Layer.provide(Layer.succeed(Contracts, host.contracts)),
      Layer.provide(Layer.succeedContext(host.context))
    )
    const context = yield* Layer.build(served).pipe(
      Effect.catch(({ cause }) =>
        Effect.fail(refused("PortUnusable", `--port ${port} cannot be listened on: ${why(cause)}`))
      )
    )
    // Runs before the server closes, which waits for what is in flight.
    yield* Effect.addFinalizer(() => Context.get(context, Streams).close)
    const url = NetAddress.formatUrlUnsafe(Context.get(context, HttpServer.HttpServer).address)
    const programs = host.served()
    yield* note(
      `serves ${globals.db} at ${url}, ${work ? "and works on its runs" : "and works on no run"}: ${
        Words.list([...programs, "contracts"])
      } (${config.file === undefined ? "no fermata.config.ts" : fileLabel(config.file)})`
    )
    return yield* Effect.never
  })
