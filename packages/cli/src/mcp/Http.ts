/**
 * The server over streamable HTTP, on the loopback interface alone. A page in a
 * browser must not reach it, also not by a name that it has had point here: the
 * host that a request names, and the origin that it comes from, have to be this place.
 */
import {
  type EventStore,
  WebStandardStreamableHTTPServerTransport
} from "@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js"
import { WebCrypto } from "effect/crypto/WebCrypto"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import * as Scope from "effect/Scope"
import { timingSafeEqual } from "node:crypto"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { pipeline, Readable } from "node:stream"
import type { ReadableStream } from "node:stream/web"
import { type CommandFailed, refused } from "../CommandFailed.ts"
import { why } from "../JsonOption.ts"
import * as Session from "./Session.ts"

/** The path under which it answers. */
export const path = "/mcp"

/** Where to listen, and what callers must show; nothing where there is no token. */
export interface Options {
  /** 0 for any that is free. */
  readonly port: number
  readonly token: string | undefined
}

/** Serves clients until the scope ends; gives the address once it listens. */
export const serve = (
  shared: Session.Shared,
  { port, token }: Options
): Effect.Effect<string, CommandFailed, Scope.Scope> =>
  Effect.gen(function*() {
    const ids = yield* WebCrypto
    const scope = yield* Effect.scope
    const run = yield* FiberSet.makeRuntimePromise<never, void, never>()
    const fork = yield* FiberSet.makeRuntime<never, void, never>()
    const sessions = new Map<string, Open>()

    const open: Effect.Effect<Open> = Effect.gen(function*() {
      const own = yield* Scope.fork(scope)
      const transport = new WebStandardStreamableHTTPServerTransport({
        sessionIdGenerator: () => ids.randomUUID(),
        eventStore: recent(),
        onsessioninitialized: (id) => void sessions.set(id, { transport, own }),
        onsessionclosed: (id) => close(sessions, id, run)
      })
      yield* Scope.provide(Session.connect(shared, transport), own)
      // The session that was used longest ago makes room for one more.
      const [oldest] = sessions.keys()
      if (sessions.size >= mostSessions && oldest !== undefined) {
        yield* Effect.promise(() => close(sessions, oldest, run))
      }
      return { own, transport }
    })

    const answer = (request: IncomingMessage, response: ServerResponse): Effect.Effect<void> =>
      Effect.gen(function*() {
        const refusal = refusalOf(request, token)
        if (refusal !== undefined) return refuse(response, ...refusal)
        const id = request.headers["mcp-session-id"]
        const known = typeof id === "string" ? sessions.get(id) : undefined
        if (typeof id === "string") {
          if (known === undefined) return refuse(response, 404, "There is no such session: initialize a new one")
          sessions.delete(id)
          sessions.set(id, known)
        }
        const { own, transport } = known ?? (yield* open)
        const answered = yield* Effect.promise(() => transport.handleRequest(webRequest(request)))
        // Whatever did not begin a session leaves none behind.
        if (transport.sessionId === undefined) yield* Scope.close(own, Exit.void)
        yield* send(response, answered)
      }).pipe(
        Effect.catchDefect(() => Effect.sync(() => refuse(response, 500, "This request could not be answered")))
      )

    return yield* Effect.acquireRelease(
      Effect.callback<{ readonly port: number; readonly close: Effect.Effect<void> }, CommandFailed>((resume) => {
        const server = createServer((request, response) => void fork(answer(request, response)))
        server.on(
          "error",
          (cause) => resume(Effect.fail(refused("PortUnusable", `--port ${port} cannot be listened on: ${why(cause)}`)))
        )
        server.listen(port, loopback, () => {
          const address = server.address()
          const close = Effect.callback<void>((resume) => {
            server.close(() => resume(Effect.void))
            server.closeAllConnections()
          })
          resume(Effect.succeed({ port: typeof address === "object" && address !== null ? address.port : port, close }))
        })
      }),
      ({ close }) => close
    ).pipe(Effect.map(({ port }) => `http://${loopback}:${port}${path}`))
  })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const loopback = "127.0.0.1"
const mostSessions = 100
/** So many events of a session are kept for a client that has lost its stream. */
const mostEvents = 1_000

interface Open {
  readonly transport: WebStandardStreamableHTTPServerTransport
  readonly own: Scope.Closeable
}

const close = async (
  sessions: Map<string, Open>,
  id: string,
  run: (effect: Effect.Effect<void>) => Promise<void>
): Promise<void> => {
  const session = sessions.get(id)
  sessions.delete(id)
  if (session !== undefined) await run(Scope.close(session.own, Exit.void))
}

const here = new Set(["127.0.0.1", "localhost", "[::1]"])

/** Whether the address is of this place, on whatever port it was reached. */
const isHere = (address: string): boolean => URL.canParse(address) && here.has(new URL(address).hostname)

/** Why a request is turned away. */
const refusalOf = (
  { headers, method, url }: IncomingMessage,
  token: string | undefined
): readonly [status: number, message: string] | undefined => {
  if (headers.host === undefined || !isHere(`http://${headers.host}`)) {
    return [403, "The host of a request must be 127.0.0.1 or localhost"]
  }
  if (headers.origin !== undefined && !isHere(headers.origin)) {
    return [403, "Pages of other origins are not answered"]
  }
  if (token !== undefined && !isSame(headers.authorization ?? "", `Bearer ${token}`)) {
    return [401, "The token of this server is wanted: Authorization: Bearer …"]
  }
  if (url?.split("?")[0] !== path) return [404, `The server answers at ${path}`]
  return method === "GET" || method === "POST" || method === "DELETE"
    ? undefined
    : [405, `${method} is none of GET, POST and DELETE`]
}

const isSame = (given: string, wanted: string): boolean => {
  const [a, b] = [Buffer.from(given), Buffer.from(wanted)]
  return a.length === b.length && timingSafeEqual(a, b)
}

const refuse = (response: ServerResponse, status: number, message: string): void => {
  if (response.headersSent) return void response.destroy()
  response.writeHead(status, { "content-type": "application/json" })
  response.end(JSON.stringify({ jsonrpc: "2.0", id: null, error: { code: -32000, message } }))
}

const webRequest = (request: IncomingMessage): Request => {
  const { headers, method = "GET", url = path } = request
  const pairs = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, Array.isArray(value) ? value.join(", ") : value] as const]
  )
  return new Request(`http://${headers.host}${url}`, {
    method,
    headers: pairs.map(([name, value]): [string, string] => [name, value]),
    ...(method === "POST" ? { body: Readable.toWeb(request) as unknown as BodyInit, duplex: "half" } : {})
  })
}

/** Writes the answer as it comes, and lets go of it when the client does. */
const send = (response: ServerResponse, { body, headers, status }: Response): Effect.Effect<void> =>
  Effect.callback((resume) => {
    response.writeHead(status, Object.fromEntries(headers))
    if (body === null) {
      response.end()
      return resume(Effect.void)
    }
    response.flushHeaders()
    pipeline(Readable.fromWeb(body as ReadableStream), response, () => resume(Effect.void))
  })

/** The latest events of a session, so that a client that has lost a stream goes on with it where it was. */
const recent = (): EventStore => {
  const events: Array<{ readonly id: string; readonly stream: string; readonly message: Message }> = []
  let count = 0
  return {
    storeEvent: (stream, message) => {
      const id = String(++count)
      events.push({ id, stream, message })
      if (events.length > mostEvents) events.shift()
      return Promise.resolve(id)
    },
    getStreamIdForEventId: (id) => Promise.resolve(events.find((event) => event.id === id)?.stream),
    replayEventsAfter: async (last, { send }) => {
      const at = events.findIndex(({ id }) => id === last)
      const stream = events[at]?.stream ?? ""
      const missed = at < 0 ? [] : events.slice(at + 1).filter((event) => event.stream === stream)
      await missed.reduce((before, { id, message }) => before.then(() => send(id, message)), Promise.resolve())
      return stream
    }
  }
}

type Message = Parameters<EventStore["storeEvent"]>[1]
