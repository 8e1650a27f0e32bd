/**
 * MCP servers over HTTP: streamable HTTP, the older SSE, or single POSTs. They are
 * asked by the guarded way out of the process, which leads to the origin of their
 * address whatever its policy says. Where a process was given no way out, that of
 * the runtime is taken.
 */
import * as SecretRef from "@fermata/core/SecretRef"
import * as Egress from "@fermata/engine/Egress"
import * as Secrets from "@fermata/engine/Secrets"
import type { OAuthClientProvider } from "@modelcontextprotocol/sdk/client/auth.js"
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { PostTransport } from "../internal/mcp/PostTransport.ts"
import { Streams } from "../internal/mcp/Streams.ts"
import * as WayOut from "../internal/model/WayOut.ts"
import * as McpOAuth from "./McpOAuth.ts"
import type { Limits, McpServer } from "./McpServer.ts"

/** Headers by their names; what is a secret is a reference to it. */
export type Headers = Readonly<Record<string, string | SecretRef.SecretRef>>

/** How a server is reached over HTTP. */
export interface Options extends Limits {
  readonly url: string
  /**
   * `http` is streamable HTTP, the default; `sse` is what servers spoke before it.
   * `post` asks by single POSTs that are answered by JSON: without a stream,
   * notifications and progress, for runtimes that keep no connection open.
   */
  readonly transport?: "http" | "sse" | "post"
  /** Sent with each request. */
  readonly headers?: Headers
  /**
   * Asked for further headers before each request, over `headers`: for tokens that
   * run out. Where the server answers 401 it is asked again, and the request made
   * once more. What it gives is cut out of what a call leaves, as a secret is.
   */
  readonly headersProvider?: Effect.Effect<
    Readonly<Record<string, string | Redacted.Redacted<string> | SecretRef.SecretRef>>,
    unknown
  >
  /**
   * How the process is let in where the server asks for OAuth. Without it, a person
   * may log in there all the same (`McpOAuth.make()`), unless something else says
   * who asks: `authProvider`, a `headersProvider`, or a header `authorization`.
   */
  readonly oauth?: McpOAuth.OAuth
  /** In place of `oauth`, what the client of the protocol asks about it. */
  readonly authProvider?: OAuthClientProvider
  /** For recordings, in place of the way out of the process. */
  readonly fetch?: typeof globalThis.fetch
}

/** A server at an address. Throws where that is none. */
export const server = (options: Options): McpServer => {
  const { headersProvider = noHeaders, headers = {}, transport = "http", url, ...limits } = options
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new Error("The address of an MCP server must begin with http:// or https://")
  }
  const address = new URL(url)
  const oauth = options.oauth ?? (saysWhoAsks(options) ? undefined : McpOAuth.make())
  return {
    ...limits,
    ...(oauth === undefined || oauth.grant === "client_credentials" ? {} : { login: { url, oauth } }),
    resumes: transport === "http",
    secrets: [
      ...Object.values(headers).flatMap((value) => SecretRef.is(value) ? [value.secret] : []),
      ...oauth === undefined ? [] : McpOAuth.secretsOf(oauth)
    ],
    where: `${address.origin}${address.pathname}`,
    line: Effect.fnUntraced(function*(session) {
      const egress = yield* Egress.CurrentEgress
      const kept = oauth === undefined ? nobody : yield* McpOAuth.keptOf(oauth, url)
      const origins = [address.origin, ...oauth?.origins ?? [], ...kept.origins]
      const around = options.fetch ?? WayOut.fetchOf(egress, () => origins) ?? globalThis.fetch
      // What a request leaves is told to whoever asks at the time, for the secrets of a step are told to it alone.
      let asker = yield* Effect.context<never>()
      const told = new Map<string, Redacted.Redacted>()
      const tell = (name: string, text: Redacted.Redacted<string>) => {
        const secret = withoutScheme(text)
        told.set(name, secret)
        return Effect.as(Secrets.conceal(name, secret), Redacted.value(text))
      }
      const headersNow = Effect.gen(function*() {
        const all: Record<string, string> = {}
        for (const [name, value] of Object.entries(headers)) {
          all[name] = typeof value === "string" ? value : yield* tell(value.secret, yield* Secrets.resolve(value))
        }
        for (const [name, value] of Object.entries(yield* headersProvider)) {
          all[name] = SecretRef.is(value)
            ? yield* tell(value.secret, yield* Secrets.resolve(value))
            : yield* tell(name, typeof value === "string" ? Redacted.make(value) : value)
        }
        return all
      })
      const fetch: typeof globalThis.fetch = async (input, init) => {
        const ask = async () => {
          const sent = new Headers(init?.headers)
          const token = sent.get("authorization")
          if (token !== null) await Effect.runPromiseWith(asker)(tell("OAuth token", Redacted.make(token)))
          for (const [name, value] of Object.entries(await Effect.runPromiseWith(asker)(headersNow))) {
            sent.set(name, value)
          }
          return around(input, { ...init, headers: sent })
        }
        const response = await ask()
        if (response.status !== 401 || options.headersProvider === undefined) return response
        await response.body?.cancel()
        return ask()
      }
      const streams = transport === "http" ? new Streams() : undefined
      const listening = streams?.around(fetch) ?? fetch
      // Nobody is asked to let a process in that was not told to be: a run begins no login that nobody wants.
      const isAsked = oauth !== undefined && (options.oauth !== undefined || kept.isLoggedIn)
      const provider = options.authProvider ?? (isAsked ? yield* McpOAuth.providerOf(oauth, url) : undefined)
      const made = yield* transportOf(address, transport, listening, provider, session?.session)
      return {
        isOneWay: transport === "post",
        ...(streams === undefined ? {} : { streams }),
        transport: made,
        leave: () => ("terminateSession" in made ? (made as Sessions).terminateSession() : Promise.resolve()),
        begin: Effect.gen(function*() {
          asker = yield* Effect.context<never>()
          for (const [name, text] of told) yield* Secrets.conceal(name, text)
        }),
        lastWords: () => "",
        kill: () => undefined
      }
    })
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const nobody = { isLoggedIn: false, origins: [] }

/** Whether it is said who asks, otherwise than by OAuth. By single POSTs nobody logs in: they have no client of the protocol. */
const saysWhoAsks = ({ authProvider, headers = {}, headersProvider, transport }: Options): boolean =>
  authProvider !== undefined || headersProvider !== undefined || transport === "post" ||
  Object.keys(headers).some((name) => name.toLowerCase() === "authorization")

interface Sessions {
  readonly terminateSession: () => Promise<void>
}

const transportOf = (
  url: URL,
  kind: NonNullable<Options["transport"]>,
  fetch: typeof globalThis.fetch,
  authProvider: OAuthClientProvider | undefined,
  sessionId: string | undefined
): Effect.Effect<Transport, unknown> =>
  Effect.tryPromise(async () => {
    const options = { fetch, ...(authProvider === undefined ? {} : { authProvider }) }
    switch (kind) {
      case "post":
        return new PostTransport(url, fetch)
      case "sse": {
        const { SSEClientTransport } = await import("@modelcontextprotocol/sdk/client/sse.js")
        return new SSEClientTransport(url, options)
      }
      case "http": {
        const { StreamableHTTPClientTransport } = await import("@modelcontextprotocol/sdk/client/streamableHttp.js")
        return new StreamableHTTPClientTransport(url, {
          ...options,
          ...(sessionId === undefined ? {} : { sessionId })
        }) as Transport
      }
    }
  })

const noHeaders: NonNullable<Options["headersProvider"]> = Effect.succeed({})

/** `Bearer` and `Basic` are looked for with what follows them. */
const withoutScheme = (text: Redacted.Redacted): Redacted.Redacted =>
  Redacted.make(Redacted.value(text).replace(/^(Bearer|Basic) +/i, ""))
