/** A project that says where it may go on the network, and whose program, agent and contract tell what they see of that. */
import { Agent, AgentTool, Policy, Scripted } from "@fermata/agent"
import { defineConfig } from "@fermata/cli/Config"
import * as Egress from "@fermata/engine/Egress"
import * as Step from "@fermata/engine/Step"
import { Effect, Layer, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { Workflow } from "effect/workflow"

const hosts = Effect.map(Effect.service(Egress.CurrentEgress), ({ policy }) => policy.hosts.join(" "))

const look = Step.make("look", { success: Schema.String, onCrash: "rerun", run: () => hosts })
const Program = Workflow.make("program", { payload: {}, success: Schema.String, idempotencyKey: () => "only" })

const kit = Toolkit.make(
  Tool.make("Look", { success: Schema.String }).annotateMerge(AgentTool.rules({ onCrash: "rerun" }))
)
const Looker = Agent.make("looker", { instructions: "You look.", toolkit: kit, policy: Policy.open })

export default defineConfig({
  egress: { hosts: ["allowed.example"] },
  workflows: [Program.toLayer(() => look())],
  agents: [{ agent: Looker, layer: Layer.provide(Looker.layer, kit.toLayer({ Look: () => hosts })) }],
  tasks: { look: () => hosts },
  scripted: (request, turn) =>
    turn === 0 ? [Scripted.call("Look", {})] : JSON.stringify(request.prompt.content.at(-1)?.content)
})
