import { assert, describe, it } from "@effect/vitest"
import { Chunks } from "@fermata/engine/Chunks"
import { Feed } from "@fermata/engine/Feed"
import { Runs } from "@fermata/engine/Runs"
import * as Signal from "@fermata/engine/Signal"
import { Signals } from "@fermata/engine/Workflows"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Layer, Schema } from "effect"
import { Workflow } from "effect/workflow"
import { Served } from "./support/Served.ts"

const Go = Signal.make("go", { schema: Schema.Struct({ count: Schema.Int }) })
const Wait = Workflow.make("wait", {
  payload: { id: Schema.String },
  success: Schema.Int,
  idempotencyKey: ({ id }) => id
}).annotate(Signals, [Go])

const app = Served.layer().pipe(
  Layer.provideMerge(Layer.mergeAll(Runs.layer, Feed.layer, Chunks.layerMemory)),
  Layer.provideMerge(Wait.toLayer(() => Effect.map(Signal.receive(Go), ({ count }) => count))),
  Layer.provideMerge(TestHost.layer)
)

describe("the routes for signals", () => {
  it.effect("tell a run what it waits for, once for each id, and refuse what it does not take", () =>
    Effect.gen(function*() {
      const { ask } = yield* Served
      const host = yield* TestHost
      const started = yield* ask("POST /api/runs", { json: { workflow: "wait", input: { id: "1" } } })
      const run = String(started.at("runId"))
      yield* host.settled
      const send = (name: string, json: unknown) => ask(`POST /api/runs/${run}/signals/${name}`, { json })
      assert.strictEqual((yield* ask(`GET /api/runs/${run}/sample?reason=signal&key=go`)).at("sample.count"), 1)
      const unknown = yield* send("stop", {})
      assert.deepStrictEqual([unknown.status, unknown.at("error._tag")], [404, "SignalUnknown"])
      const unfit = yield* send("go", { payload: { count: "3" } })
      assert.deepStrictEqual([unfit.status, unfit.at("error._tag")], [422, "SignalUnfit"])
      const misspelt = yield* send("go", { paylod: { count: 3 } })
      assert.deepStrictEqual([misspelt.status, misspelt.at("error.issues.0.path")], [400, "body.paylod"])
      const results = yield* Effect.forEach([1, 2], () => send("go", { payload: { count: 3 }, id: "once" }))
      assert.deepStrictEqual(results.map(({ at }) => at("result")), ["accepted", "duplicate"])
      yield* host.settled
      assert.deepStrictEqual((yield* ask(`GET /api/runs/${run}`)).at("output"), 3)
    }).pipe(Effect.provide(app)))
})

describe("the routes for events", () => {
  it.effect("R-75: publish, and list what is kept, the newest first, in pages", () =>
    Effect.gen(function*() {
      const { ask } = yield* Served
      const host = yield* TestHost
      for (const id of ["1", "2", "3"]) {
        const emitted = yield* ask("POST /api/events", { json: { name: "ticket.created", payload: { id }, id } })
        assert.deepStrictEqual([emitted.status, emitted.at("id")], [201, id])
        yield* host.settled
      }
      yield* ask("POST /api/events", { json: { name: "other.thing" } })
      yield* host.settled
      const page = yield* ask("GET /api/events?name=ticket.created&limit=2")
      assert.deepStrictEqual([page.at("events.0.id"), page.at("events.1.id"), page.at("events.0.source")], [
        "3",
        "2",
        "ada"
      ])
      const last = yield* ask(`GET /api/events?name=ticket.created&limit=2&after=${page.at("next")}`)
      assert.deepStrictEqual([last.at("events.0.payload.id"), last.at("events.1"), last.at("next")], [
        "1",
        undefined,
        undefined
      ])
      const reserved = yield* ask("POST /api/events", { json: { name: "engine.run.completed" } })
      assert.deepStrictEqual([reserved.status, reserved.at("error.reason")], [400, "reserved"])
    }).pipe(Effect.provide(app)))
})
