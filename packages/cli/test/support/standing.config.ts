/** A project of an agent that types lines into a shell, and is asked about each that no rule is about. */
import { Agent, AgentTool, Policy, Scripted } from "@fermata/agent"
import { defineConfig } from "@fermata/cli/Config"
import { Effect, Layer, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"

const kit = Toolkit.make(
  Tool.make("Bash", { parameters: Schema.Struct({ command: Schema.String }), success: Schema.String })
    .annotateMerge(AgentTool.rules({ permission: "process", subject: AgentTool.subject("command", "command") }))
)

const Typist = Agent.make("typist", {
  instructions: "You type.",
  toolkit: kit,
  policy: Policy.rules({ workspace: "/shop", approvers: ["ann"], ask: ["Bash(npm publish:*)"] })
})

export default defineConfig({
  agents: [{
    agent: Typist,
    layer: Layer.provide(Typist.layer, kit.toLayer({ Bash: ({ command }) => Effect.succeed(`${command} done`) }))
  }],
  scripted: (request, turn) => {
    const given = request.prompt.content.find(({ role }) => role === "user")
    const [first] = given?.role === "user" ? given.content : []
    const lines = first?.type === "text" ? first.text.split(" ; ") : []
    return turn < lines.length ? [Scripted.call("Bash", { command: lines[turn]! })] : "Typed."
  }
})
