/** An MCP server on its standard input and output that dies in a call: `node mcp-server.ts COUNT`. Each call is a line of the file COUNT. */
import { Server } from "@modelcontextprotocol/sdk/server/index.js"
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js"
import { CallToolRequestSchema, ListToolsRequestSchema } from "@modelcontextprotocol/sdk/types.js"
import { appendFileSync } from "node:fs"

const [count] = process.argv.slice(2) as [string]

const server = new Server({ name: "mortal", version: "1" }, { capabilities: { tools: {} } })
const inputSchema = { type: "object" as const }
server.setRequestHandler(
  ListToolsRequestSchema,
  () => ({ tools: [{ name: "die", inputSchema }, { name: "env", inputSchema }] })
)
server.setRequestHandler(CallToolRequestSchema, ({ params: { name } }) => {
  appendFileSync(count, `${name} ${process.pid}\n`)
  if (name === "die") process.kill(process.pid, "SIGKILL")
  return { content: [{ type: "text", text: `${process.env["TEAM"]} ${process.env["SECRET_OF_OTHERS"]}` }] }
})
await server.connect(new StdioServerTransport())
