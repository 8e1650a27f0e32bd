import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { globals } from "../../Globals.ts"
import { document, note } from "../../Output.ts"
import * as Sides from "../../Sides.ts"

/** `fermata mcp logout` */
export const commandMcpLogout = Command.make("logout", {
  server: Argument.String("server").pipe(
    Argument.withDescription("The name that the configuration gives an MCP server, or its address")
  )
}, ({ server }) =>
  Effect.gen(function*() {
    const values = yield* globals
    const [Config, McpLogins, McpOAuth] = yield* Effect.promise(() =>
      Promise.all([import("../../Config.ts"), import("../../McpLogins.ts"), import("@fermata/agent/mcp/McpOAuth")])
    )
    const loaded = yield* Config.loadOrRecall(values, [process.cwd()])
    const { name, oauth, url } = yield* McpLogins.find(loaded, server)
    const { revoked, wasLoggedIn } = yield* Effect.provide(
      McpOAuth.logOut(url, oauth),
      McpLogins.surroundings(loaded, values.db)
    )
    if (values.json) return yield* document({ server: name, url, wasLoggedIn, revoked })
    yield* note(
      !wasLoggedIn
        ? `nobody was logged in at MCP server "${name}"`
        : revoked
        ? `logged out at MCP server "${name}": what it gave counts no more, and is not kept`
        : `logged out at MCP server "${name}": what it gave is not kept; it takes no word that this counts no more`
    )
  })).pipe(
    Command.withDescription("Log out at an MCP server: what it gave is revoked where it can be, and not kept"),
    Sides.here("forgets the login of an MCP server beside a database"),
    Command.withExamples([{ command: "fermata mcp logout github", description: "Runs are not let in there any more" }])
  )
