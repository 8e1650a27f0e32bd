/** An agent service on a real socket, which takes jobs and tells what came of them. */
import { handleCallback } from "@fermata/contracts/RemoteTasks"
import { Events } from "@fermata/engine/Events"
import { Effect, Queue, type Redacted, type Scope } from "effect"
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"

/** A job as it came in. */
export interface Job {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
  readonly body: Readonly<Record<string, unknown>>
}

export interface AgentService {
  /** Where it is, on loopback. */
  readonly url: URL
  /** Everything that came in, in order. */
  readonly jobs: ReadonlyArray<Job>
  /** The next job, once it is there. */
  readonly next: Effect.Effect<Job>
  /** The status with which jobs are answered from now on; 202 at first. */
  readonly answer: (status: number) => void
}

/** Starts a service; it ends with the scope. */
export const make: Effect.Effect<AgentService, never, Scope.Scope> = Effect.gen(function*() {
  const jobs: Array<Job> = []
  const queue = yield* Queue.unbounded<Job>()
  let status = 202
  const take: Listener = async (request, response) => {
    const job = {
      method: request.method ?? "",
      path: request.url ?? "",
      headers: request.headers,
      body: JSON.parse(await text(request))
    }
    jobs.push(job)
    Queue.offerUnsafe(queue, job)
    response.writeHead(status).end()
  }
  const url = yield* listen((request, response) => void take(request, response))
  return { url, jobs, next: Queue.take(queue), answer: (next) => void (status = next) }
})

/** Serves `POST /callbacks` for a host as a server of Node does; it ends with the scope. */
export const callbacks = (
  events: Events["Service"],
  secret: Redacted.Redacted
): Effect.Effect<URL, never, Scope.Scope> => {
  const take: Listener = async (incoming, outgoing) => {
    const body = await text(incoming)
    const headers = new Headers(Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]))
    const method = incoming.method ?? "GET"
    const request = new Request(`http://localhost${incoming.url}`, {
      method,
      headers,
      ...(method === "GET" ? {} : { body })
    })
    const response = await Effect.runPromise(Effect.provideService(handleCallback(request, { secret }), Events, events))
    outgoing.writeHead(response.status, Object.fromEntries(response.headers)).end(await response.text())
  }
  return Effect.map(listen((incoming, outgoing) => void take(incoming, outgoing)), (url) => new URL("callbacks", url))
}

/** Calls back over the network; without a secret no header goes out. */
export const callBack = (
  url: URL,
  body: unknown,
  secret?: string
): Effect.Effect<{ readonly status: number; readonly body: unknown }> =>
  Effect.promise(async () => {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", ...(secret === undefined ? {} : { "x-callback-secret": secret }) },
      body: typeof body === "string" ? body : JSON.stringify(body)
    })
    return { status: response.status, body: await response.json() }
  })

type Listener = (request: IncomingMessage, response: ServerResponse) => Promise<void>

const listen = (listener: RequestListener): Effect.Effect<URL, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<ReturnType<typeof createServer>>((resume) => {
      const server = createServer(listener)
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  ).pipe(Effect.map((server) => new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)))

const text = async (request: IncomingMessage): Promise<string> => {
  const chunks: Array<Buffer> = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString("utf8")
}
