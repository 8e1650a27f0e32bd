import { assert, describe, it } from "@effect/vitest"
import { routes } from "@fermata/api/RouteTable"
import { Chunks } from "@fermata/engine/Chunks"
import { Feed } from "@fermata/engine/Feed"
import { Runs } from "@fermata/engine/Runs"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Layer } from "effect"
import { createHash } from "node:crypto"
import { gunzipSync } from "node:zlib"
import { Served } from "./support/Served.ts"

const app = (docs?: boolean) =>
  Served.layer(docs === undefined ? {} : { docs }).pipe(
    Layer.provideMerge(Layer.mergeAll(Runs.layer, Feed.layer, Chunks.layerMemory)),
    Layer.provideMerge(TestHost.layer)
  )

/** What a browser would fetch for a page. */
const fetchedBy = (html: string): ReadonlyArray<string> => {
  const markup = html.replaceAll(/<script>[^]*?<\/script>/g, "")
  return [...markup.matchAll(/\b(?:src|href)\s*=\s*["']?([^"'\s>]+)/g)].map(([, url]) => url!)
}

describe("the page of the API", () => {
  it.effect("is whole in itself: its policy lets its own scripts run, and nothing be asked for", () =>
    Effect.gen(function*() {
      const { ask } = yield* Served
      const { headers, status, text } = yield* ask("GET /docs")
      assert.deepStrictEqual([status, headers.get("content-type")], [200, "text/html; charset=utf-8"])
      assert.deepStrictEqual(fetchedBy(text), [])
      const policy = new Map(
        (headers.get("content-security-policy") ?? "").split("; ").map((rule) => {
          const [name, ...values] = rule.split(" ")
          return [name!, values] as const
        })
      )
      const scripts = [...text.matchAll(/<script>([^]*?)<\/script>/g)].map(([, script]) =>
        `'sha256-${createHash("sha256").update(script!).digest("base64")}'`
      )
      assert.lengthOf(scripts, 2)
      assert.deepStrictEqual(policy.get("script-src"), scripts)
      for (const name of ["default-src", "connect-src", "frame-ancestors", "base-uri", "form-action"]) {
        assert.deepStrictEqual(policy.get(name), ["'none'"], name)
      }
      assert.include(text, `"withDefaultFonts":false`)
      for (const { name } of routes) assert.include(text, `"operationId":"${name}"`)
    }).pipe(Effect.provide(app())))

  it.effect("is sent compressed to whoever takes that", () =>
    Effect.gen(function*() {
      const { ask, fetch } = yield* Served
      const { text } = yield* ask("GET /docs")
      const zipped = yield* Effect.promise(() =>
        fetch(new Request("http://localhost/docs", { headers: { "accept-encoding": "br, gzip" } }))
      )
      assert.strictEqual(zipped.headers.get("content-encoding"), "gzip")
      const bytes = new Uint8Array(yield* Effect.promise(() => zipped.arrayBuffer()))
      assert.isBelow(bytes.length, text.length / 2)
      assert.strictEqual(gunzipSync(bytes).toString(), text)
    }).pipe(Effect.provide(app())))

  it.effect("is not there where nobody wants it", () =>
    Effect.gen(function*() {
      const { at, status } = yield* (yield* Served).ask("GET /docs")
      assert.deepStrictEqual([status, at("error._tag")], [404, "RouteNotFound"])
    }).pipe(Effect.provide(app(false))))
})
