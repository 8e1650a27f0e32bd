import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import { globals } from "../../Globals.ts"
import { document, note } from "../../Output.ts"
import * as Sides from "../../Sides.ts"

/** `fermata mcp login` */
export const commandMcpLogin = Command.make("login", {
  server: Argument.String("server").pipe(
    Argument.withDescription("The name that the configuration gives an MCP server, or its address")
  ),
  browser: Flag.Boolean("browser").pipe(
    Flag.withDescription("Open the address in a browser of this machine; --no-browser prints it alone"),
    Flag.withDefault(true)
  )
}, ({ browser, server }) =>
  Effect.gen(function*() {
    const values = yield* globals
    const [Config, McpLogins, McpOAuth] = yield* Effect.promise(() =>
      Promise.all([import("../../Config.ts"), import("../../McpLogins.ts"), import("@fermata/agent/mcp/McpOAuth")])
    )
    const loaded = yield* Config.loadOrRecall(values, [process.cwd()])
    const place = yield* McpLogins.find(loaded, server)
    const { name, oauth, url } = place
    const { agreed } = yield* Effect.provide(
      McpOAuth.logIn(url, oauth, McpLogins.agree(place, browser)),
      McpLogins.surroundings(loaded, values.db)
    )
    if (values.json) return yield* document({ server: name, url, agreed })
    yield* note(agreed ? `logged in at MCP server "${name}"` : `MCP server "${name}" lets you in as before`)
  })).pipe(
    Command.withDescription("Log in at an MCP server that asks for OAuth, so that runs are let in there in your name"),
    Sides.here("keeps the login of an MCP server beside a database"),
    Command.withExamples([
      { command: "fermata mcp login github", description: "Agree in a browser; what is given is kept for your runs" }
    ])
  )
