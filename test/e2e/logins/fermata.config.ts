/** An agent whose one tool is that of an MCP server which asks for OAuth, and servers at which nobody logs in. */
import * as Agent from "@fermata/agent/Agent"
import * as McpHttp from "@fermata/agent/mcp/McpHttp"
import * as McpOAuth from "@fermata/agent/mcp/McpOAuth"
import * as Scripted from "@fermata/agent/model/Scripted"
import * as Policy from "@fermata/agent/Policy"
import { defineConfig } from "@fermata/cli/Config"

const { LOGINS_ISSUER = "http://127.0.0.1:9", LOGINS_PORT = "33418", LOGINS_URL = "http://127.0.0.1:9/mcp" } =
  process.env

const Clerk = Agent.make("clerk", { instructions: "You file.", mcp: ["guarded"], policy: Policy.open })

export default defineConfig({
  agents: [{ agent: Clerk, layer: Clerk.layer }],
  mcp: {
    guarded: McpHttp.server({
      url: LOGINS_URL,
      oauth: McpOAuth.make({ origins: [LOGINS_ISSUER], redirectUrl: `http://127.0.0.1:${LOGINS_PORT}/callback` })
    }),
    keyed: McpHttp.server({ url: "http://127.0.0.1:9/keyed", headers: { authorization: { secret: "KEY" } } })
  },
  scripted: (request, turn) => turn === 0 ? [Scripted.call("mcp__guarded__tell", {})] : Scripted.lastText(request)
})
