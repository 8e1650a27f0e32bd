import { assert, describe, it } from "@effect/vitest"
import { Chunks } from "@fermata/engine/Chunks"
import { Feed } from "@fermata/engine/Feed"
import { Runs } from "@fermata/engine/Runs"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Layer } from "effect"
import { Client, Served } from "./support/Served.ts"

const app = Served.layer().pipe(
  Layer.provideMerge(Layer.mergeAll(Runs.layer, Feed.layer, Chunks.layerMemory)),
  Layer.provideMerge(TestHost.layer)
)

const keeper = (more: object = {}) => ({
  schemaVersion: "fermata.contract.v1",
  id: "keeper",
  version: "1.0.0",
  title: "Keeper",
  entryStepId: "keep",
  steps: [{ id: "keep", name: "Keep", kind: "transform", next: null, set: { input: "{{ input }}" } }],
  ...more
})

describe("the routes for contracts", () => {
  it.effect("add, list, give and draw a contract, and start its runs", () =>
    Effect.gen(function*() {
      const { ask } = yield* Served
      for (const version of ["1.0.0", "1.1.0"]) {
        const added = yield* ask("POST /api/contracts", { json: keeper({ version }) })
        assert.deepStrictEqual([added.status, added.at("version")], [201, version])
      }
      const page = yield* ask("GET /api/contracts?limit=1")
      assert.deepStrictEqual([page.at("contracts.0.version"), page.at("contracts.1")], ["1.1.0", undefined])
      const rest = yield* ask(`GET /api/contracts?limit=1&after=${page.at("next")}`)
      assert.deepStrictEqual([rest.at("contracts.0.version"), rest.at("next")], ["1.0.0", undefined])
      const newest = yield* ask("GET /api/contracts/keeper/newest")
      assert.deepStrictEqual([newest.at("version"), newest.at("document.entryStepId")], ["1.1.0", "keep"])
      const drawing = yield* ask("GET /api/contracts/keeper/1.0.0/graph")
      assert.deepStrictEqual(drawing.at("edges"), [{ from: "keep", to: null, label: "" }])
      assert.match(String(drawing.at("mermaid")), /^flowchart TD/)
      const started = yield* ask("POST /api/runs", { json: { workflow: "keeper", input: { id: 7 } } })
      yield* (yield* TestHost).settled
      const run = yield* ask(`GET /api/runs/${started.at("runId")}`)
      assert.deepStrictEqual([run.at("status"), run.at("kind"), run.at("output.input")], [
        "completed",
        "contract",
        { id: 7 }
      ])
    }).pipe(Effect.provide(app)))

  it.effect("name every mistake of a document, and store nothing of it", () =>
    Effect.gen(function*() {
      const { ask } = yield* Served
      const client = yield* Client
      const wrong = keeper({ entryStepId: "kep", titel: "K" })
      const checked = yield* client.contracts.check({ payload: wrong })
      assert.deepStrictEqual([checked.valid, checked.problems.map(({ code }) => code).sort()], [
        false,
        ["unknown-field", "unknown-step"]
      ])
      assert.isTrue((yield* client.contracts.check({ payload: keeper() })).valid)
      const error = yield* Effect.flip(client.contracts.add({ payload: wrong }))
      assert.strictEqual(error._tag, "ContractInvalid")
      assert.deepStrictEqual((yield* ask("GET /api/contracts")).body, { contracts: [] })
      yield* client.contracts.add({ payload: keeper() })
      const other = yield* ask("POST /api/contracts", { json: keeper({ title: "Other" }) })
      assert.deepStrictEqual([other.status, other.at("error._tag")], [409, "ContractRefused"])
      const none = yield* ask("GET /api/contracts/keeper/2.0.0")
      assert.deepStrictEqual([none.status, none.at("error.known")], [404, ["keeper@1.0.0"]])
    }).pipe(Effect.provide(app)))
})
