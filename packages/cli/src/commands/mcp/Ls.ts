import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { globals } from "../../Globals.ts"
import { item, lines, note, table, width } from "../../Output.ts"
import * as Sides from "../../Sides.ts"

/** `fermata mcp ls` */
export const commandMcpLs = Command.make("ls", {}, () =>
  Effect.gen(function*() {
    const values = yield* globals
    const [Config, McpLogins, McpOAuth, Words] = yield* Effect.promise(() =>
      Promise.all([
        import("../../Config.ts"),
        import("../../McpLogins.ts"),
        import("@fermata/agent/mcp/McpOAuth"),
        import("../../Words.ts")
      ])
    )
    const loaded = yield* Config.loadOrRecall(values, [process.cwd()])
    const { agents = [], mcp = {} } = loaded.config
    const all = yield* Effect.forEach(Object.entries(mcp), ([name, { login, optional = false, secrets, where }]) =>
      Effect.map(
        login === undefined ? Effect.undefined : McpOAuth.keptOf(login.oauth, login.url),
        (kept) => ({
          name,
          where,
          optional,
          agents: agents.filter(({ agent }) =>
            agent.mcp.includes(name)
          ).map(({ agent }) => agent.name),
          secrets,
          ...(kept === undefined ? {} : { loggedIn: kept.isLoggedIn })
        })
      )).pipe(Effect.provide(McpLogins.layer(values.db)))
    if (values.json) return yield* Effect.forEach(all, item, { discard: true })
    if (all.length === 0) return yield* note("no MCP servers")
    yield* lines(table(
      ["SERVER", "WHERE", "AGENTS", "WHO ASKS"],
      all.map(({ agents, loggedIn, name, secrets, where }) => [
        name,
        where,
        agents.join(", "),
        loggedIn === true
          ? "who has logged in"
          : secrets.length > 0
          ? Words.list(secrets)
          : loggedIn === false
          ? "nobody has logged in"
          : "nobody logs in"
      ]),
      undefined,
      { width: width(), shrinks: [1, 2] }
    ))
  })).pipe(
    Command.withDescription(
      "List the MCP servers of the configuration: where they are, which agents use them, and who asks there"
    ),
    Sides.here("reads the configuration of this folder"),
    Command.withExamples([{ command: "fermata mcp ls", description: "See where somebody has logged in" }])
  )
