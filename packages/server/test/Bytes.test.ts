import { assert, describe, it } from "@effect/vitest"
import { Chunks } from "@fermata/engine/Chunks"
import { Feed } from "@fermata/engine/Feed"
import { Runs } from "@fermata/engine/Runs"
import * as Step from "@fermata/engine/Step"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Layer, Schema } from "effect"
import { Workflow } from "effect/workflow"
import { Client, Served } from "./support/Served.ts"

const page = "<script>alert(1)</script>"
const large = "ä".repeat(70_000)

const Keep = Workflow.make("keep", {
  payload: { id: Schema.String },
  success: Schema.String,
  idempotencyKey: ({ id }) => id
})

const app = Served.layer().pipe(
  Layer.provideMerge(Layer.mergeAll(Runs.layer, Feed.layer, Chunks.layerMemory)),
  Layer.provideMerge(Keep.toLayer(() =>
    Step.make("shoot", {
      success: Schema.String,
      onCrash: "rerun",
      run: (_, { keep }) =>
        keep(page, { name: "häß'lich.html", mediaType: "text/html" }).pipe(
          Effect.andThen(keep("second", { mediaType: "text/plain" })),
          Effect.as(large),
          Effect.orDie
        )
    })()
  )),
  Layer.provideMerge(TestHost.layer)
)

const kept = Effect.gen(function*() {
  const { ask } = yield* Served
  const started = yield* ask("POST /api/runs", { json: { workflow: "keep", input: { id: "1" } } })
  yield* (yield* TestHost).settled
  const run = String(started.at("runId"))
  const list = yield* ask(`GET /api/runs/${run}/artifacts?limit=1`)
  return { ask, run, list, hash: String(list.at("artifacts.0.hash")) }
})

describe("the routes for bytes", () => {
  it.effect("list what a run keeps, and give it as a file that no browser shows", () =>
    Effect.gen(function*() {
      const { ask, hash, list, run } = yield* kept
      const rest = yield* ask(`GET /api/runs/${run}/artifacts?after=${encodeURIComponent(String(list.at("next")))}`)
      assert.deepStrictEqual([rest.at("artifacts.0.mediaType"), rest.at("artifacts.1"), rest.at("next")], [
        "text/plain",
        undefined,
        undefined
      ])
      const found = yield* ask(`GET /api/runs/${run}/artifacts/${hash}`)
      assert.deepStrictEqual([found.status, found.text], [200, page])
      const header = (name: string) => found.headers.get(name)
      assert.strictEqual(header("content-type"), "text/html")
      assert.strictEqual(header("content-disposition"), "attachment; filename*=UTF-8''h%C3%A4%C3%9F%27lich.html")
      assert.strictEqual(header("content-security-policy"), "default-src 'none'; sandbox")
      assert.strictEqual(header("x-content-type-options"), "nosniff")
      const none = yield* ask(`GET /api/runs/${run}/artifacts/..%2F..%2Fetc%2Fpasswd`)
      assert.deepStrictEqual([none.status, none.at("error._tag")], [404, "ArtifactNotFound"])
    }).pipe(Effect.provide(app)))

  it.effect("give a range, say where there is none, and pass over what is no range", () =>
    Effect.gen(function*() {
      const { ask, hash, run } = yield* kept
      const part = Effect.fnUntraced(function*(range: string, more: Record<string, string> = {}) {
        const { headers, status, text } = yield* ask(`GET /api/runs/${run}/artifacts/${hash}`, {
          headers: { range, ...more }
        })
        return [status, status === 416 ? "" : text, headers.get("content-range")]
      })
      assert.deepStrictEqual(yield* part("bytes=1-6"), [206, "script", "bytes 1-6/25"])
      assert.deepStrictEqual(yield* part("bytes=-9"), [206, "</script>", "bytes 16-24/25"])
      assert.deepStrictEqual(yield* part("bytes=20-"), [206, "ript>".slice(0, 5), "bytes 20-24/25"])
      assert.deepStrictEqual(yield* part("bytes=20-900"), [206, "ript>", "bytes 20-24/25"])
      assert.deepStrictEqual(yield* part("bytes=25-"), [416, "", null])
      assert.deepStrictEqual(yield* part("bytes=-0"), [416, "", null])
      assert.deepStrictEqual(yield* part("bytes=6-1"), [200, page, null])
      assert.deepStrictEqual(yield* part("lines=1-2"), [200, page, null])
      assert.deepStrictEqual(yield* part("bytes=0-1,4-5"), [200, page, null])
      assert.deepStrictEqual(yield* part("bytes=1-6", { "if-range": "\"other\"" }), [200, page, null])
    }).pipe(Effect.provide(app)))

  it.effect("leave a large output out of a run, and give its JSON under its hash", () =>
    Effect.gen(function*() {
      const { ask, run } = yield* kept
      const client = yield* Client
      const found = yield* ask(`GET /api/runs/${run}`)
      assert.notProperty(found.body, "output")
      const hash = String(found.at("large.output.blob"))
      const bytes = yield* client.artifacts.blob({ params: { hash } })
      assert.strictEqual(bytes.length, found.at("large.output.bytes"))
      assert.strictEqual(JSON.parse(new TextDecoder().decode(bytes)), large)
      const error = yield* Effect.flip(client.artifacts.blob({ params: { hash: "0".repeat(64) } }))
      assert.strictEqual(error._tag, "BlobNotFound")
    }).pipe(Effect.provide(app)))
})
