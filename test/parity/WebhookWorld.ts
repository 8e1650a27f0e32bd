/** A receiver of webhooks on this machine, and a host that tells it. */
import * as Egress from "@fermata/engine/Egress"
import { Engine } from "@fermata/engine/Engine"
import { Events } from "@fermata/engine/Events"
import { Feed } from "@fermata/engine/Feed"
import { HostClock } from "@fermata/engine/HostClock"
import { Runs } from "@fermata/engine/Runs"
import * as Secrets from "@fermata/engine/Secrets"
import { Store } from "@fermata/engine/Store"
import { Tasks } from "@fermata/engine/Tasks"
import * as NodeEgress from "@fermata/host-node/Egress"
import { Webhooks } from "@fermata/operations/Webhooks"
import { TestHost } from "@fermata/testing/TestHost"
import { Context, Effect, Layer, Queue } from "effect"
import { createServer, type IncomingHttpHeaders } from "node:http"
import type { AddressInfo } from "node:net"

/** A request as the receiver has got it. */
export interface Got {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** What it answers: a status with headers, nothing at all, or a connection that breaks. */
export type Says =
  | number
  | { readonly status: number; readonly headers: Readonly<Record<string, string>> }
  | "silence"
  | "break"

/** A server that notes what comes, and says what it is told to. */
export const receiver = (first: Says = 200) =>
  Effect.acquireRelease(
    Effect.callback<{
      readonly url: string
      readonly got: Array<Got>
      /** Waits until so many more requests have come than were waited for before. */
      readonly asked: (count: number) => Effect.Effect<void>
      says: Says | ((got: Got) => Says)
      readonly close: Effect.Effect<void>
    }>((resume) => {
      const got: Array<Got> = []
      const arrivals = Effect.runSync(Queue.unbounded<undefined>())
      const server = createServer((request, response) => {
        const parts: Array<Buffer> = []
        request.on("data", (part: Buffer) => parts.push(part))
        request.on("end", () => {
          const one: Got = {
            method: request.method ?? "",
            path: request.url ?? "",
            headers: request.headers,
            body: Buffer.concat(parts).toString()
          }
          got.push(one)
          Queue.offerUnsafe(arrivals, undefined)
          const says = typeof self.says === "function" ? self.says(one) : self.says
          if (says === "silence") return
          if (says === "break") return void request.socket.destroy()
          const { headers, status } = typeof says === "number" ? { headers: {}, status: says } : says
          response.writeHead(status, headers).end("what nobody reads")
        })
      })
      const self = {
        url: "",
        got,
        asked: (count: number) => Effect.asVoid(Queue.takeN(arrivals, count)),
        says: first as Says | ((got: Got) => Says),
        close: Effect.promise(() =>
          new Promise<void>((done) => {
            server.close(() => done())
            server.closeAllConnections()
          })
        )
      }
      server.listen(0, "127.0.0.1", () => {
        self.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`
        resume(Effect.succeed(self))
      })
    }),
    ({ close }) => close
  )

/** Says when a request that went out has been answered, or has come to nothing, and how many have gone out. */
export class Sent extends Context.Service<Sent, {
  readonly ended: Queue.Dequeue<string>
  begun: number
  taken: number
}>()("test/Sent") {}

/** The way out to this machine alone, which tells of each request that has ended. */
const wayOut = Layer.effectContext(Effect.gen(function*() {
  const egress = yield* NodeEgress.make({ privateHosts: ["127.0.0.1"], schemes: ["http"], ports: anyPort })
  const ended = yield* Queue.unbounded<string>()
  const sent: Sent["Service"] = { ended, begun: 0, taken: 0 }
  const request: Egress.Egress["request"] = (asked, policy) =>
    Effect.suspend(() => {
      sent.begun++
      return Effect.andThen(
        Effect.addFinalizer(() => Queue.offer(ended, asked.url)),
        egress.request(asked, policy)
      )
    })
  return Context.make(Egress.CurrentEgress, { ...egress, request }).pipe(Context.add(Sent, sent))
}))

const anyPort = Array.from({ length: 65_535 }, (_, port) => port + 1)

/** The secrets of the process. What is changed in it holds from then on. */
export const secrets: Record<string, string> = {
  HOOK: "whsec_b2xkIHNlY3JldCBvZiAyNCBieXRlcyE=",
  NEXT: "whsec_bmV3IHNlY3JldCBvZiAyNCBieXRlcyE=",
  PLAIN: "a secret of plain words",
  TOKEN: "Bearer t0p-s3cret"
}

/** What a test of webhooks uses. */
export type World = Engine | Events | Feed | HostClock | Runs | Sent | Store | Tasks | TestHost | Webhooks

/** A process that works for webhooks, on a host for tests. */
export const worldOn = <E>(
  host: Layer.Layer<Engine | HostClock | Store | TestHost, E>,
  around: Layer.Layer<never> = Layer.empty
): Layer.Layer<World, E> =>
  Webhooks.served().pipe(
    Layer.provide(around),
    Layer.provideMerge(Webhooks.layer),
    Layer.provideMerge(Layer.mergeAll(Events.layer, Feed.layer, Runs.layer, Tasks.layer)),
    Layer.provideMerge(host),
    Layer.provideMerge(Layer.merge(wayOut, Secrets.layerMemory(secrets)))
  )

/** Lets what was committed become deliveries, and those that may go out go. */
export const told = Effect.gen(function*() {
  const host = yield* TestHost
  yield* host.settled
  yield* host.adjustHost(250)
  yield* host.settled
})

/** Waits until so many requests have ended, and until that is recorded. */
export const sent = (count: number) =>
  Effect.gen(function*() {
    const sent = yield* Sent
    for (let left = count; left > 0; left--) {
      yield* Queue.take(sent.ended)
      sent.taken++
    }
    yield* (yield* TestHost).settled
  })

/** Waits until nothing that has gone out is on its way, and nothing more goes out by itself. How many requests that were. */
export const quiet = Effect.gen(function*() {
  const counts = yield* Sent
  yield* told
  let ended = 0
  while (counts.begun > counts.taken) {
    const count = counts.begun - counts.taken
    yield* sent(count)
    yield* told
    ended += count
  }
  return ended
})
