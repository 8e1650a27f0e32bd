import { assert, describe, it } from "@effect/vitest"
import { Chunks } from "@fermata/engine/Chunks"
import { Feed } from "@fermata/engine/Feed"
import { Runs } from "@fermata/engine/Runs"
import * as Signal from "@fermata/engine/Signal"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Layer, Schema } from "effect"
import { Workflow } from "effect/workflow"
import { Client, Served } from "./support/Served.ts"

const Go = Signal.make("go")
const Order = Workflow.make("order", {
  payload: { id: Schema.String, note: Schema.String },
  success: Schema.String,
  idempotencyKey: ({ id }) => id
})

const app = Served.layer().pipe(
  Layer.provideMerge(Layer.mergeAll(Runs.layer, Feed.layer, Chunks.layerMemory)),
  Layer.provideMerge(Order.toLayer(({ id }) => Effect.as(Signal.receive(Go), `sent ${id}`))),
  Layer.provideMerge(TestHost.layer)
)

const input = { id: "o-1", note: "two shirts" }

describe("the routes for runs", () => {
  it.effect("start, find, list and cancel a run", () =>
    Effect.gen(function*() {
      const { ask } = yield* Served
      const host = yield* TestHost
      const started = yield* ask("POST /api/runs", { json: { workflow: "order", input, labels: { team: "a" } } })
      assert.strictEqual(started.status, 201)
      const runId = String(started.at("runId"))
      const again = yield* ask("POST /api/runs", { json: { workflow: "order", input } })
      assert.deepStrictEqual([again.status, again.at("joined"), again.at("runId")], [200, true, runId])
      yield* host.settled
      const found = yield* ask(`GET /api/runs/${runId}`)
      assert.deepInclude(found.body as object, { workflow: "order", status: "suspended", by: "ada", payload: input })
      const listed = yield* ask("GET /api/runs?status=suspended&label=team%3Da")
      assert.deepStrictEqual([listed.at("runs.0.id"), listed.at("runs.1")], [runId, undefined])
      assert.deepStrictEqual((yield* ask("GET /api/runs?status=failed&status=completed")).body, { runs: [] })
      const cancelled = yield* ask(`POST /api/runs/${runId}/cancel`, { json: { reason: "no stock" } })
      assert.deepStrictEqual(cancelled.body, { runId, result: "accepted" })
      yield* host.settled
      const closed = yield* ask(`POST /api/runs/${runId}/cancel`, { json: {} })
      assert.strictEqual(closed.status, 409)
      assert.strictEqual(closed.headers.get("content-type"), "application/problem+json")
      assert.deepStrictEqual(closed.body, {
        type: "urn:fermata:problem:RunClosed",
        title: "Run closed",
        status: 409,
        detail: `Run ${runId} is cancelled and takes nothing any more`,
        error: { _tag: "RunClosed", runId, status: "cancelled" }
      })
    }).pipe(Effect.provide(app)))

  it.effect("give the typed client the errors of the engine", () =>
    Effect.gen(function*() {
      const client = yield* Client
      const error = yield* Effect.flip(client.runs.get({ params: { run: "abcd" }, query: {} }))
      assert.strictEqual(error._tag, "RunNotFound")
      assert.strictEqual(error.message, "There is no run \"abcd\"")
      const page = yield* client.runs.list({ query: { limit: 3 } })
      assert.deepStrictEqual(page, { runs: [] })
    }).pipe(Effect.provide(app)))

  it.effect("refuse what is not there, and what is not as it must be, with a problem", () =>
    Effect.gen(function*() {
      const { ask } = yield* Served
      const brief = Effect.fnUntraced(function*(line: string, asked?: Parameters<typeof ask>[1]) {
        const { at, headers, status, text } = yield* ask(line, asked)
        assert.strictEqual(headers.get("content-type"), "application/problem+json", `${line}: ${status} ${text}`)
        return [status, at("error._tag"), at("detail")]
      })
      assert.deepStrictEqual(yield* brief("GET /api/nothing"), [404, "RouteNotFound", "There is no /api/nothing"])
      assert.deepStrictEqual(yield* brief("PUT /api/runs"), [
        405,
        "MethodNotAllowed",
        "/api/runs takes no PUT, but GET and POST"
      ])
      assert.deepStrictEqual(yield* brief("GET /api/runs?limit=many"), [
        400,
        "BadRequest",
        "query.limit: Expected a string representing a finite number"
      ])
      const json = (body: string) => ({ body, headers: { "content-type": "application/json" } })
      assert.deepStrictEqual(yield* brief("POST /api/runs", { json: { workflow: 1 } }), [
        400,
        "BadRequest",
        "body.workflow: Expected string"
      ])
      const lossy = yield* ask(
        "POST /api/runs",
        json("{\"workflow\": \"order\", \"input\": {\"id\": 3544790567247868102}}")
      )
      assert.deepStrictEqual([lossy.status, lossy.at("error.issues.0.path"), lossy.at("error.issues.1")], [
        400,
        "body.input.id",
        undefined
      ])
      assert.deepStrictEqual(yield* brief("POST /api/runs", json("{")), [
        400,
        "BadRequest",
        "The body is no JSON: the text ends too early (line 1, column 2)"
      ])
      assert.deepStrictEqual(
        yield* brief("POST /api/runs", { body: "a=b", headers: { "content-type": "text/plain" } }),
        [
          415,
          "UnsupportedMediaType",
          "A body of type text/plain is not read here; send JSON, as application/json"
        ]
      )
      assert.deepStrictEqual((yield* brief("GET /api/runs", { headers: { host: "evil.example" } }))[1], "Forbidden")
      assert.deepStrictEqual(
        (yield* brief("POST /api/runs", { json: {}, headers: { origin: "https://evil.example" } }))[1],
        "Forbidden"
      )
      assert.deepStrictEqual((yield* brief("POST /api/runs", { json: { workflow: "none" } }))[1], "WorkflowNotFound")
      assert.deepStrictEqual(yield* brief("POST /api/runs", json(`"${"x".repeat(3_000_000)}"`)), [
        413,
        "BodyTooLarge",
        "The body is longer than 2097152 bytes"
      ])
    }).pipe(Effect.provide(app)))
})
