/** An agent with a tool whose handler does not end, except in a process that has `FIXTURE_GO`. Whatever is asked or done is a line of a file. */
import * as Agent from "@fermata/agent/Agent"
import * as AgentTool from "@fermata/agent/AgentTool"
import * as Scripted from "@fermata/agent/model/Scripted"
import { defineConfig } from "@fermata/cli/Config"
import { Effect, Layer, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { appendFileSync } from "node:fs"

const log = (text: string): void => {
  appendFileSync(process.env["FIXTURE_LOG"]!, `${text}\n`)
  console.log(text)
}

const reads = AgentTool.rules({ onCrash: "rerun", permission: "read" })
const Look = Tool.make("Look", { parameters: Schema.Struct({}), success: Schema.String }).annotateMerge(reads)
const Hold = Tool.make("Hold", { parameters: Schema.Struct({}), success: Schema.String }).annotateMerge(reads)
const kit = Toolkit.make(Look, Hold)

const Watcher = Agent.make("watcher", { instructions: "You watch.", toolkit: kit })

const handlers = kit.toLayer({
  Look: () => Effect.sync(() => (log("looks"), "seen")),
  Hold: () =>
    Effect.suspend(() => {
      log("holds")
      return process.env["FIXTURE_GO"] === undefined ? Effect.never : Effect.succeed("held")
    })
})

export default defineConfig({
  agents: [{ agent: Watcher, layer: Watcher.layer.pipe(Layer.provide(handlers)) }],
  scripted: (_, turn) => {
    log(`asked ${turn}`)
    return turn === 0 ? [Scripted.call("Look", {})] : turn === 1 ? [Scripted.call("Hold", {})] : "All is well."
  }
})
