/**
 * Search engines of the web, of which a process has one or none. They are asked as
 * services (`HttpService`) on the guarded way out, to their own origin and no
 * further; a key is a secret, which only the step of a call is told.
 *
 * @example
 * ```ts
 * const engine = SearchEngine.layer(SearchEngine.brave())
 * ```
 */
import * as AgentTool from "@fermata/agent/AgentTool"
import * as ApiCall from "@fermata/agent/ApiCall"
import type { SecretRef } from "@fermata/core/SecretRef"
import type * as HttpRequest from "@fermata/engine/HttpRequest"
import * as HttpService from "@fermata/engine/HttpService"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as PlainText from "./internal/page/PlainText.ts"
import type { Job } from "./internal/page/Results.ts"
import * as Thread from "./internal/Thread.ts"

/** A page that was found. */
export const Hit = Schema.Struct({
  title: Schema.String,
  /** By `http` or `https`. */
  url: Schema.String,
  /** What of the page fits, or what it is about; empty where the engine says nothing. */
  snippet: Schema.String
})
export type Hit = typeof Hit.Type

/** A search that came to nothing, with why. */
export class SearchEngineFailed extends Schema.TaggedError<SearchEngineFailed>()("SearchEngineFailed", {
  engine: Schema.String,
  problem: Schema.String
}) {
  override get message(): string {
    return `The search engine "${this.engine}" ${this.problem}`
  }
}

/** What is looked for. */
export interface Query {
  readonly text: string
  /** How many hits are wanted, 1 to 20; an engine may give fewer. */
  readonly most: number
}

/** A search engine: where it is, what it is asked, and what its answer says. */
export interface Definition {
  readonly service: HttpService.Entry
  readonly ask: (query: Query) => Omit<HttpRequest.Asked, "service">
  /** The hits of an answer whose status is 200, best first, or what is wrong with it, to be said behind the engine's name. */
  readonly read: (body: Schema.Json, query: Query) => Effect.Effect<ReadonlyArray<Hit>, string>
}

/** The search engine of a process. */
export class SearchEngine extends Context.Service<SearchEngine, {
  readonly name: string
  /** The hits, best first. Asks in the handler of a tool; where the engine has too much to do, the call is made again later. */
  readonly search: (query: Query) => Effect.Effect<ReadonlyArray<Hit>, SearchEngineFailed | AgentTool.CallAgain>
}>()("@fermata/agent-node/SearchEngine") {}

/** The engine of a definition. Throws `HttpServiceInvalid` where its service is none. */
export const make = ({ ask, read, service }: Definition): SearchEngine["Service"] => {
  const { name } = service
  const services = HttpService.make({ services: [service] })
  const failed = (problem: string) => new SearchEngineFailed({ engine: name, problem })
  return {
    name,
    search: Effect.fn("SearchEngine.search")(function*(query) {
      const call = yield* AgentTool.call
      const reply = yield* ApiCall.request(services, { service: name, ...ask(query) }, call).pipe(
        Effect.catchTags({
          HttpRequestFailed: ({ problem }) => Effect.fail(failed(`cannot be asked: ${problem}`)),
          SecretMissing: ({ message }) => Effect.fail(failed(`cannot be asked: ${message}`))
        })
      )
      if (reply.status !== 200) return yield* failed(`answers with status ${reply.status}`)
      if (reply.cutAt !== undefined) return yield* failed(`has an answer of more than ${reply.cutAt} bytes`)
      const hits = yield* Effect.mapError(read(reply.body, query), failed)
      return hits.filter(({ url }) => isAddress(url)).slice(0, query.most)
    })
  }
}

/** As `make`, as a layer. */
export const layer = (definition: Definition): Layer.Layer<SearchEngine> =>
  Layer.succeed(SearchEngine, make(definition))

/** Where an engine is, where it is not where everybody finds it. */
export interface Place {
  readonly baseUrl?: string
}

/** Who asks an engine that wants to know. */
export interface Keyed extends Place {
  /** The secret that its key is. */
  readonly apiKey?: SecretRef
}

/** [Brave Search](https://api-dashboard.search.brave.com); its key is the secret `BRAVE_API_KEY` unless another is named. */
export const brave = (
  { apiKey = { secret: "BRAVE_API_KEY" }, baseUrl = "https://api.search.brave.com" }: Keyed = {}
): Definition => ({
  service: {
    ...bounds,
    name: "brave",
    baseUrl,
    auth: { type: "header", name: "X-Subscription-Token", value: apiKey },
    allowedMethods: ["GET"]
  },
  ask: ({ most, text }) => ({
    path: "/res/v1/web/search",
    query: { q: text, count: most, text_decorations: false },
    headers: { accept: "application/json" }
  }),
  read: reading(
    Schema.Struct({
      web: Schema.optionalKey(Schema.Struct({
        results: Schema.Array(Schema.Struct({
          title: Schema.String,
          url: Schema.String,
          description: Schema.optionalKey(Schema.NullOr(Schema.String))
        }))
      }))
    }),
    ({ web }) =>
      (web?.results ?? []).map(({ description, title, url }) => ({
        title: PlainText.of(title),
        url,
        snippet: PlainText.of(description ?? "")
      }))
  )
})

/** [Tavily](https://docs.tavily.com); its key is the secret `TAVILY_API_KEY` unless another is named. */
export const tavily = (
  { apiKey = { secret: "TAVILY_API_KEY" }, baseUrl = "https://api.tavily.com" }: Keyed = {}
): Definition => ({
  service: {
    ...bounds,
    name: "tavily",
    baseUrl,
    auth: { type: "bearer", token: apiKey },
    allowedMethods: ["POST"]
  },
  ask: ({ most, text }) => ({ method: "POST", path: "/search", body: { query: text, max_results: most } }),
  read: reading(TitledContent, ({ results }) => results.map(ofContent))
})

/** A [SearXNG](https://docs.searxng.org) of one's own; it must give `json` among its `search.formats`. */
export const searxng = ({ apiKey, baseUrl }: Keyed & { readonly baseUrl: string }): Definition => ({
  service: {
    ...bounds,
    name: "searxng",
    baseUrl,
    ...(apiKey === undefined ? {} : { auth: { type: "bearer", token: apiKey } }),
    allowedMethods: ["GET"]
  },
  ask: ({ text }) => ({ path: "/search", query: { q: text, format: "json" } }),
  read: reading(TitledContent, ({ results }) => results.map(ofContent))
})

/** The page of results of [DuckDuckGo](https://html.duckduckgo.com/html/), which wants no key, and asks now and then whether a person searches. */
export const duckDuckGo = ({ baseUrl = "https://html.duckduckgo.com" }: Place = {}): Definition => ({
  service: { ...bounds, name: "duckduckgo", baseUrl, allowedMethods: ["GET"] },
  ask: ({ text }) => ({ path: "/html/", query: { q: text }, headers: { "user-agent": "fermata" } }),
  read: (body, { most }) =>
    typeof body !== "string"
      ? Effect.fail("has an answer that is no page of results")
      : Effect.mapError(
        Thread.run<Job, ReadonlyArray<Hit>>(thread, "10 seconds", { html: body, most }),
        ({ problem }) => problem
      )
})

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const bounds = { maxResponseBytes: 2_000_000, timeoutMs: 30_000 } as const

const thread = new URL("./internal/page/ResultsThread.ts", import.meta.url)

const TitledContent = Schema.Struct({
  results: Schema.Array(Schema.Struct({
    title: Schema.String,
    url: Schema.String,
    content: Schema.optionalKey(Schema.NullOr(Schema.String))
  }))
})

const ofContent = ({ content, title, url }: (typeof TitledContent.Type)["results"][number]): Hit => ({
  title,
  url,
  snippet: content ?? ""
})

/** The hits of an answer of this shape. */
const reading = <A>(schema: Schema.Codec<A, unknown>, hits: (answer: A) => ReadonlyArray<Hit>): Definition["read"] => {
  const decode = Schema.decodeUnknownEffect(schema)
  return (body) =>
    Effect.mapBoth(decode(body), {
      onSuccess: hits,
      onFailure: ({ message }) => `has an answer that is not as documented: ${message.replaceAll(/\s+/g, " ")}`
    })
}

const isAddress = (url: string): boolean => URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)
