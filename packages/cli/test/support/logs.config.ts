/** An agent with a tool that logs at each level. */
import * as Agent from "@fermata/agent/Agent"
import * as AgentTool from "@fermata/agent/AgentTool"
import * as Scripted from "@fermata/agent/model/Scripted"
import { defineConfig } from "@fermata/cli/Config"
import { Effect, Layer, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"

const Look = Tool.make("Look", { parameters: Schema.Struct({}), success: Schema.String })
  .annotateMerge(AgentTool.rules({ onCrash: "rerun", permission: "read" }))
const kit = Toolkit.make(Look)
const Looker = Agent.make("looker", { instructions: "You look.", toolkit: kit })

const handlers = kit.toLayer({
  Look: () =>
    Effect.logDebug("it is looked for").pipe(
      Effect.andThen(Effect.logInfo("it is looked at")),
      Effect.andThen(Effect.logWarning("it looks odd")),
      Effect.andThen(Effect.logError("it looks broken")),
      Effect.as("seen")
    )
})

export default defineConfig({
  agents: [{ agent: Looker, layer: Looker.layer.pipe(Layer.provide(handlers)) }],
  scripted: (_, turn) => turn === 0 ? [Scripted.call("Look", {})] : "I have seen it."
})
