/** Serves the HTTP surface, and works on runs beside it: what `fermata serve` does. */
import { Contracts } from "@fermata/contracts/Contracts"
import * as RemoteTasks from "@fermata/contracts/RemoteTasks"
import * as EngineMetrics from "@fermata/engine/EngineMetrics"
import { Feed } from "@fermata/engine/Feed"
import * as NodeServer from "@fermata/host-node/NodeServer"
import * as Server from "@fermata/server/Server"
import * as ServerAccess from "@fermata/server/ServerAccess"
import type { RequestLimits } from "@fermata/server/ServerOptions"
import { Streams } from "@fermata/server/Streams"
import * as Config_ from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type * as Scope from "effect/Scope"
import { readFileSync } from "node:fs"
import { type CommandFailed, exitCodes, refused } from "./CommandFailed.ts"
import * as Config from "./Config.ts"
import { fileLabel } from "./ContractFile.ts"
import type { Globals } from "./Globals.ts"
import * as Host from "./Host.ts"
import { why } from "./JsonOption.ts"
import * as Listening from "./Listening.ts"
import { exitWith, note } from "./Output.ts"
import * as Words from "./Words.ts"

/** Where the server listens, whom it lets in, and whether its process works on runs. */
export interface Options {
  readonly host: string
  readonly port: number
  readonly work: boolean
  /** Files with a certificate and its key. */
  readonly tls: { readonly cert: string; readonly key: string } | undefined
  /** Names under which it is reached, beside those of `host` and the loopback interface. */
  readonly names: ReadonlyArray<string>
  /** Other origins whose pages may act here. */
  readonly origins: ReadonlyArray<string>
  /** Networks of proxies. */
  readonly proxies: ReadonlyArray<string>
  readonly requests?: RequestLimits
}

/** Serves until it is interrupted. */
export const serve = (globals: Globals, options: Options): Effect.Effect<void, CommandFailed, Scope.Scope> =>
  Effect.gen(function*() {
    const { names, origins, port, proxies, requests = {}, work } = options
    const tls = options.tls === undefined ? undefined : yield* readTls(options.tls)
    const config = yield* Config.loadOrRecall(globals, [process.cwd()])
    const host = yield* Host.open(globals, { command: "serve", worker: work, idle: !work, config })
    const isOwn = Listening.isLoopback(options.host)
    yield* Listening.checkTokens(host, globals, options.host, `--host ${options.host}`)
    yield* host.serve()
    // Who is told to stop has done what it was asked for.
    yield* exitWith(exitCodes.completed)
    const callbackSecret = yield* Config_.option(RemoteTasks.callbackSecret).pipe(
      Effect.mapError(() => refused("SecretInvalid", "CALLBACK_SECRET is empty; give the secret, or unset it"))
    )
    const served = HttpRouter.serve(
      Server.routes({
        hosts: [...Listening.ownNames(options.host), ...names],
        origins,
        proxies,
        requests,
        agents: yield* heads(config),
        ...(Option.isSome(callbackSecret) ? { callbackSecret: callbackSecret.value } : {})
      }),
      { disableLogger: true, disableListenLog: true, routerConfig: Server.routerConfig }
    ).pipe(
      Layer.provide(ServerAccess.layerTokens(isOwn ? { person: globals.as } : {})),
      Layer.provide(Feed.layer),
      Layer.provideMerge(NodeServer.layer({ host: options.host, port, ...(tls === undefined ? {} : { tls }) })),
      Layer.provide(Layer.succeed(Contracts, host.contracts)),
      Layer.provideMerge(EngineMetrics.layer),
      Layer.provide(Layer.succeedContext(host.context))
    )
    const context = yield* Layer.build(served).pipe(
      Effect.catch(({ cause }) =>
        Effect.fail(
          isOfTls(cause)
            ? refused("CertificateInvalid", `--tls-cert and --tls-key are no certificate and its key: ${why(cause)}`)
            : Listening.unusable(`${isOwn ? "" : `--host ${options.host} `}--port ${port}`, cause)
        )
      )
    )
    // Runs before the server closes, which waits for what is in flight.
    yield* Effect.addFinalizer(() => Context.get(context, Streams).close)
    const plain = Listening.urlOf(context)
    const url = tls === undefined ? plain : plain.replace(/^http:/, "https:")
    const programs = host.served()
    yield* note(
      `serves ${globals.db} at ${url}, ${work ? "and works on its runs" : "and works on no run"}: ${
        Words.list([...programs, "contracts"])
      } (${config.file === undefined ? "no fermata.config.ts" : fileLabel(config.file)})`
    )
    if (!isOwn && tls === undefined && proxies.length === 0) {
      yield* note("warning: without TLS (--tls-cert, --tls-key, or a proxy that has it) tokens can be read on the way")
    }
    return yield* Effect.never
  })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** The agents of the configuration, for callers that start them by name. */
const heads = Effect.fnUntraced(function*({ config: { agents = [] } }: Config.Loaded) {
  if (agents.length === 0) return []
  const { headOf } = yield* Effect.promise(() => import("./Agents.ts"))
  return agents.map(headOf)
})

const readTls = Effect.fnUntraced(function*({ cert, key }: NonNullable<Options["tls"]>) {
  const read = (option: string, file: string) =>
    Effect.try({
      try: () => readFileSync(file, "utf8"),
      catch: (cause) => refused("FileUnreadable", `${option} ${file} cannot be read: ${why(cause)}`)
    })
  return { cert: yield* read("--tls-cert", cert), key: yield* read("--tls-key", key) }
})

const isOfTls = (cause: unknown): boolean =>
  Predicate.hasProperty(cause, "code") && /^ERR_(OSSL|SSL|TLS|CRYPTO)/.test(String(cause.code))
