/** A server on an engine of the test, asked as a browser or a program would. */
import type { Access } from "@fermata/api/Access"
import { Client } from "@fermata/api/Client"
import { Contracts } from "@fermata/contracts/Contracts"
import { AccessTokens } from "@fermata/engine/AccessTokens"
import type { StorageFailed } from "@fermata/engine/Backend"
import { Chunks } from "@fermata/engine/Chunks"
import type { Engine } from "@fermata/engine/Engine"
import type { Events } from "@fermata/engine/Events"
import { Feed } from "@fermata/engine/Feed"
import type { HostClock } from "@fermata/engine/HostClock"
import { Runs } from "@fermata/engine/Runs"
import type { Store } from "@fermata/engine/Store"
import { Clock, Context, Effect, Layer } from "effect"
import { FetchHttpClient } from "effect/http"
import * as Server from "../../src/Server.ts"
import * as ServerAccess from "../../src/ServerAccess.ts"
import type { ServerOptions } from "../../src/ServerOptions.ts"

export { Client }

/** An answer as it came. */
export interface Answered {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** The JSON that it carries; undefined for any other. */
  readonly body: unknown
  /** The value at a place of the body, such as `runs.0.id`. */
  readonly at: (place: string) => unknown
}

/** What is asked, as `fetch` takes it, with `json` for a body. */
export interface Asked extends Omit<RequestInit, "headers"> {
  readonly headers?: Readonly<Record<string, string>>
  readonly json?: unknown
}

/** Asks a server that is given as a Fetch handler. */
export class Served extends Context.Service<Served, {
  readonly ask: (methodAndPath: string, asked?: Asked) => Effect.Effect<Answered>
  readonly fetch: (request: Request) => Promise<Response>
}>()("test/Served") {
  static readonly layer = (
    options: ServerOptions = {},
    access: Layer.Layer<Access, never, HostClock | Store> = ServerAccess.layerOpen({ person: "ada" }),
    contracts: Layer.Layer<Contracts | Events, StorageFailed, Engine | Store | HostClock> = Contracts.layerServing()
  ): Layer.Layer<
    Served | Client | AccessTokens | Contracts | Events,
    StorageFailed,
    Chunks | Engine | Store | HostClock | Runs | Feed
  > =>
    Layer.effect(
      Served,
      Effect.gen(function*() {
        const context = yield* Effect.context<
          AccessTokens | Chunks | Engine | Store | HostClock | Runs | Feed | Contracts | Events
        >()
        const services = Layer.succeedContext(context)
        const { handler } = yield* Effect.acquireRelease(
          Effect.sync(() => Server.toWebHandler(Layer.provideMerge(access, services), options)),
          ({ dispose }) => Effect.promise(dispose)
        )
        const clock = Context.make(Clock.Clock, yield* Clock.Clock)
        const fetch = (request: Request) => handler(request, clock)
        return Served.of({ fetch, ask: (line, asked = {}) => Effect.promise(() => ask(fetch, line, asked)) })
      })
    ).pipe((served) =>
      Layer.provideMerge(
        Layer.unwrap(Effect.map(Served, ({ fetch }) =>
          Client.layer({ url: "http://localhost" }).pipe(
            Layer.provide(FetchHttpClient.layer),
            Layer.provide(
              Layer.succeed(
                FetchHttpClient.Fetch,
                ((input, init) => fetch(new Request(input, init))) as typeof globalThis.fetch
              )
            )
          ))),
        Layer.provideMerge(served, contracts)
      )
    ).pipe(Layer.provideMerge(AccessTokens.layer))
}

const ask = async (
  handler: (request: Request) => Promise<Response>,
  line: string,
  { headers, json, ...init }: Asked
): Promise<Answered> => {
  const [method, path] = line.split(" ") as [string, string]
  const response = await handler(
    new Request(`http://localhost${path}`, {
      ...init,
      method,
      headers: { host: "localhost", ...(json === undefined ? {} : { "content-type": "application/json" }), ...headers },
      ...(json === undefined ? {} : { body: JSON.stringify(json) })
    })
  )
  const text = await response.text()
  const body: unknown = text !== "" && /json/.test(response.headers.get("content-type") ?? "")
    ? JSON.parse(text) :
    undefined
  const at = (place: string) =>
    place.split(".").reduce<unknown>(
      (value, name) => typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined,
      body
    )
  return { status: response.status, headers: response.headers, text, body, at }
}
