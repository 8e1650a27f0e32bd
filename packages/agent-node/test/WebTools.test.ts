import { assert, describe, it } from "@effect/vitest"
import * as WebTools from "@fermata/agent-node/WebTools"
import * as Egress from "@fermata/engine/Egress"
import { Effect, Fiber, Stream } from "effect"
import * as fc from "fast-check"
import * as Page from "../src/internal/page/Page.ts"
import * as PlainText from "../src/internal/page/PlainText.ts"

const article = `<html><head><title>On pauses</title><style>.x{color:red}</style><script>evil()</script></head><body>
<nav><a href="/other">Elsewhere</a></nav><article><h2>Why</h2><p>${"A pause is a part of the music. ".repeat(20)}
<a href="/score?bar=3">See the <b>score</b></a>.</p><ul><li>one</li><li>two</li></ul><script>more()</script></article></body></html>`

const bytes = (text: string) => new TextEncoder().encode(text)

/** What the tool gives for an address of a host that answers so. */
const fetched = (
  body: string | Uint8Array,
  type: string,
  options: { readonly status?: number; readonly url?: string } = {}
) =>
  Effect.gen(function*() {
    const kit = yield* WebTools.toolkit
    const results = yield* Stream.runCollect(
      yield* kit.handle("WebFetch", { url: options.url ?? "https://example.com/page" })
    )
    return String(results.at(-1)!.result)
  }).pipe(
    Effect.provide(WebTools.layer),
    Effect.provide(Egress.layerMemory({ "example.com": ["93.184.216.34"], "inside.example.com": ["127.0.0.1"] }, () =>
      Effect.succeed({
        status: options.status ?? 200,
        headers: [["content-type", type]],
        body: Stream.make(typeof body === "string" ? bytes(body) : body)
      }), { hosts: ["*"] }))
  )

describe("WebFetch", () => {
  it.live("M-112: gives what a page is about as Markdown, without tags and scripts", () =>
    Effect.gen(function*() {
      const text = yield* fetched(article, "text/html; charset=utf-8")
      assert.match(text, /^# On pauses\n/)
      assert.include(text, "A pause is a part of the music.")
      assert.include(text, "[See the **score**](https://example.com/score?bar=3)")
      assert.match(text, /- +one\n- +two/)
      for (const never of ["evil", "more()", "color", "<p", "<script"]) assert.notInclude(text, never)
      assert.include(yield* fetched("<p>short &amp; <i>plain</i>", "text/html"), "short & ")
      assert.strictEqual(yield* fetched("", "text/html"), "(nothing to read)")
    }))

  it.live("gives JSON and text as they are, in their letters, and refuses what is no text", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* fetched("{\"a\": \"<b>\"}", "application/json"), "{\"a\": \"<b>\"}")
      assert.strictEqual(yield* fetched(new Uint8Array([0x66, 0xfc, 0x72]), "text/plain; charset=iso-8859-1"), "für")
      assert.include(String(yield* Effect.flip(fetched("x", "image/png"))), "is image/png, and no text")
      assert.include(String(yield* Effect.flip(fetched("x", "text/html", { status: 404 }))), "was answered with 404")
      assert.include(
        String(yield* Effect.flip(fetched("x", "text/html", { url: "https://inside.example.com/" }))),
        "was not sent",
        "where the way out does not lead, nothing is asked"
      )
      const long = yield* fetched("x".repeat(1_000_100), "text/plain")
      assert.strictEqual(long.length, 1_000_000 + "\n(cut: only the first 1000000 bytes were read)".length)
    }))

  it.live("M-112: is redirected at its own host alone: another one is told, since rules go by the host of a call", () =>
    Effect.gen(function*() {
      const asked: Array<string> = []
      const places: Readonly<Record<string, string>> = {
        "https://example.com/old": "/new",
        "https://example.com/away": "https://other.example.com/secret?x=1",
        "https://example.com/first": "/away",
        "https://example.com/down": "http://example.com/new",
        "https://example.com/round": "/round",
        "https://example.com/odd": "javascript:alert(1)"
      }
      const at = (url: string) =>
        Effect.gen(function*() {
          const kit = yield* WebTools.toolkit
          const results = yield* Stream.runCollect(yield* kit.handle("WebFetch", { url }))
          return String(results.at(-1)!.result)
        }).pipe(
          Effect.provide(WebTools.layer),
          Effect.provide(Egress.layerMemory(
            { "example.com": ["93.184.216.34"], "other.example.com": ["93.184.216.35"] },
            ({ url: { href } }) => {
              asked.push(href)
              const to = places[href]
              return Effect.succeed({
                status: to === undefined ? 200 : 302,
                headers: to === undefined ? [["content-type", "text/plain"]] : [["location", to]],
                body: Stream.make(bytes(`text of ${href}`))
              })
            },
            { hosts: ["*"], schemes: ["https", "http"], ports: [443, 80] }
          ))
        )
      assert.strictEqual(
        yield* at("https://example.com/old"),
        "(from https://example.com/new)\ntext of https://example.com/new"
      )
      const away =
        "(redirected to https://other.example.com/secret?x=1, which is another host: fetch that if it is wanted)"
      assert.strictEqual(yield* at("https://example.com/away"), away)
      assert.strictEqual(yield* at("https://example.com/first"), away)
      assert.include(yield* at("https://example.com/odd"), "redirected to javascript:alert(1), which is another host")
      assert.include(String(yield* Effect.flip(at("https://example.com/down"))), "is redirected from https to http")
      assert.include(String(yield* Effect.flip(at("https://example.com/round"))), "is redirected more than 5 times")
      assert.isTrue(asked.every((href) => href.startsWith("https://example.com/")), asked.join(" "))
      assert.isBelow(asked.length, 20)
    }))

  it.live("a page that is not made to be read gives its text, and leaves the process to others meanwhile", () =>
    Effect.gen(function*() {
      let turns = 0
      const counting = yield* Effect.forkChild(Effect.forever(
        Effect.andThen(
          Effect.sync(() => turns++),
          Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
        )
      ))
      const nested = yield* fetched(`${"<div>".repeat(180_000)}deep`, "text/html")
      assert.include(nested, "deep")
      assert.isAbove(turns, 100)
      assert.include(yield* fetched("x".repeat(100_000), "text/html"), "xxxx")
      yield* Fiber.interrupt(counting)
    }))

  it("the text alone is found in any page, in a time that grows with its length", () => {
    assert.strictEqual(
      PlainText.of("<title>T</title><p>a &lt;b&gt;&#33;<br>c<script>x<p></script><!-- <p>no --> d"),
      "T\n\na <b>!\nc d"
    )
    for (const open of ["<", "<script>", "<!--", "<a <a <a ", "&", "</", "<script></script"]) {
      assert.isString(PlainText.of(open.repeat(200_000)))
    }
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom("<", ">", "p", "script", "/", "!--", "&amp;", "x") }), (html) => {
        assert.isString(PlainText.of(html))
        assert.isString(Page.read({ html, url: "https://example.com/", plain: false }))
      })
    )
  })
})
