/** N-64: a server that has enough to do says so at once, and whoever asks comes back. */
import { assert, describe, it } from "@effect/vitest"
import { AccessTokens } from "@fermata/engine/AccessTokens"
import type { Backend } from "@fermata/engine/Backend"
import { Chunks } from "@fermata/engine/Chunks"
import { Feed } from "@fermata/engine/Feed"
import * as MemoryBackend from "@fermata/engine/MemoryBackend"
import { Runs } from "@fermata/engine/Runs"
import * as Step from "@fermata/engine/Step"
import { TestHost } from "@fermata/testing/TestHost"
import { Context, Effect, Fiber, Latch, Layer, Metric, Redacted, Schema } from "effect"
import { TestClock } from "effect/testing"
import { Workflow } from "effect/workflow"
import * as ServerAccess from "../src/ServerAccess.ts"
import type { RequestLimits } from "../src/ServerOptions.ts"
import { listen } from "./support/Listening.ts"
import { type Asked, Client, Served } from "./support/Served.ts"

/** What holds the steps, and thereby whoever waits for their runs, and how often the store is asked. */
class World extends Context.Service<World, { readonly gate: Latch.Latch; readonly looks: () => number }>()("World") {}

const Hold = Workflow.make("hold", { payload: { id: Schema.String }, idempotencyKey: ({ id }) => id })

/** Counts whatever is asked of a store. */
const counted = (backend: Backend) => {
  let looks = 0
  const spied = new Proxy(backend, {
    get: (target, name) => {
      looks++
      return Reflect.get(target, name)
    }
  })
  return { backend: spied, looks: () => looks }
}

const app = (requests: RequestLimits, access?: Parameters<typeof Served.layer>[1]) =>
  Layer.unwrap(Effect.sync(() => {
    const gate = Latch.makeUnsafe()
    const { backend, looks } = counted(MemoryBackend.make(MemoryBackend.makeStore()))
    const hold = Step.make("hold", { onCrash: "rerun", run: () => gate.await })
    return Served.layer({ requests }, access).pipe(
      Layer.provideMerge(Layer.mergeAll(Runs.layer, Feed.layer, Chunks.layerMemory)),
      Layer.provideMerge(Hold.toLayer(() => hold())),
      Layer.provideMerge(TestHost.layerOf(backend)),
      Layer.provideMerge(Layer.succeed(World, { gate, looks })),
      // Each test counts for itself.
      Layer.provideMerge(Layer.sync(Metric.MetricRegistry, () => new Map()))
    )
  }))

/** A run whose step is held. */
const begin = Effect.gen(function*() {
  const { runId } = yield* (yield* Runs).start("hold", { id: "1" })
  yield* (yield* TestHost).settled
  return `GET /api/runs/${runId}?wait=60s`
})

const ask = (line: string, asked?: Asked) => Effect.flatMap(Served, (served) => served.ask(line, asked))

/** Requests of which no more than these are let in, held until the gate opens. */
const held = Effect.fnUntraced(function*(count: number, line: string, asked?: Asked) {
  const fibers = yield* Effect.forEach(
    Array.from({ length: count }),
    () => Effect.forkChild(ask(line, asked), { startImmediately: true })
  )
  return fibers
})

/** Lets everything else go on for a moment, and then asks. */
const later = (line: string, asked?: Asked) => Effect.andThen(Effect.yieldNow, ask(line, asked))

/** Asks until the server has no room: what was asked before has its place by then. */
const full = (line: string, asked?: Asked) =>
  Effect.repeat(later(line, asked), { until: ({ status }) => status === 429 })

/** Asks until it has room again. */
const free = (line: string, asked?: Asked) =>
  Effect.repeat(later(line, asked), { until: ({ status }) => status !== 429 })

const bearer = (text: string): Asked => ({ headers: { authorization: `Bearer ${text}` } })

const token = (name: string) =>
  Effect.flatMap(
    AccessTokens,
    (tokens) =>
      Effect.map(tokens.create({ name, scopes: ["read"], by: "root" }), ({ text }) => bearer(Redacted.value(text)))
  )

describe("a server that has enough to do", () => {
  it.effect("N-64: refuses one more request at once with 429 and Retry-After, asks nothing of the store for that, and goes on when there is room", () =>
    Effect.gen(function*() {
      const { gate, looks } = yield* World
      const fibers = yield* held(2, yield* begin)
      yield* full("GET /api/runs")
      const before = looks()
      for (const line of ["GET /api/runs", "POST /api/runs", "GET /api/health", "GET /openapi.json", "GET /docs"]) {
        const refused = yield* ask(line, line.startsWith("POST") ? { json: { workflow: "hold", input: {} } } : {})
        assert.deepStrictEqual(
          [refused.status, refused.headers.get("retry-after"), refused.headers.get("content-type"), refused.body],
          [429, "1", "application/problem+json", {
            type: "urn:fermata:problem:TooManyRequests",
            title: "Too many requests",
            status: 429,
            detail: "This server has its 2 requests in flight; ask again in 1 s",
            error: {
              _tag: "TooManyRequests",
              problem: "This server has its 2 requests in flight",
              limit: "requests",
              retryAfter: 1
            }
          }],
          line
        )
      }
      assert.strictEqual(looks(), before)
      yield* gate.open
      const answers = yield* Effect.forEach(fibers, Fiber.join)
      assert.deepStrictEqual(answers.map(({ status }) => status), [200, 200])
      assert.strictEqual((yield* free("GET /api/runs")).at("runs.0.status"), "completed")
      assert.lengthOf(yield* (yield* Runs).list(), 1)
    }).pipe(Effect.provide(app({ most: 2 }))))

  it.effect("N-64: never refuses the heartbeat, and counts each refusal by its limit", () =>
    Effect.gen(function*() {
      const { gate } = yield* World
      yield* held(1, yield* begin)
      yield* full("GET /api/runs")
      for (
        const line of ["GET /api/heartbeat", "GET /api/heartbeat/", "HEAD /api/heartbeat", "GET /api/heartbeat?x=1"]
      ) {
        assert.notStrictEqual((yield* ask(line)).status, 429, line)
      }
      assert.deepStrictEqual((yield* ask("GET /api/heartbeat")).body, { status: "alive" })
      yield* ask("GET /api/runs")
      yield* gate.open
      yield* free("GET /api/runs")
      const { text } = yield* ask("GET /api/metrics")
      const [, refusals] = /^fermata_requests_refused_total\{limit="requests"\} (\d+)$/m.exec(text) ?? []
      assert.isAtLeast(Number(refusals), 2)
      assert.match(text, /^fermata_requests_open 1$/m)
      assert.include(text, `http_response_status_code="429"`)
    }).pipe(Effect.provide(app({ most: 1 }))))

  it.effect("N-64: one caller leaves room for others, whichever of its tokens it shows, and is refused without a look at the store", () =>
    Effect.gen(function*() {
      const { gate, looks } = yield* World
      const [ada, other, bob] = yield* Effect.all([token("ada"), token("ada"), token("bob")])
      const line = yield* begin
      yield* held(2, line, ada)
      const refused = yield* full("GET /api/runs", ada)
      assert.deepStrictEqual([refused.headers.get("retry-after"), refused.at("error.limit"), refused.at("detail")], [
        "1",
        "requests of a caller",
        "ada has 2 requests in flight, which is the most; ask again in 1 s"
      ])
      const before = looks()
      assert.strictEqual((yield* ask("GET /api/runs", ada)).status, 429)
      assert.strictEqual(looks(), before)
      assert.strictEqual((yield* ask("GET /api/runs", other)).status, 429)
      assert.strictEqual((yield* ask("GET /api/runs", bob)).status, 200)
      assert.strictEqual((yield* ask("GET /api/health")).status, 200)
      yield* gate.open
      assert.strictEqual((yield* free("GET /api/runs", ada)).status, 200)
      assert.strictEqual((yield* free("GET /api/runs", other)).status, 200)
    }).pipe(Effect.provide(app({ most: 10, mostOfCaller: 2 }, ServerAccess.layerTokens()))))

  it.effect("N-64: has the place again of who has gone, of who was refused for another reason, and of a stream that has begun", () =>
    Effect.gen(function*() {
      const { fetch } = yield* Served
      const line = yield* begin
      const gone = new AbortController()
      yield* held(1, line, { signal: gone.signal })
      yield* full("GET /api/runs")
      gone.abort()
      assert.strictEqual((yield* free("GET /api/nowhere")).status, 404)
      assert.strictEqual((yield* ask("POST /api/runs", { json: { workflow: "nothing" } })).status, 404)
      assert.strictEqual((yield* ask("GET /api/runs", { headers: { host: "elsewhere" } })).status, 403)
      const stream = yield* listen(fetch, "http://localhost/api/stream")
      assert.strictEqual(stream.response.status, 200)
      assert.strictEqual((yield* ask("GET /api/runs")).status, 200)
    }).pipe(Effect.provide(app({ most: 1 }))))

  it.effect("N-64: the typed client asks again a few times: then it has its answer, or the refusal", () =>
    Effect.gen(function*() {
      const { gate } = yield* World
      const client = yield* Client
      const line = yield* begin
      yield* held(1, line)
      yield* full("GET /api/runs")
      const refusals = Effect.map(
        Metric.snapshot,
        (all) => all.find(({ id }) => id === "fermata.requests.refused")!.state as { readonly count: number | bigint }
      ).pipe(Effect.map(({ count }) => Number(count)))
      const before = yield* refusals

      const lost = yield* Effect.forkChild(Effect.flip(client.runs.list({ query: {} })), { startImmediately: true })
      yield* Effect.repeat(Effect.andThen(Effect.yieldNow, TestClock.adjust("1 second")), {
        until: () => lost.pollUnsafe() !== undefined
      })
      assert.strictEqual(yield* refusals, before + 4)
      const refused = yield* Fiber.join(lost)
      assert.deepInclude(refused, { _tag: "TooManyRequests", limit: "requests", retryAfter: 1 })

      const found = yield* Effect.forkChild(client.runs.list({ query: {} }), { startImmediately: true })
      yield* Effect.repeat(Effect.andThen(Effect.yieldNow, refusals), { until: (count) => count === before + 5 })
      yield* gate.open
      yield* free("GET /api/runs")
      yield* Effect.repeat(Effect.andThen(Effect.yieldNow, TestClock.adjust("1 second")), {
        until: () => found.pollUnsafe() !== undefined
      })
      assert.strictEqual((yield* Fiber.join(found)).runs[0]!.status, "completed")
    }).pipe(Effect.provide(app({ most: 1 }))))
})
