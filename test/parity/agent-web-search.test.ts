/** The tool that searches the web, with engines that are stubs on loopback and answer as theirs are documented to. */
import { assert, describe, it } from "@effect/vitest"
import { Agent, Policy } from "@fermata/agent"
import { SearchEngine, WebTools } from "@fermata/agent-node"
import { HttpService, Secrets } from "@fermata/engine"
import { Runs } from "@fermata/engine/Runs"
import { Egress } from "@fermata/host-node"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { answer, call, calls, inTurn, Wire, world } from "./AgentWorld.ts"
import { type Answer, serve } from "./ServiceServer.ts"

const key = "brv-7d20f1c55e"

const agent = Agent.make("agent", {
  instructions: "Do it.",
  model: "m",
  toolkit: WebTools.searchToolkit,
  policy: Policy.open
})

/** What the model is told of searches with an engine at a stub that answers so, and what the stub was asked. */
const searched = (
  engine: (baseUrl: string) => SearchEngine.Definition,
  respond: Answer,
  ...searches: ReadonlyArray<Record<string, unknown>>
) =>
  Effect.scoped(Effect.gen(function*() {
    const server = yield* serve(respond)
    const served = Layer.provide(
      agent.layer,
      Layer.mergeAll(
        WebTools.searchLayer,
        SearchEngine.layer(engine(server.origin)),
        Egress.layer(),
        Secrets.layerMemory({ BRAVE_API_KEY: key, TAVILY_API_KEY: "tvl-1" })
      )
    )
    const script = inTurn(
      ...searches.map((params, n) => calls(call(`c${n}`, "WebSearch", { query: "what is a fermata?", ...params }))),
      answer("done")
    )
    return yield* Effect.gen(function*() {
      const runs = yield* Runs
      const run = yield* agent.start("go", { id: "1" })
      const wire = yield* Wire
      while (wire.length <= searches.length) {
        yield* Effect.promise(() => new Promise(setImmediate))
        yield* (yield* TestHost).settled
        // What is done meanwhile by threads is not late by this clock.
        if ((yield* runs.show(run)).status === "suspended") yield* TestClock.adjust("1 second")
      }
      const results = wire.at(-1)!.prompt.content.flatMap((message) =>
        message.role === "tool"
          ? message.content.flatMap((part) => part.type === "tool-result" ? [part.result] : [])
          : []
      )
      return { results, asked: server.asked }
    }).pipe(Effect.provide(world(script, served)))
  }))

const json = (body: unknown): Answer => (_, response) =>
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body))

const page = (html: string): Answer => (_, response) =>
  response.writeHead(200, { "content-type": "text/html; charset=UTF-8" }).end(html)

const result = (href: string, title: string, snippet: string, more = "") =>
  `<div class="result results_links results_links_deep web-result ${more}"><div class="links_main links_deep result__body">
<h2 class="result__title"><a rel="nofollow" class="result__a" href="${href}">${title}</a></h2>
<a class="result__snippet" href="${href}">${snippet}</a></div></div>`

const duckPage = `<!DOCTYPE html><html><body><div id="links" class="results">
${result("//duckduckgo.com/y.js?ad_domain=shop.example", "Buy fermatas", "Cheap.", "result--ad")}
${
  result(
    "//duckduckgo.com/l/?uddg=https%3A%2F%2Fen.example.org%2Fwiki%2FFermata%3Fa%3D1%26b%3D2&amp;rut=0a1b",
    "Fermata &amp; <b>pause</b>",
    "A <b>fermata</b> is a\n symbol."
  )
}
${result("https://music.example.com/hold", "Hold", "Held longer.")}
${result("javascript:alert(1)", "Bad", "No.")}
</div></body></html>`

describe("WebSearch", () => {
  it.effect("M-113: the page of results of DuckDuckGo is title, address and snippet, without advertisements", () =>
    Effect.gen(function*() {
      const { asked, results } = yield* searched(
        (baseUrl) => SearchEngine.duckDuckGo({ baseUrl }),
        page(duckPage),
        {},
        {
          max_results: 1
        }
      )
      const first = {
        title: "Fermata & pause",
        url: "https://en.example.org/wiki/Fermata?a=1&b=2",
        snippet: "A fermata is a symbol."
      }
      assert.deepStrictEqual(results, [
        [first, { title: "Hold", url: "https://music.example.com/hold", snippet: "Held longer." }],
        [first]
      ])
      assert.strictEqual(asked[0]!.line, "GET /html/?q=what+is+a+fermata%3F")
    }))

  it.effect("M-113: a page that is none of results, as one that wants a person, is told so and is no empty list", () =>
    Effect.gen(function*() {
      const challenge =
        "<html><body><form id=\"challenge-form\"><div class=\"anomaly-modal\">Robots?</div></form></body></html>"
      const wanted = yield* searched((baseUrl) => SearchEngine.duckDuckGo({ baseUrl }), page(challenge), {})
      assert.include(JSON.stringify(wanted.results), "it may want to know that a person asks")
      const none = page("<html><body><div class=\"no-results\">No results.</div></body></html>")
      const { results } = yield* searched((baseUrl) => SearchEngine.duckDuckGo({ baseUrl }), none, {})
      assert.deepStrictEqual(results, [[]])
    }))

  it.effect("M-113: Brave is asked with its key, which is told to nobody, also where it says it back", () =>
    Effect.gen(function*() {
      const brave: Answer = ({ headers }, response) =>
        json({
          type: "search",
          query: { original: "what is a fermata?" },
          web: {
            type: "search",
            results: [
              {
                title: "Fermata",
                url: "https://en.example.org/",
                description: `A <strong>fermata</strong> &amp; ${headers["x-subscription-token"]}`,
                age: "2 days"
              },
              { title: "A file", url: "file:///etc/passwd", description: "" },
              { title: "No words", url: "https://b.example.org/" }
            ]
          }
        })({ headers, line: "", body: "" }, response)
      const { asked, results } = yield* searched((baseUrl) => SearchEngine.brave({ baseUrl }), brave, {
        max_results: 5
      })
      assert.strictEqual(asked[0]!.headers["x-subscription-token"], key)
      assert.strictEqual(
        asked[0]!.line,
        "GET /res/v1/web/search?q=what+is+a+fermata%3F&count=5&text_decorations=false"
      )
      assert.deepStrictEqual(results, [[
        { title: "Fermata", url: "https://en.example.org/", snippet: "A fermata & [secret BRAVE_API_KEY]" },
        { title: "No words", url: "https://b.example.org/", snippet: "" }
      ]])
    }))

  it.effect("M-113: Tavily and SearXNG say the same in their own ways, and domains are chosen", () =>
    Effect.gen(function*() {
      const answer = json({
        query: "q",
        results: [
          { title: "A", url: "https://docs.example.com/a", content: "one", score: 0.9, engine: "x" },
          { title: "B", url: "https://badexample.com/b", content: null, score: 0.5 },
          { title: "C", url: "https://other.org/c", content: "three", score: 0.1 }
        ]
      })
      const chosen = [{ allowed_domains: ["example.com"] }, { blocked_domains: ["Example.com", "other.org"] }] as const
      const tavily = yield* searched((baseUrl) => SearchEngine.tavily({ baseUrl }), answer, ...chosen)
      const searxng = yield* searched((baseUrl) => SearchEngine.searxng({ baseUrl }), answer, ...chosen)
      for (const { results } of [tavily, searxng]) {
        assert.deepStrictEqual(results, [
          [{ title: "A", url: "https://docs.example.com/a", snippet: "one" }],
          [{ title: "B", url: "https://badexample.com/b", snippet: "" }]
        ])
      }
      assert.strictEqual(tavily.asked[0]!.line, "POST /search")
      assert.strictEqual(tavily.asked[0]!.headers.authorization, "Bearer tvl-1")
      assert.deepStrictEqual(JSON.parse(tavily.asked[0]!.body), { query: "what is a fermata?", max_results: 20 })
      assert.strictEqual(searxng.asked[0]!.line, "GET /search?q=what+is+a+fermata%3F&format=json")
    }))

  it.effect("an engine that has too much to do is asked again when it says, and one that answers otherwise is told of", () =>
    Effect.gen(function*() {
      let times = 0
      const busy: Answer = (asked, response) =>
        times++ === 0
          ? response.writeHead(429, { "retry-after": "7" }).end()
          : json({ results: [{ title: "A", url: "https://a.example/", content: "" }] })(asked, response)
      const { asked, results } = yield* searched((baseUrl) => SearchEngine.tavily({ baseUrl }), busy, {})
      assert.lengthOf(asked, 2)
      assert.deepStrictEqual(results, [[{ title: "A", url: "https://a.example/", snippet: "" }]])
      const wrong = yield* searched((baseUrl) => SearchEngine.tavily({ baseUrl }), json({ hits: [] }), {})
      assert.include(
        JSON.stringify(wrong.results),
        "The search engine \\\"tavily\\\" has an answer that is not as documented"
      )
      const refused: Answer = (_, response) => response.writeHead(401).end("no")
      const out = yield* searched((baseUrl) => SearchEngine.brave({ baseUrl }), refused, {})
      assert.include(JSON.stringify(out.results), "The search engine \\\"brave\\\" answers with status 401")
    }))

  it.effect("M-113: without an engine no search is made, and the model is told what is missing", () =>
    Effect.gen(function*() {
      const typed = Layer.provide(agent.layer, WebTools.searchLayer)
      const untyped = typed as unknown as Parameters<typeof world>[1]
      const run = Effect.gen(function*() {
        yield* agent.run("go", { id: "1" })
        return JSON.stringify((yield* Wire)[1]!.prompt.content.at(-1))
      })
      const script = inTurn(calls(call("c", "WebSearch", { query: "x" })), answer("done"))
      const told = yield* Effect.provide(run, world(script, untyped))
      assert.include(told, "requires @fermata/agent-node/SearchEngine, which this process does not have")
    }))

  it("an engine that has no address is none", () => {
    assert.throws(() => SearchEngine.make(SearchEngine.searxng({ baseUrl: "searx" })), HttpService.HttpServiceInvalid)
  })
})
