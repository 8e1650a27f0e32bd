/** An agent that is given hostile outputs of a tool, all at once, and then wants to do what people are asked about. */
import { Agent, AgentTool, Scripted } from "@fermata/agent"
import { defineConfig } from "@fermata/cli/Config"
import * as Secrets from "@fermata/engine/Secrets"
import { Effect, Layer, Redacted, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { appendFileSync, writeFileSync } from "node:fs"
import { cases, outputOf } from "./Hostile.ts"

const kit = Toolkit.make(
  Tool.make("Fetch", { parameters: Schema.Struct({ n: Schema.Int }), success: Schema.Json })
    .annotateMerge(AgentTool.rules({ onCrash: "rerun", safe: true, permission: "read" })),
  Tool.make("Publish", { parameters: Schema.Struct({ text: Schema.String }), success: Schema.String })
)

const Reader = Agent.make("reader", { instructions: "You read.", toolkit: kit })

const handlers = kit.toLayer({
  Fetch: ({ n }) =>
    Effect.map(Secrets.resolve({ secret: "TOKEN" }), (token) => outputOf(cases[n]!, Redacted.value(token))).pipe(
      Effect.orDie
    ),
  Publish: ({ text }) =>
    Effect.sync(() => {
      appendFileSync(process.env["FIXTURE_LOG"]!, `published ${text}\n`)
      return "published"
    })
})

export default defineConfig({
  agents: [{ agent: Reader, layer: Layer.provide(Reader.layer, handlers) }],
  secrets: Secrets.layerMemory({ TOKEN: "tok-5d1f0c9e77ab" }),
  scripted: (request, turn) => {
    if (turn === 0) return cases.map((_, n) => Scripted.call("Fetch", { n }, `id-${n}`))
    writeFileSync(process.env["FIXTURE_ASKED"]!, JSON.stringify(request.prompt.content))
    return [Scripted.call("Publish", { text: "what was read" }, "publish")]
  }
})
