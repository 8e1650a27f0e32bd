/** An agent that looks up how memos are written, in the folder of skills beside this file. */
import * as Agent from "@fermata/agent/Agent"
import * as Scripted from "@fermata/agent/model/Scripted"
import { defineConfig } from "@fermata/cli/Config"

const Writer = Agent.make("writer", { instructions: "You write." })

export default defineConfig({
  agents: [{ agent: Writer, layer: Writer.layer }],
  skills: "skills",
  egress: { hosts: ["skills.example"] },
  scripted: (request, turn) =>
    turn === 0 ? [Scripted.call("Skill", { name: "memo-style" })] : JSON.stringify(request.prompt.content)
})
