/** A server on this machine that counts who comes: what must not be reached is not, down to the first packet. */
import { Effect } from "effect"
import { createServer, type IncomingMessage, type RequestListener } from "node:http"
import { createServer as createSecure } from "node:https"
import type { AddressInfo } from "node:net"

export interface Loopback {
  readonly port: number
  readonly origin: string
  /** Connections, of whatever is said over them. */
  readonly connections: () => number
  /** What was asked, in order, with the headers. */
  readonly requests: ReadonlyArray<{ readonly line: string; readonly headers: IncomingMessage["headers"] }>
}

/** Listens until the scope ends; with a certificate by https. */
export const listen = (
  answer: RequestListener,
  { address = "127.0.0.1", secure }: {
    readonly address?: string
    readonly secure?: { readonly key: string; readonly cert: string }
  } = {}
) =>
  Effect.acquireRelease(
    Effect.callback<Loopback & { readonly close: () => Promise<void> }>((resume) => {
      let connections = 0
      const requests: Array<Loopback["requests"][number]> = []
      const heard: RequestListener = (request, response) => {
        requests.push({ line: `${request.method} ${request.url}`, headers: request.headers })
        answer(request, response)
      }
      const server = secure === undefined ? createServer(heard) : createSecure(secure, heard)
      server.on("connection", () => connections++)
      server.listen(0, address, () => {
        const { port } = server.address() as AddressInfo
        const host = address.includes(":") ? `[${address}]` : address
        resume(Effect.succeed({
          port,
          origin: `${secure === undefined ? "http" : "https"}://${host}:${port}`,
          connections: () => connections,
          requests,
          close: () =>
            new Promise((done) => {
              server.close(() => done())
              server.closeAllConnections()
            })
        }))
      })
    }),
    ({ close }) => Effect.promise(close)
  )
