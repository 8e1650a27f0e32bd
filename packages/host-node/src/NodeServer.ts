/** An HTTP server of Node, for `HttpRouter.serve` and whatever else is served by Effect. */
import * as Effect from "effect/Effect"
import type * as HttpServer from "effect/http/HttpServer"
import { ServeError } from "effect/http/HttpServerError"
import * as Layer from "effect/Layer"
import { createServer } from "node:http"
import { createSecureServer } from "node:http2"
import { createSecureContext } from "node:tls"

/** Where a server listens. */
export interface Options {
  /** The address of the interface; `127.0.0.1` when absent, which only this machine reaches. */
  readonly host?: string
  /** 0 for any that is free. */
  readonly port: number
  /** Serves over TLS, with HTTP/2 for whoever speaks it: a certificate, with those that vouch for it behind it, and its key, each as PEM. */
  readonly tls?: { readonly cert: string; readonly key: string }
  /** How long (ms) requests in flight have when the server closes; 5,000 when absent. */
  readonly graceMs?: number
  /**
   * How long (ms) a connection may stand still while something is to be sent or
   * answered, before it is cut; 75,000 when absent. A reader that takes nothing any
   * more keeps its socket and what waits for it no longer than that. It is above
   * the longest that a request of the API is held (60 s) and the silence of a
   * stream (15 s).
   */
  readonly idleMs?: number
}

/**
 * Listens until its scope ends: then it takes no more connections, and requests
 * in flight have their time. Fails for a certificate that cannot be read, or
 * whose key is another.
 */
export const layer = (
  { graceMs = 5_000, host = "127.0.0.1", idleMs = 75_000, port, tls }: Options
): Layer.Layer<HttpServer.HttpServer, ServeError> =>
  Layer.unwrap(Effect.gen(function*() {
    yield* checked(tls)
    // Imported now: it sets how the whole process asks on the network.
    const NodeHttpServer = yield* Effect.promise(() => import("@effect/platform-node/NodeHttpServer"))
    return NodeHttpServer.layerServer(
      () => {
        const server = tls === undefined ? createServer() : createSecureServer({ ...tls, allowHTTP1: true })
        // By whatever has the connection, since a reader that stands still never ends its request. Without a listener it is destroyed.
        server.setTimeout(idleMs)
        return server
      },
      { host, port, gracefulShutdownTimeout: graceMs }
    )
  }))

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** A server that is made with a bad certificate throws. */
const checked = (tls: Options["tls"]): Effect.Effect<void, ServeError> =>
  tls === undefined ? Effect.void : Effect.asVoid(
    Effect.try({ try: () => createSecureContext(tls), catch: (cause) => new ServeError({ cause }) })
  )
