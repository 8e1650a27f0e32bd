import { assert, describe, it } from "@effect/vitest"
import * as Agent from "@fermata/agent/Agent"
import * as AgentTool from "@fermata/agent/AgentTool"
import { ModelFailed } from "@fermata/agent/Model"
import { Chunks } from "@fermata/engine/Chunks"
import { Simulator } from "@fermata/testing"
import { Effect, Layer, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"
import * as Script from "./support/Script.ts"

const read = AgentTool.rules({ onCrash: "rerun", safe: true, permission: "read" })
const Look = Tool.make("Look", { parameters: Schema.Struct({ n: Schema.Int }), success: Schema.String }).annotateMerge(
  read
)
const Pay = Tool.make("Pay", { parameters: Schema.Struct({ cents: Schema.Int }), success: Schema.String })
  .annotateMerge(AgentTool.rules({ onCrash: "rerun-keyed", permission: "read" }))
const Write = Tool.make("Write", { parameters: Schema.Struct({ path: Schema.String }), success: Schema.String })

const bossKit = Toolkit.make(Look, Pay, Write)
const helperKit = Toolkit.make(Look, Write)

const helper = Agent.make("helper", { instructions: "helper", model: "m", toolkit: helperKit })
const boss = Agent.make("boss", {
  instructions: "boss",
  model: ["broken", "m"],
  toolkit: bossKit,
  agents: [helper],
  compaction: { strategy: "summarise", contextLimit: 900, keepLast: 2 }
})

/** What went over the wires in one world: calls of the model and of the bank, by their keys. */
const worlds = () => {
  const answered = new Map<string, number>()
  const paid = new Map<string, number>()
  const count = (map: Map<string, number>, key: string) => map.set(key, (map.get(key) ?? 0) + 1)
  const script: Script.Script = (request, turn) => {
    count(answered, request.idempotencyKey)
    if (request.tools.length === 0) return [...Script.text("They looked, and paid."), Script.end()]
    if (Script.instructionsOf(request) === "helper") {
      return turn === 0
        ? [Script.call("h", "Write", { path: "/helper" }), Script.end("tool-calls")]
        : [...Script.text("helped"), Script.end()]
    }
    const said = request.prompt.content.map((message) => JSON.stringify(message.content)).join("\n")
    if (!said.includes("saw 1")) {
      return [
        ...Script.text("look"),
        Script.call("a", "Look", { n: 1 }),
        Script.call("b", "Look", { n: 2 }),
        Script.end("tool-calls")
      ]
    }
    if (!said.includes("paid")) {
      return [
        Script.call("a", "Pay", { cents: 5 }),
        Script.call("d", "helper", { prompt: "x" }),
        Script.end("tool-calls")
      ]
    }
    if (!said.includes("written")) {
      return [Script.call("e", "Write", { path: "/x" }), Script.end("tool-calls", { input: 800 })]
    }
    return [...Script.text("final"), Script.end()]
  }
  const handlers = {
    Look: ({ n }: { readonly n: number }) => Effect.succeed(`saw ${n} `.repeat(40)),
    Pay: () => Effect.map(AgentTool.call, ({ idempotencyKey }) => (count(paid, idempotencyKey), "paid")),
    Write: () => Effect.as(Effect.yieldNow, "written")
  }
  const models = Script.layer({
    m: script,
    broken: () =>
      Effect.fail(
        new ModelFailed({
          model: "broken",
          code: "ERR_API_OVERLOADED",
          problem: "529",
          retryable: true,
          maybePaid: false
        })
      )
  })
  const layer = Layer.mergeAll(boss.layer, helper.layer).pipe(
    Layer.provide(Layer.mergeAll(bossKit.toLayer(handlers), helperKit.toLayer(handlers), models, Chunks.layerMemory))
  )
  return { answered, layer, paid }
}

describe("an agent with tools, a payment, questions, a subagent, compaction and a second model", () => {
  it.effect(
    "S1, S4: ends in the one way in which it may, whatever write is its process's last",
    () =>
      Effect.gen(function*() {
        const world = worlds()
        const report = yield* Simulator.explore(boss.workflow, {
          payload: { id: "1", input: "go" },
          layer: world.layer,
          mode: "enumerate"
        })
        assert.isAbove(report.crashPoints, 60)
      }),
    600_000
  )

  it.effect("S1, S4: ends in the one way in which it may, in lives at random", () =>
    Effect.gen(function*() {
      const world = worlds()
      yield* Simulator.explore(boss.workflow, {
        payload: { id: "1", input: "go" },
        layer: world.layer,
        mode: "random",
        lives: 60,
        seed: 7
      })
      assert.isAbove(world.answered.size, 0)
    }), 600_000)
})
