/**
 * How a process is let in by MCP servers that ask for OAuth: as itself (client
 * credentials), or for a person who has agreed once (authorization code with
 * PKCE), whose tokens are kept and refreshed from then on. The flows are those of
 * the protocol's own client; here is what it is configured with, where tokens are
 * kept, and how a person logs in.
 *
 * @example
 * ```ts
 * const oauth = McpOAuth.make({ store: McpTokens.folder(".fermata/mcp-tokens"), scopes: ["repo"] })
 * const servers = McpServers.layer({ github: McpHttp.server({ url: "https://mcp.example.com/mcp", oauth }) })
 * // Once, by a person: McpOAuth.logIn("https://mcp.example.com/mcp", oauth, McpTokens.browser(oauth, show))
 * ```
 */
import * as SecretRef from "@fermata/core/SecretRef"
import * as Egress from "@fermata/engine/Egress"
import * as Secrets from "@fermata/engine/Secrets"
import type { OAuthClientProvider } from "@modelcontextprotocol/sdk/client/auth.js"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
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
  /** Where what is given is kept: by `McpTokens.folder` of `@fermata/host-node`, or in memory by `storeMemory`; where the process keeps it (`layerStore`) by default. */
  readonly store?: Store
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
export const make = (options: Options = {}): OAuth => {
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

/** Where the process keeps what servers have given that are told no other place; until it ends by default. */
export const CurrentStore: Context.Reference<Store> = Context.Reference<Store>("@fermata/agent/mcp/McpOAuth/Store", {
  defaultValue: storeMemory
})

/** The process keeps what servers have given here. Give it to the layers of agents. */
export const layerStore = (store: Store): Layer.Layer<never> => Layer.succeed(CurrentStore, store)

/** How people log in at the server of this name, as the end of a sentence that tells them to: a command where there is one. */
export const CurrentWay: Context.Reference<(server: string) => string> = Context.Reference<(server: string) => string>(
  "@fermata/agent/mcp/McpOAuth/Way",
  { defaultValue: () => () => "McpOAuth.logIn" }
)

/** The secrets that are needed to be let in. */
export const secretsOf = ({ clientSecret, privateKey }: OAuth): ReadonlyArray<string> =>
  [clientSecret, privateKey].flatMap((ref) => ref === undefined ? [] : [ref.secret])

/** What the client of the protocol asks about an address; in the body of a step. */
export const providerOf = (oauth: OAuth, url: string): Effect.Effect<OAuthClientProvider, unknown> =>
  provider(oauth, url, Secrets.resolve)

/** What is kept of a server: whether somebody has logged in there, and the origins of whoever let them in. */
export const keptOf = (
  oauth: OAuth,
  url: string
): Effect.Effect<{ readonly isLoggedIn: boolean; readonly origins: ReadonlyArray<string> }, unknown> =>
  Effect.flatMap(CurrentStore, (store) => Provider.keptIn(oauth.store ?? store, url))

/**
 * Logs a person in at a server. `open` shows the address at which they agree, and
 * ends with the address to which their browser was sent then. What a run was
 * refused before is asked for. Says whether somebody had to agree.
 */
export const logIn = <E, R>(
  url: string,
  oauth: OAuth,
  open: (address: URL) => Effect.Effect<URL, E, R>
): Effect.Effect<{ readonly agreed: boolean }, E | LoginFailed, R> =>
  Effect.gen(function*() {
    const failed = failedAt(url)
    const { fetch, provided } = yield* atHand(url, oauth)
    const address = yield* Effect.tryPromise({ try: () => Provider.begin(provided, url, fetch), catch: failed })
    // Whoever was let in already needs no person.
    if (address === undefined) return { agreed: false }
    const back = yield* open(address)
    yield* Effect.tryPromise({ try: () => Provider.end(provided, url, back, fetch), catch: failed })
    return { agreed: true }
  })

/**
 * Forgets what a server has given, once it was told that it counts no more, where
 * it can be told: `revoked` says whether it was. `wasLoggedIn` is false where there
 * was nothing to forget.
 */
export const logOut = (
  url: string,
  oauth: OAuth
): Effect.Effect<{ readonly wasLoggedIn: boolean; readonly revoked: boolean }, LoginFailed> =>
  Effect.gen(function*() {
    const failed = failedAt(url)
    const { isLoggedIn } = yield* Effect.mapError(keptOf(oauth, url), failed)
    const { fetch, provided } = yield* atHand(url, oauth)
    const revoked = isLoggedIn && (yield* Effect.promise(() => Provider.revoke(provided, fetch)))
    yield* Effect.mapError(Provider.forget(oauth.store ?? (yield* CurrentStore), url), failed)
    return { wasLoggedIn: isLoggedIn, revoked }
  })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const failedAt = (url: string) => (error: unknown): LoginFailed =>
  new LoginFailed({ server: url, problem: textOf(error) })

/** Where nobody has a step, who logs in is told secrets by the process. */
const atHand = Effect.fnUntraced(function*(url: string, oauth: OAuth) {
  const { find } = yield* Secrets.CurrentSource
  const provided = yield* Effect.mapError(provider(oauth, url, ({ secret }) => find(secret)), failedAt(url))
  const { origins } = yield* Effect.mapError(keptOf(oauth, url), failedAt(url))
  const egress = yield* Egress.CurrentEgress
  const known = [new URL(url).origin, ...oauth.origins ?? [], ...origins]
  return { provided, fetch: WayOut.fetchOf(egress, () => known) ?? globalThis.fetch }
})

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
    const { clientId, clientMetadataUrl, grant = "authorization_code", privateKey, redirectUrl, scopes } = oauth
    const clientSecret = yield* told(oauth.clientSecret)
    const key = yield* told(privateKey)
    return yield* Provider.make({
      store: oauth.store ?? (yield* CurrentStore),
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
