import { assert, describe, it } from "@effect/vitest"
import { Chunks } from "@fermata/engine/Chunks"
import { Feed } from "@fermata/engine/Feed"
import { Runs } from "@fermata/engine/Runs"
import * as Signal from "@fermata/engine/Signal"
import * as Step from "@fermata/engine/Step"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Fiber, Layer, Schema } from "effect"
import { Workflow } from "effect/workflow"
import { Client, Served } from "./support/Served.ts"

const Go = Signal.make("go")
const Order = Workflow.make("order", {
  payload: { id: Schema.String },
  success: Schema.String,
  error: Schema.String,
  idempotencyKey: ({ id }) => id
})

/** Fails the first time that it is tried. */
const pay = Step.make("pay", {
  error: Schema.String,
  onCrash: "rerun",
  run: (_, { attempt }) => attempt === 1 ? Effect.fail("no funds") : Effect.void
})

const app = Served.layer().pipe(
  Layer.provideMerge(Layer.mergeAll(Runs.layer, Feed.layer, Chunks.layerMemory)),
  Layer.provideMerge(
    Order.toLayer(({ id }) =>
      Effect.as(
        id === "broken" ? pay() : Effect.andThen(Effect.sleep("1 hour"), Signal.receive(Go)),
        `sent ${id}`
      )
    )
  ),
  Layer.provideMerge(TestHost.layer)
)

const started = Effect.fnUntraced(function*(json: object, headers: Record<string, string> = {}) {
  const { ask } = yield* Served
  const answered = yield* ask("POST /api/runs", { json: { workflow: "order", ...json }, headers })
  yield* (yield* TestHost).settled
  return { ...answered, run: String(answered.at("runId")) }
})

describe("the routes that wait, compare and raise", () => {
  it.effect("M-145: a look with a wait answers once a person is needed, or when its time has passed", () =>
    Effect.gen(function*() {
      const client = yield* Client
      const host = yield* TestHost
      const { run } = yield* started({ input: { id: "1" } })
      const look = (wait: string) => Effect.forkChild(client.runs.get({ params: { run }, query: { wait } }))
      const short = yield* look("30s")
      const long = yield* look("60s")
      yield* host.adjustHost(29_000)
      assert.isUndefined(short.pollUnsafe())
      yield* host.adjustHost(1_500)
      const { reason } = yield* Fiber.join(short)
      assert.strictEqual(reason, "timer")
      assert.isUndefined(long.pollUnsafe())
      yield* host.adjust("1 hour")
      assert.strictEqual((yield* Fiber.join(long)).reason, "signal")
      const { ask } = yield* Served
      for (const wait of ["61s", "0s", "forever"]) {
        assert.strictEqual((yield* ask(`GET /api/runs/${run}?wait=${wait}`)).at("error.issues.0.path"), "query.wait")
      }
    }).pipe(Effect.provide(app)))

  it.effect("two runs are compared, step by step and where they part", () =>
    Effect.gen(function*() {
      const client = yield* Client
      const { run: one } = yield* started({ input: { id: "1" } })
      const { run: other } = yield* started({ input: { id: "2" } })
      const diff = yield* client.diff.page({ params: { run: one, other }, query: {} })
      assert.deepStrictEqual([diff.a, diff.b, diff.parting?.a?._tag], [one, other, "RunRequested"])
    }).pipe(Effect.provide(app)))

  it.effect("a run that failed is retried once, and one that has not is refused", () =>
    Effect.gen(function*() {
      const { ask } = yield* Served
      const host = yield* TestHost
      const { run } = yield* started({ input: { id: "broken" } })
      const retry = (id: string) => Effect.tap(ask(`POST /api/runs/${id}/retry`), () => host.settled)
      const first = yield* retry(run)
      assert.deepStrictEqual([first.status, first.at("from"), first.at("step"), first.at("joined")], [
        201,
        run,
        "pay",
        false
      ])
      const again = yield* retry(run)
      assert.deepStrictEqual([again.status, again.at("runId"), again.at("joined")], [200, first.at("runId"), true])
      const client = yield* Client
      const detail = yield* client.runs.get({ params: { run: String(first.at("runId")) }, query: {} })
      assert.deepStrictEqual([detail.status, detail.output], ["completed", "sent broken"])
      const refused = yield* retry(String(first.at("runId")))
      assert.deepStrictEqual([refused.status, refused.at("type")], [409, "urn:fermata:problem:RetryRefused"])
      assert.strictEqual((yield* retry("nowhere")).status, 404)
    }).pipe(Effect.provide(app)))

  it.effect("many runs are acted on at once, once for each key, and only looked at by a dry run", () =>
    Effect.gen(function*() {
      const { ask } = yield* Served
      const host = yield* TestHost
      const runs = yield* Effect.forEach(["1", "2", "3"], (id) => started({ input: { id } }))
      const act = (json: object, headers: Record<string, string> = {}) =>
        Effect.tap(ask("POST /api/runs/actions", { json, headers }), () => host.settled)
      const request = { action: "cancel", filter: { workflow: "order" }, reason: "closed" }
      const dry = yield* act({ ...request, dryRun: true })
      assert.deepStrictEqual([dry.status, dry.at("matched"), dry.at("first.0.id")], [200, 3, runs[2]!.run])
      const client = yield* Client
      const status = (run: string) =>
        Effect.map(client.runs.get({ params: { run }, query: {} }), ({ status }) => status)
      assert.strictEqual(yield* status(runs[0]!.run), "suspended")

      const key = { "idempotency-key": "close-1" }
      const acted = yield* act(request, key)
      assert.deepStrictEqual([acted.status, acted.at("matched"), acted.at("joined")], [202, 3, false])
      const detail = yield* client.runs.get({ params: { run: String(acted.at("runId")) }, query: {} })
      assert.deepInclude(detail.output, { action: "cancel", done: 3, skippedCount: 0 })
      assert.deepStrictEqual(yield* Effect.forEach(runs, ({ run }) => status(run)), [
        "cancelled",
        "cancelled",
        "cancelled"
      ])
      const again = yield* act(request, key)
      assert.deepStrictEqual([again.status, again.at("runId"), again.at("joined")], [202, acted.at("runId"), true])
      const reused = yield* act({ action: "retry", filter: {} }, key)
      assert.deepStrictEqual([reused.status, reused.at("type")], [422, "urn:fermata:problem:KeyReused"])
      // Nobody doubts what runs of a store have done that was not put back.
      const sure = yield* act({ action: "confirm", filter: { workflow: "order" }, dryRun: true })
      assert.deepStrictEqual([sure.status, sure.at("matched")], [200, 0])
      const neither = yield* act({ action: "pause" })
      assert.deepStrictEqual([neither.status, neither.at("type")], [422, "urn:fermata:problem:BulkRefused"])
      const listed = yield* ask("GET /api/runs")
      assert.lengthOf(listed.at("runs") as ReadonlyArray<unknown>, 3)
    }).pipe(Effect.provide(app)))

  it.effect("the header Idempotency-Key stands for the key of a start", () =>
    Effect.gen(function*() {
      const key = { "idempotency-key": "order-17" }
      const first = yield* started({ input: { id: "1" }, new: true }, key)
      const again = yield* started({ input: { id: "1" }, new: true }, key)
      assert.deepStrictEqual([first.status, again.status, again.run], [201, 200, first.run])
      const other = yield* started({ input: { id: "1" }, key: "order-18" }, key)
      assert.deepStrictEqual([other.status, other.at("error.issues.0.path")], [400, "header.idempotency-key"])
      const reused = yield* started({ input: { id: "2" } }, key)
      assert.deepStrictEqual([reused.status, reused.at("error")], [422, { _tag: "KeyReused", key: "order-17" }])
      const odd = yield* started({ input: { id: "1" } }, { "idempotency-key": "a b" })
      assert.strictEqual(odd.status, 400)
    }).pipe(Effect.provide(app)))

  it.effect("what a workflow may spend on a day is raised once for each id, and listed", () =>
    Effect.gen(function*() {
      const { ask } = yield* Served
      const raise = (json: object) =>
        ask("POST /api/spending/raises", { json: { workflow: "order", id: "r", ...json } })
      const results = [yield* raise({ micros: 500 }), yield* raise({ micros: 500 })]
      assert.deepStrictEqual(results.map(({ at }) => at("result")), ["accepted", "duplicate"])
      const list = yield* ask("GET /api/spending/raises")
      assert.deepStrictEqual([list.at("raises.0.by"), list.at("raises.0.raised.micros"), list.at("raises.1")], [
        "ada",
        500,
        undefined
      ])
      const refused = yield* raise({ micros: -1 })
      assert.deepStrictEqual([refused.status, refused.at("error._tag")], [422, "DayRaiseRefused"])
      assert.strictEqual((yield* ask("GET /api/spending?groupBy=workflow")).at("sums.0.raised.micros"), 500)
      assert.deepStrictEqual((yield* ask("GET /api/policy/rules")).body, { rules: [] })
      const none = yield* ask("DELETE /api/policy/rules/abcd")
      assert.deepStrictEqual([none.status, none.at("error._tag")], [404, "RuleNotFound"])
    }).pipe(Effect.provide(app)))
})
