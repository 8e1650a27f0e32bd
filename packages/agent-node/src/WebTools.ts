/**
 * Tools on the web, by the way out that the process was given: what that does not
 * allow is not asked. Pages are read in a thread, within bounds of size and time,
 * since whoever wrote them need not mean well.
 */
import * as AgentTool from "@fermata/agent/AgentTool"
import * as Egress from "@fermata/engine/Egress"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { Job } from "./internal/page/Page.ts"
import * as Thread from "./internal/Thread.ts"
import * as SearchEngine from "./SearchEngine.ts"

/** An address that gave nothing to read, with why. */
export class WebFailed extends Schema.TaggedError<WebFailed>()("WebFailed", {
  url: Schema.String,
  problem: Schema.String
}) {
  override get message(): string {
    return `${this.url}: ${this.problem}`
  }
}

/** Fetches an address as text. */
export const WebFetch = Tool.make("WebFetch", {
  description:
    "Fetches an address of the web by GET. A page is given as Markdown of what it is about, JSON and other text as they are.",
  parameters: Schema.Struct({
    url: Schema.String.annotate({ description: "With its scheme, such as https://example.com/." })
  }),
  success: Schema.String,
  failure: WebFailed
}).annotateMerge(AgentTool.rules({
  onCrash: "rerun",
  safe: true,
  permission: "network",
  subject: AgentTool.subject("url", "url")
}))

const Domains = Schema.optionalKey(
  Schema.Array(Schema.String).annotate({ description: "Names of hosts, such as example.com, with all below them." })
)

/** Searches the web with the engine of the process; without one no call is made. */
export const WebSearch = AgentTool.requires(
  Tool.make("WebSearch", {
    description: "Searches the web. Gives the title, the address and a snippet of each page that fits, the best first.",
    parameters: Schema.Struct({
      query: Schema.NonEmptyString,
      max_results: Schema.optionalKey(
        Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 20 })).annotate({ description: "10 when absent." })
      ),
      allowed_domains: Domains,
      blocked_domains: Domains
    }),
    success: Schema.Array(SearchEngine.Hit),
    failure: Schema.Union([SearchEngine.SearchEngineFailed, AgentTool.CallAgain])
  }).annotateMerge(AgentTool.rules({
    onCrash: "rerun",
    safe: true,
    permission: "network",
    subject: AgentTool.subject("text", "query")
  })),
  SearchEngine.SearchEngine
)

/** What reads the web. */
export const toolkit = Toolkit.make(WebFetch)

/** What searches it; it needs a `SearchEngine`. */
export const searchToolkit = Toolkit.make(WebSearch)

/** Carries `WebFetch` out by the way out of the process (`Egress` of `@fermata/engine`). */
export const layer: Layer.Layer<Tool.HandlersFor<typeof toolkit.tools>> = toolkit.toLayer({
  WebFetch: ({ url }) => Effect.scoped(fetchText(url))
})

/** Carries `WebSearch` out with the `SearchEngine` of the process, by the same way out. */
export const searchLayer: Layer.Layer<Tool.HandlersFor<typeof searchToolkit.tools>> = searchToolkit.toLayer({
  WebSearch: ({ allowed_domains, blocked_domains = [], max_results = 10, query }) =>
    Effect.gen(function*() {
      const engine = yield* SearchEngine.SearchEngine
      const isChosen = allowed_domains !== undefined || blocked_domains.length > 0
      const hits = yield* engine.search({ text: query, most: isChosen ? 20 : max_results })
      return hits.filter(({ url }) => {
        const { hostname } = new URL(url)
        return !below(hostname, blocked_domains) && (allowed_domains === undefined || below(hostname, allowed_domains))
      }).slice(0, max_results)
    })
})

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** Whether a host is one of these, or below one. */
const below = (host: string, domains: ReadonlyArray<string>): boolean =>
  domains.some((domain) => `.${host}`.endsWith(`.${domain.toLowerCase()}`))

/** Bytes of a response that are read. */
const most = 1_000_000

const fetchText = Effect.fnUntraced(function*(url: string) {
  const failed = (problem: string) => new WebFailed({ url, problem })
  const egress = yield* Egress.CurrentEgress
  let response = yield* Effect.mapError(egress.request(asking(url)), ({ message }) => failed(message))
  for (let hop = 1;; hop++) {
    const to = redirectOf(response)
    if (to === undefined) break
    if (to.host !== new URL(response.url).host) {
      return `(redirected to ${to.href}, which is another host: fetch that if it is wanted)`
    }
    if (to.protocol === "http:" && response.url.startsWith("https:")) {
      return yield* failed("is redirected from https to http")
    }
    if (hop > egress.policy.maxRedirects) return yield* failed(`is redirected more than ${hop - 1} times`)
    response = yield* Effect.mapError(egress.request(asking(to.href)), ({ message }) => failed(message))
  }
  if (response.status < 200 || response.status > 299) return yield* failed(`was answered with ${response.status}`)
  const type = response.headers.find(([name]) => name === "content-type")?.[1] ?? "text/plain"
  if (!isText.test(type)) return yield* failed(`is ${type}, and no text`)
  let size = 0
  const chunks = yield* response.body.pipe(
    Stream.takeUntil((chunk) => (size += chunk.length) > most),
    Stream.runCollect,
    Effect.mapError(({ message }) => failed(message))
  )
  const text = decoded(Buffer.concat(chunks).subarray(0, most), type)
  const content = isPage.test(type) ? yield* Effect.mapError(page(text, response.url), failed) : text
  return [
    ...(response.url === url ? [] : [`(from ${response.url})`]),
    content === "" ? "(nothing to read)" : content,
    ...(size > most ? [`(cut: only the first ${most} bytes were read)`] : [])
  ].join("\n")
})

const asking = (url: string): Egress.Request => ({
  url,
  headers: {
    accept: "text/html, text/markdown, application/json, text/*;q=0.9, */*;q=0.1",
    "user-agent": "fermata"
  },
  // Rules of a policy go by the host of a call, and it was asked about no other.
  redirect: "manual"
})

const redirectOf = ({ headers, status, url }: Egress.Response): URL | undefined => {
  const location = headers.find(([name]) => name === "location")?.[1]
  return [301, 302, 303, 307, 308].includes(status) && location !== undefined && URL.canParse(location, url)
    ? new URL(location, url)
    : undefined
}

const isText = /^(text\/|application\/([a-z0-9.+-]*[+-])?(json|xml|xhtml|javascript|yaml|x-ndjson|toml)\b)/i
const isPage = /^(text\/html|application\/xhtml\+xml)/i

const decoded = (bytes: Uint8Array, type: string): string => {
  const label = /charset="?([\w.:-]+)/i.exec(type)?.[1] ?? "utf-8"
  try {
    return new TextDecoder(label).decode(bytes)
  } catch {
    return new TextDecoder().decode(bytes)
  }
}

const thread = new URL("./internal/page/PageThread.ts", import.meta.url)

/** The page in Markdown; its text alone where it is not made to be read so. */
const page = (html: string, url: string): Effect.Effect<string, string> =>
  Thread.run<Job, string>(thread, "10 seconds", { html, url, plain: false }).pipe(
    Effect.catch(() => Thread.run<Job, string>(thread, "10 seconds", { html, url, plain: true })),
    Effect.mapError(({ problem }) => `its page ${problem}`)
  )
