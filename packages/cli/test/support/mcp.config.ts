/** An agent with the tool of an MCP server in this process, and servers that do not answer. */
import * as Agent from "@fermata/agent/Agent"
import type { McpServer } from "@fermata/agent/mcp/McpServer"
import * as Scripted from "@fermata/agent/model/Scripted"
import * as Policy from "@fermata/agent/Policy"
import { defineConfig } from "@fermata/cli/Config"
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js"
import { Server } from "@modelcontextprotocol/sdk/server/index.js"
import { CallToolRequestSchema, ListToolsRequestSchema } from "@modelcontextprotocol/sdk/types.js"
import { Effect } from "effect"

const Clerk = Agent.make("clerk", { instructions: "You file.", mcp: ["files"], policy: Policy.open })

const files: McpServer = {
  where: "memory",
  secrets: [],
  line: () =>
    Effect.promise(async () => {
      const server = new Server({ name: "files", version: "1" }, { capabilities: { tools: {} } })
      server.setRequestHandler(
        ListToolsRequestSchema,
        () => ({ tools: [{ name: "greet", inputSchema: { type: "object" } }] })
      )
      server.setRequestHandler(
        CallToolRequestSchema,
        () => ({ content: [{ type: "text", text: "hello from the server" }] })
      )
      const [ours, theirs] = InMemoryTransport.createLinkedPair()
      await server.connect(theirs)
      return { transport: ours, begin: Effect.void, lastWords: () => "", kill: () => undefined }
    })
}

const away: McpServer = { where: "nowhere", secrets: [], line: () => Effect.fail("it is away") }

export default defineConfig({
  agents: [{ agent: Clerk, layer: Clerk.layer }],
  mcp: { files, away, locked: { ...away, secrets: ["KEY"] } },
  scripted: (request, turn) => turn === 0 ? [Scripted.call("mcp__files__greet", {})] : Scripted.lastText(request)
})
