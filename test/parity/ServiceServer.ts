/** A service on loopback, what it was asked, and what it answers. */
import { Effect } from "effect"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"

export interface Asked {
  readonly line: string
  readonly headers: IncomingMessage["headers"]
  readonly body: string
}

export type Answer = (asked: Asked, response: ServerResponse) => void

/** Says that it was asked. */
export const ok: Answer = (_, response) =>
  response.writeHead(200, { "content-type": "application/json" }).end("{\"ok\":true}")

/** A server until the scope ends. */
export const serve = (answer: Answer = ok) =>
  Effect.acquireRelease(
    Effect.callback<{
      readonly origin: string
      readonly asked: Array<Asked>
      readonly connections: () => number
      readonly close: () => Promise<void>
    }>((resume) => {
      const asked: Array<Asked> = []
      let connections = 0
      const server = createServer((request, response) => {
        const parts: Array<Buffer> = []
        request.on("data", (part: Buffer) => parts.push(part))
        request.on("end", () => {
          const one = {
            line: `${request.method} ${request.url}`,
            headers: request.headers,
            body: Buffer.concat(parts).toString()
          }
          asked.push(one)
          answer(one, response)
        })
      })
      server.on("connection", () => connections++)
      server.listen(0, "127.0.0.1", () =>
        resume(Effect.succeed({
          origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
          asked,
          connections: () => connections,
          close: () =>
            new Promise((done) => {
              server.close(() => done())
              server.closeAllConnections()
            })
        })))
    }),
    ({ close }) => Effect.promise(close)
  )
