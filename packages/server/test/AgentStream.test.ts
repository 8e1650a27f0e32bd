import { assert, describe, it } from "@effect/vitest"
import * as Agent from "@fermata/agent/Agent"
import * as AgentState from "@fermata/agent/AgentState"
import * as Models from "@fermata/agent/model/Models"
import * as Scripted from "@fermata/agent/model/Scripted"
import { Chunks } from "@fermata/engine/Chunks"
import { Feed } from "@fermata/engine/Feed"
import { Runs } from "@fermata/engine/Runs"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Layer, Schema } from "effect"
import { type Heard, listen } from "./support/Listening.ts"
import { Served } from "./support/Served.ts"

const Helper = Agent.make("helper", { instructions: "Help.", model: "h" })
const Lead = Agent.make("lead", { instructions: "Lead.", model: "m", agents: [Helper] })
const models = Models.layer([
  Scripted.provider([[Scripted.text("I ask."), Scripted.call("helper", { prompt: "help" })], "All is done."], {
    name: "m"
  }),
  Scripted.provider(["I have helped."], { name: "h" })
])

const app = Served.layer().pipe(
  Layer.provideMerge(Layer.mergeAll(Lead.layer, Helper.layer)),
  Layer.provideMerge(Layer.mergeAll(Runs.layer, Feed.layer, Chunks.layerMemory, models)),
  Layer.provideMerge(TestHost.layer)
)

const begin = Effect.gen(function*() {
  const run = yield* Lead.start("go", { id: "1" })
  yield* (yield* TestHost).settled
  return run
})
const stream = (path: string, headers?: Readonly<Record<string, string>>) =>
  Effect.flatMap(Served, ({ fetch }) => listen(fetch, `http://localhost/api${path}`, headers))
const types = (heard: ReadonlyArray<Heard>) =>
  heard.flatMap(({ data }) => {
    const type: unknown = typeof data === "object" && data !== null ? Reflect.get(data, "type") : undefined
    return typeof type === "string" ? [type] : []
  })

describe("the stream of an agent", () => {
  it.effect("N-04: tells what happens in a run and its subagents, and goes on at any of its places", () =>
    Effect.gen(function*() {
      const run = yield* begin
      const all = yield* (yield* stream(`/runs/${run}/agent`)).rest
      assert.includeMembers(types(all), ["start", "answer", "subagent", "subagent-result", "status"])
      assert.strictEqual(all.at(-1)?.event, "end")
      const runsOf = (heard: ReadonlyArray<Heard>) =>
        new Set(heard.flatMap(({ data }) => data === undefined ? [] : [Reflect.get(data as object, "run")]))
      assert.strictEqual(runsOf(all.slice(1, -1)).size, 2, "the lead and the helper tell")
      const events = all.filter(({ id }) => id !== undefined)
      const key = ({ data }: Heard) => JSON.stringify(data)
      for (const [index, { id }] of events.entries()) {
        const rest = yield* (yield* stream(`/runs/${run}/agent?after=soon`, { "last-event-id": id! })).rest
        const heard = new Set([...events.slice(0, index + 1), ...rest.filter(({ id }) => id !== undefined)].map(key))
        assert.deepStrictEqual([...heard].sort(), events.map(key).sort(), id)
      }
      const alone = yield* (yield* stream(`/runs/${run}/agent?children=false`)).rest
      assert.strictEqual(types(alone).filter((type) => type === "start").length, 1)
      const odd = yield* (yield* Served).ask(`GET /api/runs/${run}/agent?after=soon`)
      assert.deepStrictEqual([odd.status, odd.at("error.issues.0.path")], [400, "query.after"])
      assert.strictEqual((yield* (yield* Served).ask(`GET /api/runs/${run}/agent?format=xml`)).status, 400)
    }).pipe(Effect.provide(app)))

  it.effect("N-04: as the AI SDK reads it, with its header and its last line", () =>
    Effect.gen(function*() {
      const run = yield* begin
      const { fetch } = yield* Served
      const response = yield* Effect.promise(() =>
        fetch(new Request(`http://localhost/api/runs/${run}/agent?format=ai-sdk`))
      )
      assert.strictEqual(response.headers.get("x-vercel-ai-ui-message-stream"), "v1")
      const text = yield* Effect.promise(() => response.text())
      assert.isTrue(text.endsWith("data: [DONE]\n\n"))
      assert.include(text, `data: {"type":"start","messageId":"${run}"}`)
      assert.include(text, `"type":"tool-output-available","toolCallId":"call-0-1","output":"I have helped."`)
    }).pipe(Effect.provide(app)))

  it.effect("N-04: as AG-UI reads it, with its subagents and their end before that of the run", () =>
    Effect.gen(function*() {
      const run = yield* begin
      const told = types(yield* (yield* stream(`/runs/${run}/agent?format=ag-ui`)).rest)
      assert.strictEqual(told[0], "RUN_STARTED")
      assert.strictEqual(told.at(-1), "RUN_FINISHED")
      assert.isAbove(told.indexOf("SUBAGENT_FINISHED"), told.indexOf("SUBAGENT_STARTED"))
    }).pipe(Effect.provide(app)))
})

describe("how far a run is", () => {
  it.effect("M-144, M-152: is told over HTTP as in the library, by any prefix of its id; one that is not there is a problem", () =>
    Effect.gen(function*() {
      const run = yield* begin
      const { ask } = yield* Served
      const { at, body, status } = yield* ask(`GET /api/runs/${run.slice(0, 12)}/state`)
      assert.strictEqual(status, 200)
      assert.deepStrictEqual(Schema.decodeUnknownSync(AgentState.AgentState)(body), yield* AgentState.of(run))
      assert.deepStrictEqual([at("status"), at("response.data")], ["done", "All is done."])
      const none = yield* ask("GET /api/runs/ffffffffffff/state")
      assert.deepStrictEqual([none.status, none.at("error._tag")], [404, "RunNotFound"])
    }).pipe(Effect.provide(app)))
})
