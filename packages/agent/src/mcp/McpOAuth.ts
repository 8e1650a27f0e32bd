/**
 * How a process is let in by MCP servers that ask for OAuth: as itself (client
 * credentials), or for a person who has agreed once (authorization code with
 * PKCE), whose tokens are kept and refreshed from then on. The flows are those of
 * the protocol's own client; here is what it is configured with, where tokens are
 * kept, and how a person logs in.
 *
 * @example
 * ```ts
 * const oauth = McpOAuth.make({ store: McpTokens.file(".fermata/mcp-tokens.json") })
 * const servers = McpServers.layer({ github: McpHttp.server({ url: "https://mcp.example.com/mcp", oauth }) })
 * // Once, by a person: McpOAuth.logIn("https://mcp.example.com/mcp", oauth, McpTokens.loopback(oauth))
 * ```
 */
import * as SecretRef from "@fermata/core/SecretRef"
import * as Egress from "@fermata/engine/Egress"
import * as Secrets from "@fermata/engine/Secrets"
import type { OAuthClientProvider } from "@modelcontextprotocol/sdk/client/auth.js"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Provider from "../internal/mcp/Provider.ts"
import * as WayOut from "../internal/model/WayOut.ts"

/** Nobody could be logged in. */
export class LoginFailed extends Schema.TaggedError<LoginFailed>()("LoginFailed", {
  server: Schema.String,
  problem: Schema.String
}) {
  override get message(): string {
    return `Nobody was logged in at MCP server ${this.server}: ${this.problem}`
  }
}

/**
 * Where what servers have given is kept: registrations and tokens, one text for
 * each server, which is to be kept as a secret is. A text that is undefined is
 * deleted.
 */
export interface Store {
  readonly load: (server: string) => Effect.Effect<string | undefined, unknown>
  readonly save: (server: string, text: string | undefined) => Effect.Effect<void, unknown>
}

/** Who is let in, and how. */
export interface Options {
  /** Kept by `McpTokens.file` of `@fermata/agent-node`, or in memory by `storeMemory`. */
  readonly store: Store
  /** `authorization_code`, for a person, by default; `client_credentials` for the process itself. */
  readonly grant?: "authorization_code" | "client_credentials"
  /** As which client; registered at the first time where there is none. Needed for `client_credentials`. */
  readonly clientId?: string
  readonly clientSecret?: SecretRef.SecretRef
  /** A key in PKCS 8 that signs who the client is, in place of `clientSecret`. */
  readonly privateKey?: SecretRef.SecretRef & { readonly algorithm: string }
  /** The address of a document that says who the client is, for servers that take one. */
  readonly clientMetadataUrl?: string
  /** What is asked for where the server does not say what it takes. */
  readonly scopes?: ReadonlyArray<string>
  /** Where a browser goes when a person has agreed; `http://127.0.0.1:33418/callback` by default. */
  readonly redirectUrl?: string
  /** Origins of authorisation servers that the way out of the process would not lead to, such as those of one's own network. */
  readonly origins?: ReadonlyArray<string>
}

/** How a process is let in. */
export interface OAuth extends Options {
  readonly redirectUrl: string
}

/** Throws where something is missing. */
export const make = (options: Options): OAuth => {
  const { clientId, clientSecret, grant, privateKey, redirectUrl = "http://127.0.0.1:33418/callback" } = options
  if (grant === "client_credentials" && (clientId === undefined || (clientSecret ?? privateKey) === undefined)) {
    throw new Error("OAuth with the grant \"client_credentials\" needs a clientId, and a clientSecret or a privateKey")
  }
  return { ...options, redirectUrl }
}

/** What is kept ends with the process. */
export const storeMemory = (): Store => {
  const texts = new Map<string, string>()
  return {
    load: (server) => Effect.sync(() => texts.get(server)),
    save: (server, text) =>
      Effect.sync(() => void (text === undefined ? texts.delete(server) : texts.set(server, text)))
  }
}

/** The secrets that are needed to be let in. */
export const secretsOf = ({ clientSecret, privateKey }: OAuth): ReadonlyArray<string> =>
  [clientSecret, privateKey].flatMap((ref) => ref === undefined ? [] : [ref.secret])

/** What the client of the protocol asks about an address; in the body of a step. */
export const providerOf = (oauth: OAuth, url: string): Effect.Effect<OAuthClientProvider, unknown> =>
  provider(oauth, url, Secrets.resolve)

/**
 * Logs a person in at a server. `open` shows the address at which they agree, and
 * ends with the address to which their browser was sent then. What a run was
 * refused before is asked for.
 */
export const logIn = <E, R>(
  url: string,
  oauth: OAuth,
  open: (address: URL) => Effect.Effect<URL, E, R>
): Effect.Effect<void, E | LoginFailed, R> =>
  Effect.gen(function*() {
    const failed = (error: unknown) => new LoginFailed({ server: url, problem: textOf(error) })
    const { find } = yield* Secrets.CurrentSource
    const provided = yield* Effect.mapError(provider(oauth, url, ({ secret }) => find(secret)), failed)
    const egress = yield* Egress.CurrentEgress
    const origins = [new URL(url).origin, ...oauth.origins ?? []]
    const fetch = WayOut.fetchOf(egress, () => origins) ?? globalThis.fetch
    const address = yield* Effect.tryPromise({ try: () => Provider.begin(provided, url, fetch), catch: failed })
    // Whoever was let in already needs no person.
    if (address === undefined) return
    const back = yield* open(address)
    yield* Effect.tryPromise({ try: () => Provider.end(provided, url, back, fetch), catch: failed })
  })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const provider = (
  oauth: OAuth,
  url: string,
  find: (ref: SecretRef.SecretRef) => Effect.Effect<Redacted.Redacted<string>, unknown>
): Effect.Effect<Provider.Provider, unknown> =>
  Effect.gen(function*() {
    const told = (ref: SecretRef.SecretRef | undefined) =>
      ref === undefined
        ? Effect.undefined
        : Effect.map(find(SecretRef.make(ref.secret)), (text) => Redacted.value(text))
    const { clientId, clientMetadataUrl, grant = "authorization_code", privateKey, redirectUrl, scopes, store } = oauth
    const clientSecret = yield* told(oauth.clientSecret)
    const key = yield* told(privateKey)
    return yield* Provider.make({
      store,
      grant,
      clientId,
      clientSecret,
      privateKey: key === undefined || privateKey === undefined
        ? undefined
        : { text: key, algorithm: privateKey.algorithm },
      clientMetadataUrl,
      scopes,
      redirectUrl
    }, url)
  })

const textOf = (error: unknown): string => error instanceof Error ? error.message || error.name : String(error)
