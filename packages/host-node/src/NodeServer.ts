/** An HTTP server of Node, for `HttpRouter.serve` and whatever else is served by Effect. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import type * as HttpServer from "effect/http/HttpServer"
import type { ServeError } from "effect/http/HttpServerError"
import type * as Layer from "effect/Layer"
import { createServer } from "node:http"

/** Where a server listens. */
export interface Options {
  /** The address of the interface; `127.0.0.1` when absent, which only this machine reaches. */
  readonly host?: string
  /** 0 for any that is free. */
  readonly port: number
  /** How long (ms) requests in flight have when the server closes; 5,000 when absent. */
  readonly graceMs?: number
}

/**
 * Listens until its scope ends: then it takes no more connections, and requests
 * in flight have their time.
 */
export const layer = (
  { graceMs = 5_000, host = "127.0.0.1", port }: Options
): Layer.Layer<HttpServer.HttpServer, ServeError> =>
  NodeHttpServer.layerServer(() => createServer(), { host, port, gracefulShutdownTimeout: graceMs })
