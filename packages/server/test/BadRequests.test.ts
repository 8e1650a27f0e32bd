import { assert, describe, it } from "@effect/vitest"
import * as Approval from "@fermata/engine/Approval"
import { Chunks } from "@fermata/engine/Chunks"
import { Feed } from "@fermata/engine/Feed"
import { Runs } from "@fermata/engine/Runs"
import * as Signal from "@fermata/engine/Signal"
import { Store } from "@fermata/engine/Store"
import { Signals } from "@fermata/engine/Workflows"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Layer, Schema } from "effect"
import { Workflow } from "effect/workflow"
import { badRequests, usedKey } from "./support/BadRequests.ts"
import { Served } from "./support/Served.ts"

const Go = Signal.make("go", { schema: Schema.Int })
const Order = Workflow.make("order", {
  payload: { id: Schema.String },
  success: Schema.Int,
  idempotencyKey: ({ id }) => id
}).annotate(Signals, [Go])
const Refund = Workflow.make("refund", {
  payload: { id: Schema.String },
  success: Schema.String,
  error: Approval.Denied,
  idempotencyKey: ({ id }) => id
})

const app = Served.layer().pipe(
  Layer.provideMerge(Layer.mergeAll(Runs.layer, Feed.layer, Chunks.layerMemory)),
  Layer.provideMerge(Layer.merge(
    Order.toLayer(() => Signal.receive(Go)),
    Refund.toLayer(() => Effect.as(Approval.ask("ok", { prompt: "Refund?", approvers: ["bob"] }), "refunded"))
  )),
  Layer.provideMerge(TestHost.layer)
)

/** All that a request could have left behind. */
const kept = Effect.gen(function*() {
  const { backend } = yield* Store
  return yield* Effect.all({
    position: backend.position,
    census: backend.census,
    runs: backend.runs({ limit: 100 }),
    outbox: backend.outbox(100, true),
    events: backend.events({ limit: 100 }),
    approvals: backend.approvals(null, 100),
    definitions: backend.definitions,
    raises: backend.dayRaises({}),
    standing: backend.standing({}),
    audit: backend.auditChain(0, 100),
    requests: Effect.forEach(["one", "two words", usedKey], (key) => backend.request("ada", key))
  })
})

describe("a server", () => {
  it.effect("refuses 150 bad requests and more, each with its problem and its place, and nothing of them is stored", () =>
    Effect.gen(function*() {
      const { ask } = yield* Served
      const host = yield* TestHost
      const begin = (workflow: string) => ask("POST /api/runs", { json: { workflow, input: { id: "1" } } })
      const run = String((yield* begin("order")).at("runId"))
      const asking = String((yield* begin("refund")).at("runId"))
      yield* ask(`POST /api/runs/${run}/raise`, { json: { micros: 1 }, headers: { "idempotency-key": usedKey } })
      yield* host.settled
      const before = yield* kept
      const requests = badRequests({ run, question: encodeURIComponent(`${asking}/ok`) })
      assert.isAtLeast(requests.length, 150)
      const wrong: Array<unknown> = []
      for (const { asked, line, place, problem, status } of requests) {
        const answered = yield* ask(line, asked)
        const { at, headers } = answered
        const told = {
          status: answered.status,
          type: headers.get("content-type"),
          problem: at("error._tag"),
          ...(place === undefined ? {} : { place: at("error.issues.0.path") })
        }
        const wanted = {
          status,
          type: "application/problem+json",
          problem,
          ...(place === undefined ? {} : { place })
        }
        if (JSON.stringify(told) !== JSON.stringify(wanted)) wrong.push([line, asked, told, wanted])
      }
      assert.deepStrictEqual(wrong, [])
      yield* host.settled
      assert.deepStrictEqual(yield* kept, before)
    }).pipe(Effect.provide(app)))
})
