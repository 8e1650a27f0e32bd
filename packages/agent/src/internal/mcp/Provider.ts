/** What the protocol's own client of OAuth asks about one server: who we are, and what was kept of it. */
import type { OAuthClientProvider, OAuthDiscoveryState } from "@modelcontextprotocol/sdk/client/auth.js"
import type {
  OAuthClientInformationMixed,
  OAuthClientMetadata,
  OAuthTokens
} from "@modelcontextprotocol/sdk/shared/auth.js"
import { WebCrypto } from "effect/crypto/WebCrypto"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

/** Who is let in, with the secrets that say so. */
export interface Identity {
  readonly store: {
    readonly load: (server: string) => Effect.Effect<string | undefined, unknown>
    readonly save: (server: string, text: string | undefined) => Effect.Effect<void, unknown>
  }
  readonly grant: "authorization_code" | "client_credentials"
  readonly clientId: string | undefined
  readonly clientSecret: string | undefined
  readonly privateKey: { readonly text: string; readonly algorithm: string } | undefined
  readonly clientMetadataUrl: string | undefined
  readonly scopes: ReadonlyArray<string> | undefined
  readonly redirectUrl: string
}

const more = Schema.Record(Schema.String, Schema.Json)

/** Who we are to a server: RFC 7591, section 3.2.1. */
const Client = Schema.StructWithRest(
  Schema.Struct({ client_id: Schema.String, client_secret: Schema.optionalKey(Schema.String) }),
  [more]
)

/** What lets us in: RFC 6749, section 5.1. */
const Tokens = Schema.StructWithRest(
  Schema.Struct({
    access_token: Schema.String,
    token_type: Schema.String,
    expires_in: Schema.optionalKey(Schema.Finite),
    scope: Schema.optionalKey(Schema.String),
    refresh_token: Schema.optionalKey(Schema.String)
  }),
  [more]
)

/** Where it is said who lets us in, as found: found again where that is not kept. */
const Discovery = Schema.StructWithRest(Schema.Struct({ authorizationServerUrl: Schema.String }), [more])

/** What is kept of a server. */
const Kept = Schema.Struct({
  version: Schema.Literal(1),
  client: Schema.optionalKey(Client),
  tokens: Schema.optionalKey(Tokens),
  discovery: Schema.optionalKey(Discovery),
  verifier: Schema.optionalKey(Schema.String),
  state: Schema.optionalKey(Schema.String),
  /** Where a person agrees to what was asked for last. */
  address: Schema.optionalKey(Schema.String)
})
type Kept = typeof Kept.Type

/** The provider of a server. */
export const make = Effect.fnUntraced(function*(identity: Identity, url: string) {
  const run = Effect.runPromiseWith(yield* Effect.context<never>())
  const authenticate = identity.privateKey === undefined ?
    undefined :
    (yield* Effect.promise(() => import("@modelcontextprotocol/sdk/client/auth-extensions.js")))
      .createPrivateKeyJwtAuth({
        issuer: identity.clientId ?? "",
        subject: identity.clientId ?? "",
        privateKey: identity.privateKey.text,
        alg: identity.privateKey.algorithm
      })
  return new Provider(identity, keyOf(url), run, authenticate)
})

/** Asks to be let in. The address at which a person agrees; undefined where none is needed. */
export const begin = async (
  provider: Provider,
  url: string,
  fetch: typeof globalThis.fetch
): Promise<URL | undefined> => {
  const pending = (await provider.kept()).address
  // An address of before leads a browser back to where nobody listens any more, once that is another place.
  if (pending !== undefined && new URL(pending).searchParams.get("redirect_uri") === provider.redirectUrl) {
    return pageAt(pending)
  }
  const { auth, extractWWWAuthenticateParams } = await import("@modelcontextprotocol/sdk/client/auth.js")
  const { LATEST_PROTOCOL_VERSION } = await import("@modelcontextprotocol/sdk/types.js")
  // What a server says when it lets nobody in tells who does.
  const refused = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json, text/event-stream" },
    body: JSON.stringify({
      jsonrpc: "2.0",
      id: 0,
      method: "initialize",
      params: {
        protocolVersion: LATEST_PROTOCOL_VERSION,
        capabilities: {},
        clientInfo: { name: "fermata", version: "0.1.0" }
      }
    })
  })
  await refused.body?.cancel()
  const { resourceMetadataUrl, scope } = extractWWWAuthenticateParams(refused)
  try {
    await auth(provider, {
      serverUrl: url,
      fetchFn: fetch,
      ...(scope === undefined ? {} : { scope }),
      ...(resourceMetadataUrl === undefined ? {} : { resourceMetadataUrl })
    })
  } catch (error) {
    if (!refused.ok) throw error
    throw new Error("it lets everybody in, and does not say who would let somebody in", { cause: error })
  }
  const { address } = await provider.kept()
  return address === undefined ? undefined : pageAt(address)
}

/** Takes the tokens of a person whose browser was sent back to this address. */
export const end = async (
  provider: Provider,
  url: string,
  back: URL,
  fetch: typeof globalThis.fetch
): Promise<void> => {
  const { auth } = await import("@modelcontextprotocol/sdk/client/auth.js")
  const { state } = await provider.kept()
  const code = back.searchParams.get("code")
  const problem = back.searchParams.get("error_description") ?? back.searchParams.get("error")
  if (problem !== null) throw new Error(problem)
  if (code === null) throw new Error("the browser came back without a code")
  if (back.searchParams.get("state") !== state) throw new Error("the browser came back from another login")
  await auth(provider, { serverUrl: url, authorizationCode: code, fetchFn: fetch })
}

/** Says that what lets us in counts no more (RFC 7009); false where nobody was told so. */
export const revoke = async (provider: Provider, fetch: typeof globalThis.fetch): Promise<boolean> => {
  const { discovery, tokens } = await provider.kept()
  const endpoint = Option.getOrUndefined(readRevocation(discovery?.["authorizationServerMetadata"]))
    ?.revocation_endpoint
  const client = await provider.clientInformation()
  if (endpoint === undefined || tokens === undefined || client === undefined) return false
  const { client_id: id, client_secret: secret } = client
  const body = new URLSearchParams({
    token: tokens.refresh_token ?? tokens.access_token,
    token_type_hint: tokens.refresh_token === undefined ? "access_token" : "refresh_token",
    ...(secret === undefined ? { client_id: id } : {})
  })
  const headers = {
    "content-type": "application/x-www-form-urlencoded",
    ...(secret === undefined
      ? {}
      : { authorization: `Basic ${btoa(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`)}` })
  }
  try {
    const response = await fetch(endpoint, { method: "POST", headers, body: body.toString() })
    await response.body?.cancel()
    return response.ok
  } catch {
    // Whoever cannot be reached counts it until it has run out.
    return false
  }
}

/** What is kept of a server, for whoever does not ask it anything. */
export const keptIn = (
  store: Identity["store"],
  url: string
): Effect.Effect<{ readonly isLoggedIn: boolean; readonly origins: ReadonlyArray<string> }, unknown> =>
  Effect.map(store.load(keyOf(url)), (text) => {
    const { discovery, tokens } = text === undefined ? nothing : Option.getOrElse(read(text), () => nothing)
    const origins = tokens === undefined ?
      [] :
      [discovery?.authorizationServerUrl].flatMap((address) =>
        address !== undefined && URL.canParse(address) ? [new URL(address).origin] : []
      )
    return { isLoggedIn: tokens !== undefined, origins }
  })

/** Nothing is kept of a server from now on. */
export const forget = (store: Identity["store"], url: string): Effect.Effect<void, unknown> =>
  store.save(keyOf(url), undefined)

/** What the client of the protocol asks. */
export class Provider implements OAuthClientProvider {
  readonly addClientAuthentication?: NonNullable<OAuthClientProvider["addClientAuthentication"]>
  readonly clientMetadataUrl?: string
  readonly prepareTokenRequest?: NonNullable<OAuthClientProvider["prepareTokenRequest"]>
  private readonly identity: Identity
  private readonly key: string
  private readonly run: <A, E>(effect: Effect.Effect<A, E>) => Promise<A>
  private seen: Kept = nothing

  constructor(
    identity: Identity,
    key: string,
    run: <A, E>(effect: Effect.Effect<A, E>) => Promise<A>,
    authenticate: Provider["addClientAuthentication"]
  ) {
    this.identity = identity
    this.key = key
    this.run = run
    if (authenticate !== undefined) this.addClientAuthentication = authenticate
    if (identity.clientMetadataUrl !== undefined) this.clientMetadataUrl = identity.clientMetadataUrl
    if (this.isOfProcess) {
      this.prepareTokenRequest = (scope = identity.scopes?.join(" ")) =>
        new URLSearchParams({ grant_type: "client_credentials", ...(scope === undefined ? {} : { scope }) })
    }
  }

  get redirectUrl(): string | undefined {
    return this.isOfProcess ? undefined : this.identity.redirectUrl
  }

  get clientMetadata(): OAuthClientMetadata {
    const { redirectUrl, scopes } = this.identity
    return {
      client_name: "Fermata",
      redirect_uris: this.isOfProcess ? [] : [redirectUrl],
      grant_types: this.isOfProcess ? ["client_credentials"] : ["authorization_code", "refresh_token"],
      response_types: this.isOfProcess ? [] : ["code"],
      ...(scopes === undefined ? {} : { scope: scopes.join(" ") })
    }
  }

  async clientInformation(): Promise<OAuthClientInformationMixed | undefined> {
    const { clientId, clientSecret } = this.identity
    const { client } = await this.kept()
    if (clientId === undefined) return client
    // It counts at the server that it was first used at.
    const issuer = client?.["client_id"] === clientId ? client["issuer"] : undefined
    return {
      client_id: clientId,
      ...(clientSecret === undefined ? {} : { client_secret: clientSecret }),
      ...(typeof issuer === "string" ? { issuer } : {})
    }
  }

  async saveClientInformation({ client_secret, ...client }: OAuthClientInformationMixed): Promise<void> {
    // A secret of ours stays where it is.
    const secret = this.identity.clientId === undefined && client_secret !== undefined ? { client_secret } : {}
    await this.change({ client: plain(Client, { ...client, ...secret }) })
  }

  async tokens(): Promise<OAuthTokens | undefined> {
    return (await this.kept()).tokens
  }

  async saveTokens(tokens: OAuthTokens): Promise<void> {
    const { address: _, state: __, verifier: ___, ...kept } = await this.kept()
    await this.save({ ...kept, tokens: plain(Tokens, tokens) })
  }

  async state(): Promise<string> {
    const state = await this.run(Effect.map(WebCrypto, (web) => web.randomUUID()))
    await this.change({ state })
    return state
  }

  async redirectToAuthorization(address: URL): Promise<void> {
    await this.change({ address: address.href })
  }

  async saveCodeVerifier(verifier: string): Promise<void> {
    await this.change({ verifier })
  }

  async codeVerifier(): Promise<string> {
    const { verifier } = await this.kept()
    if (verifier === undefined) throw new Error("nobody has begun to log in")
    return verifier
  }

  async saveDiscoveryState(discovery: OAuthDiscoveryState): Promise<void> {
    await this.change({ discovery: plain(Discovery, discovery) })
  }

  async discoveryState(): Promise<OAuthDiscoveryState | undefined> {
    return (await this.kept()).discovery
  }

  async invalidateCredentials(scope: "all" | "client" | "tokens" | "verifier" | "discovery"): Promise<void> {
    const { tokens } = this.seen
    const kept = await this.kept()
    // Another process has refreshed them meanwhile, which makes ours worth nothing.
    if (scope === "tokens" && JSON.stringify(kept.tokens) !== JSON.stringify(tokens)) return
    if (scope === "all") return this.save(nothing)
    const { [scope]: _, ...rest } = kept
    await this.save(rest)
  }

  /** What is kept now: other processes keep there too. */
  async kept(): Promise<Kept> {
    const text = await this.run(this.identity.store.load(this.key))
    this.seen = text === undefined ? nothing : Option.getOrElse(read(text), () => nothing)
    return this.seen
  }

  private async change(changes: Partial<Kept>): Promise<void> {
    await this.save({ ...await this.kept(), ...changes })
  }

  private async save(kept: Kept): Promise<void> {
    this.seen = kept
    await this.run(this.identity.store.save(this.key, JSON.stringify(kept)))
  }

  private get isOfProcess(): boolean {
    return this.identity.grant === "client_credentials"
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const nothing: Kept = { version: 1 }

/** A browser opens other things than pages too. */
const pageAt = (address: string): URL => {
  const url = new URL(address)
  if (url.protocol === "https:" || url.protocol === "http:") return url
  throw new Error(`it sends people to an address that begins with ${url.protocol}, and to no page of the web`)
}

/** What a server says, as the JSON of it that is kept. */
const plain = <A>(schema: Schema.Codec<A, unknown>, said: object): A =>
  Schema.decodeUnknownSync(schema)(JSON.parse(JSON.stringify(said)))

const read = Schema.decodeUnknownOption(Schema.fromJsonString(Kept))

const readRevocation = Schema.decodeUnknownOption(
  Schema.Struct({ revocation_endpoint: Schema.optionalKey(Schema.String) })
)

/** A server, whatever is asked of it. */
const keyOf = (url: string): string => {
  const { origin, pathname } = new URL(url)
  return `${origin}${pathname}`
}
