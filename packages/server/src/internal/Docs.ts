/**
 * The page at `/docs`: the description of the API as people read it. Its script is
 * in the page, which asks no other machine for anything, and is allowed to.
 */
import { Api } from "@fermata/api/Api"
import * as WebCrypto from "effect/crypto/WebCrypto"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as HttpApiScalar from "effect/http-api/HttpApiScalar"
import * as HttpRouter from "effect/http/HttpRouter"
import { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type * as Layer from "effect/Layer"

/** Adds the page to a router. It is made when somebody asks for it first. */
export const layer: Layer.Layer<never, never, HttpRouter.HttpRouter> = HttpRouter.use(Effect.fnUntraced(
  function*(router) {
    const made = yield* Effect.cached(page)
    yield* router.add(
      "GET",
      "/docs",
      Effect.gen(function*() {
        const { html, policy, zipped } = yield* made
        const { headers } = yield* HttpServerRequest
        const isZipped = /\bgzip\b/.test(headers["accept-encoding"] ?? "")
        return HttpServerResponse.uint8Array(isZipped ? zipped : html, {
          contentType: "text/html; charset=utf-8",
          headers: {
            "content-security-policy": policy,
            "cache-control": "no-cache",
            vary: "accept-encoding",
            ...(isZipped ? { "content-encoding": "gzip" } : {})
          }
        })
      })
    )
  }
))

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** Nothing that comes from another machine, or goes there. */
const shown = {
  withDefaultFonts: false,
  hideTestRequestButton: true,
  hideClientButton: true,
  showDeveloperTools: "never",
  telemetry: false,
  agent: { disabled: true }
}

const page = Effect.gen(function*() {
  const { subtle } = yield* WebCrypto.WebCrypto
  const text = yield* Effect.promise(async () => {
    const { dispose, handler } = HttpRouter.toWebHandler(
      HttpApiScalar.layer(Api, { scalar: shown }),
      { disableLogger: true }
    )
    const answered = await handler(new Request("http://localhost/docs"))
    const html = await answered.text()
    await dispose()
    return html
  })
  const html = new TextEncoder().encode(text)
  const scripts = [...text.matchAll(/<script>([^]*?)<\/script>/g)].map(([, script]) => script!)
  const hashes = yield* Effect.forEach(
    scripts,
    (script) => Effect.promise(() => subtle.digest("SHA-256", new TextEncoder().encode(script)))
  )
  const zipped = yield* Effect.promise(() =>
    new Response(new Blob([html]).stream().pipeThrough(new CompressionStream("gzip"))).arrayBuffer()
  )
  return {
    html,
    zipped: new Uint8Array(zipped),
    policy: [
      "default-src 'none'",
      `script-src ${hashes.map((hash) => `'sha256-${Base64.encode(new Uint8Array(hash))}'`).join(" ")}`,
      "style-src 'unsafe-inline'",
      "img-src data:",
      "connect-src 'none'",
      "frame-ancestors 'none'",
      "base-uri 'none'",
      "form-action 'none'"
    ].join("; ")
  }
})
