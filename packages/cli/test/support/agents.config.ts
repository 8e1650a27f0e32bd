/** A project of agents: one reviews changes, and asks before it publishes; one looks at one file for it; and a chief has it review. */
import * as Agent from "@fermata/agent/Agent"
import * as AgentTool from "@fermata/agent/AgentTool"
import * as Scripted from "@fermata/agent/model/Scripted"
import { defineConfig } from "@fermata/cli/Config"
import { Effect, Layer, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { appendFileSync } from "node:fs"

const Publish = Tool.make("Publish", { parameters: Schema.Struct({ text: Schema.String }), success: Schema.String })
  .annotateMerge(AgentTool.rules({ onCrash: "rerun", permission: "write" }))
const kit = Toolkit.make(Publish)

const Looker = Agent.make("looker", {
  description: "Looks at one file",
  instructions: "You look at one file.",
  input: Schema.Struct({ file: Schema.String })
})

const Reviewer = Agent.make("reviewer", {
  description: "Reviews a change",
  budget: { usd: 2 },
  dailyBudget: { usd: 5, tokens: 1_000_000 },
  instructions: "You review changes.",
  input: Schema.Struct({ change: Schema.String, strict: Schema.optionalKey(Schema.Boolean) }),
  output: Schema.Struct({ problems: Schema.Int }),
  toolkit: kit,
  agents: [Looker]
})

const Chief = Agent.make("chief", {
  instructions: "You have changes reviewed.",
  input: Schema.Struct({ change: Schema.String }),
  agents: [Reviewer]
})

const Writer = Agent.make("writer", { description: "Says it otherwise", instructions: "You write." })

const Thrifty = Agent.make("thrifty", { instructions: "You write.", dailyBudget: { tokens: 100 } })

const handlers = kit.toLayer({
  Publish: ({ text }) =>
    Effect.sync(() => {
      appendFileSync(process.env["FIXTURE_LOG"]!, `published ${text}\n`)
      return "published"
    })
})

const isTold = (request: Parameters<Scripted.Script>[0], words: string): boolean =>
  JSON.stringify(request.prompt.content[0]).includes(words)

export default defineConfig({
  agents: [
    { agent: Reviewer, layer: Reviewer.layer.pipe(Layer.provide(handlers)) },
    { agent: Looker, layer: Looker.layer },
    { agent: Chief, layer: Chief.layer },
    { agent: Writer, layer: Writer.layer },
    { agent: Thrifty, layer: Thrifty.layer }
  ],
  scripted: (request, turn) =>
    isTold(request, "You write")
      ? `I heard: ${Scripted.lastText(request)}`
      : isTold(request, "one file")
      ? "one problem"
      : isTold(request, "have changes reviewed")
      ? turn === 0 ? [Scripted.call("reviewer", { change: "42" })] : "It is reviewed."
      : turn === 0
      ? [Scripted.call("looker", { file: "a.ts" })]
      : turn === 1
      ? [Scripted.call("Publish", { text: "1 problem" })]
      : JSON.stringify({ problems: 1 })
})
