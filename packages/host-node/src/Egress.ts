/**
 * The way out of a Node process, on undici. A name is looked up once, as the
 * system does it; a connection goes to an address that was judged, and one that
 * is kept is taken again for these addresses alone. Certificates are held
 * against the name. Proxies that the environment names are not used.
 *
 * @example
 * ```ts
 * const app = agents.pipe(Layer.provide(Egress.layer({ hosts: ["api.example.com"] })))
 * ```
 */
import * as Egress from "@fermata/engine/Egress"
import type { EgressPolicy } from "@fermata/engine/EgressPolicy"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { lookup } from "node:dns/promises"
import type { Readable } from "node:stream"
import { pipeline } from "node:stream"
import { constants, createBrotliDecompress, createGunzip, createInflate } from "node:zlib"
import type { buildConnector, Pool } from "undici"

/** How names are looked up, and whom certificates are believed of. */
export interface TransportOptions {
  /** The addresses of a name; those of the system by default. */
  readonly lookup?: (host: string) => Promise<ReadonlyArray<string>>
  /** Certificates of authorities, as PEM, beside those that Node believes. */
  readonly ca?: string | ReadonlyArray<string>
}

/** Where a process may go, beside how. */
export interface Options extends Partial<EgressPolicy>, TransportOptions {}

/** The way out of this process. What the policy leaves out is as in `EgressPolicy.closed`. Throws where the policy is none. */
export const layer = (options: Options = {}): Layer.Layer<never> =>
  Layer.effectContext(Effect.map(make(options), (egress) => Context.make(Egress.CurrentEgress, egress)))

/** As `layer`, as a value. Its connections end with the scope. */
export const make = (
  { ca, lookup, ...policy }: Options = {}
): Effect.Effect<Egress.Egress, never, Scope.Scope> =>
  Effect.map(
    transport({ ...(ca === undefined ? {} : { ca }), ...(lookup === undefined ? {} : { lookup }) }),
    (transport) => Egress.make(transport, policy)
  )

/** What brings requests to addresses. Its connections end with the scope. */
export const transport = (
  { ca, lookup = systemLookup }: TransportOptions = {}
): Effect.Effect<Egress.Transport, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(Effect.sync(() => new Pools(ca)), (pools) => Effect.promise(() => pools.end())),
    (pools): Egress.Transport => ({
      resolve: (host) =>
        Effect.tryPromise({
          try: () => lookup(host),
          catch: (error) => ({
            reason: "name",
            sent: false,
            problem: `its name could not be looked up: ${said(error)}`,
            ...coded(error)
          })
        }),
      send: (hop) => send(pools, hop)
    })
  )

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const systemLookup = async (host: string): Promise<ReadonlyArray<string>> =>
  (await lookup(host, { all: true, order: "verbatim" })).map(({ address }) => address)

/** How many hosts connections are kept to. */
const mostPools = 64

/** ms until an address that says nothing is given up for the next one. */
const connectTimeout = 10_000

/** Connections that are kept, by where they lead: nothing that was not judged for a request is taken for it. */
class Pools {
  private readonly pools = new Map<string, Pool>()
  private readonly load: () => Promise<(hop: Egress.Hop) => Pool>
  private loaded: Promise<(hop: Egress.Hop) => Pool> | undefined

  constructor(ca: TransportOptions["ca"]) {
    this.load = async () => {
      const [{ buildConnector, Pool }, { getCACertificates }] = await Promise.all([
        import("undici"),
        import("node:tls")
      ])
      const trusted = ca === undefined ? {} : { ca: [...getCACertificates(), ...(typeof ca === "string" ? [ca] : ca)] }
      return ({ addresses, host, port, url }) =>
        new Pool(`${url.protocol}//${host}:${port}`, {
          connect: inTurn(addresses, buildConnector({ timeout: connectTimeout, allowH2: false, ...trusted })),
          allowH2: false,
          // What bounds a response in time is told by whoever sends the request.
          headersTimeout: 0,
          bodyTimeout: 0
        })
    }
  }

  readonly of = async (hop: Egress.Hop): Promise<Pool> => {
    this.loaded ??= this.load()
    const make = await this.loaded
    const key = [hop.url.protocol, hop.host, hop.port, ...hop.addresses].join(" ")
    const pool = this.pools.get(key) ?? make(hop)
    // The one that was used last stands last.
    this.pools.delete(key)
    this.pools.set(key, pool)
    for (const [oldest, unused] of this.pools) {
      if (this.pools.size <= mostPools) break
      this.pools.delete(oldest)
      void unused.close()
    }
    return pool
  }

  async end(): Promise<void> {
    await Promise.all([...this.pools.values()].map((pool) => pool.destroy()))
  }
}

/** Connects to the first of these addresses that answers. They stand where the name did, so that nothing is looked up again. */
const inTurn =
  (addresses: ReadonlyArray<string>, connector: buildConnector.connector): buildConnector.connector =>
  (options, callback) => {
    const next = (index: number): void =>
      connector(
        { ...options, hostname: addresses[index]! },
        (...result) =>
          result[0] !== null && index + 1 < addresses.length && isUnreachable(result[0])
            ? next(index + 1)
            : callback(...result)
      )
    next(0)
  }

const send = (pools: Pools, hop: Egress.Hop): Effect.Effect<Egress.Answer, Egress.TransportFailed, Scope.Scope> =>
  Effect.gen(function*() {
    const { body, headers, method, url } = hop
    const answered = yield* Effect.acquireRelease(
      Effect.tryPromise({
        try: async (signal) =>
          (await pools.of(hop)).request({
            path: url.pathname + url.search,
            method,
            headers: [...headers, ["accept-encoding", "gzip, br"] as const].flat(),
            body: body ?? null,
            signal
          }),
        catch: failure
      }),
      ({ body }) => Effect.sync(() => body.on("error", ignored).destroy()),
      { interruptible: true }
    )
    const pairs = Object.entries(answered.headers).flatMap(([name, value]) =>
      (Array.isArray(value) ? value : [value ?? ""]).map((one) => [name.toLowerCase(), one] as const)
    )
    const encoding = pairs.filter(([name]) => name === "content-encoding").map(([, value]) => value.toLowerCase())
      .join(", ")
    const isPlain = encoding === "" || encoding === "identity" || method === "HEAD"
    return {
      status: answered.statusCode,
      headers: isPlain
        ? pairs
        : pairs.filter(([name]) => name !== "content-encoding" && name !== "content-length"),
      body: isPlain ? partsOf(answered.body) : decoded(answered.body, encoding)
    }
  })

const decoded = (body: Readable, encoding: string): Egress.Answer["body"] => {
  const flush = { flush: constants.Z_SYNC_FLUSH, finishFlush: constants.Z_SYNC_FLUSH }
  const decoder = encoding === "gzip" || encoding === "x-gzip"
    ? createGunzip(flush)
    : encoding === "deflate"
    ? createInflate(flush)
    : encoding === "br"
    ? createBrotliDecompress()
    : undefined
  if (decoder === undefined) {
    return Stream.fail({ reason: "broken", sent: true, problem: `its response is encoded as "${encoding}"` })
  }
  return Stream.suspend(() => partsOf(pipeline(body, decoder, ignored)))
}

const partsOf = (body: Readable): Egress.Answer["body"] =>
  Stream.fromAsyncIterable(body as AsyncIterable<Uint8Array>, failure)

const ignored = (): void => {}

const unreachable = new Set([
  "EADDRNOTAVAIL",
  "ECONNREFUSED",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ETIMEDOUT",
  "UND_ERR_CONNECT_TIMEOUT"
])

const isUnreachable = (error: unknown): boolean => unreachable.has(codeOf(error) ?? "")

const failure = (error: unknown): Egress.TransportFailed => {
  const code = codeOf(error) ?? ""
  const problem = said(error)
  if (isUnreachable(error)) {
    return { reason: "unreachable", sent: false, problem: `nobody answers there: ${problem}`, ...coded(error) }
  }
  return /^(ERR_TLS|ERR_SSL|CERT_|UNABLE_TO|DEPTH_ZERO|SELF_SIGNED|HOSTNAME)/.test(code)
    ? { reason: "certificate", sent: false, problem: `who answers there is not believed: ${problem}`, ...coded(error) }
    : { reason: "broken", sent: true, problem, ...coded(error) }
}

const codeOf = (error: unknown): string | undefined =>
  typeof error === "object" && error !== null && "code" in error && typeof error.code === "string"
    ? error.code
    : undefined

const coded = (error: unknown): { readonly code?: string } => {
  const code = codeOf(error)
  return code === undefined ? {} : { code }
}

const said = (error: unknown): string => error instanceof Error ? error.message : String(error)
