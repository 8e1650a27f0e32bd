import { assert, describe, it } from "@effect/vitest"
import { Chunks } from "@fermata/engine/Chunks"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Layer } from "effect"
import { app } from "../src/App.ts"
import { fermata } from "../src/Fermata.ts"

const shop = Effect.gen(function*() {
  const context = yield* Layer.build(Layer.merge(TestHost.layer, Chunks.layerMemory))
  const { handler } = yield* Effect.acquireRelease(
    Effect.sync(() => fermata(Layer.succeedContext(context))),
    ({ dispose }) => Effect.promise(dispose)
  )
  const web = app(handler)
  const ask = (path: string, json?: unknown) =>
    Effect.promise(async () => {
      const headers = { "content-type": "application/json" }
      const init = json === undefined ? {} : { method: "POST", headers, body: JSON.stringify(json) }
      const response = await web.request(`http://localhost${path}`, init)
      return { status: response.status, text: await response.text() }
    })
  return { ask, settled: Effect.provideContext(Effect.flatMap(TestHost, ({ settled }) => settled), context) }
})

describe("the shop", () => {
  it.effect("starts an order, is told that it is packed, and shows what it came to, all through its own app", () =>
    Effect.gen(function*() {
      const { ask, settled } = yield* shop
      assert.deepStrictEqual(yield* ask("/"), { status: 200, text: "the shop" })
      const started = yield* ask("/api/runs", { workflow: "order", input: { item: "a shirt" } })
      assert.strictEqual(started.status, 201)
      const { runId } = JSON.parse(started.text) as { readonly runId: string }
      yield* settled
      yield* ask(`/api/runs/${runId}/signals/packed`, { payload: { by: "ada" } })
      yield* settled
      const { output, status } = JSON.parse((yield* ask(`/api/runs/${runId}`)).text) as Record<string, unknown>
      assert.deepStrictEqual([status, output], ["completed", "a shirt, packed by ada"])
    }).pipe(Effect.scoped))

  it.effect("has what Fermata refuses, and what its own app does not have, told by each", () =>
    Effect.gen(function*() {
      const { ask } = yield* shop
      assert.deepInclude(JSON.parse((yield* ask("/api/nothing")).text), { type: "urn:fermata:problem:RouteNotFound" })
      assert.deepStrictEqual(yield* ask("/nothing"), { status: 404, text: "404 Not Found" })
    }).pipe(Effect.scoped))
})
