/**
 * The MCP servers of a process, by the names that agents call them by. Each is
 * reached when a run first needs it, shared by all runs of the process, and
 * reached again where it was lost.
 *
 * @example
 * ```ts
 * const servers = McpServers.layer({
 *   files: McpStdio.server({ command: "mcp-server-filesystem", args: ["/srv/files"] }),
 *   github: McpHttp.server({ url: "https://mcp.example.com/mcp", headers: { authorization: { secret: "GITHUB" } } })
 * })
 * const Clerk = Agent.make("clerk", { instructions: "You file what comes in.", mcp: ["files"] })
 * const app = Layer.provide(Clerk.layer, servers)
 * ```
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Connection } from "../internal/mcp/Connection.ts"
import { CurrentWay } from "./McpOAuth.ts"
import type { McpFailed, McpServer } from "./McpServer.ts"

/** The servers of a process. */
export interface Servers {
  readonly names: ReadonlyArray<string>
  /** How a server is configured; undefined where there is none of this name. */
  readonly find: (name: string) => McpServer | undefined
  /** How many tools a server has, asked of itself, for people who want to know whether it answers. Outside of a step only of one that is reached without secrets. */
  readonly check: (name: string) => Effect.Effect<number, McpFailed>
}

/** The servers of this process: none unless a layer gives some. */
export const CurrentServers: Context.Reference<Servers> = Context.Reference<Servers>(
  "@fermata/agent/mcp/McpServers",
  { defaultValue: () => none }
)

/** The process has these servers. Give it to the layers of agents. Throws for a name that cannot be part of the name of a tool. */
export const layer = (servers: Readonly<Record<string, McpServer>>): Layer.Layer<never> => {
  for (const name of Object.keys(servers)) {
    if (/^(?!.*__)[A-Za-z0-9_-]{1,32}$/.test(name)) continue
    throw new Error(
      `An MCP server is named ${JSON.stringify(name)}; its name is part of the names of its tools, and so it is `
        + "1 to 32 letters, digits, - and _, without two _ in a row"
    )
  }
  return Layer.effect(
    CurrentServers,
    Effect.gen(function*() {
      const way = yield* CurrentWay
      const made = yield* Effect.forEach(Object.entries(servers), ([name, server]) =>
        Effect.map(
          Effect.acquireRelease(Effect.sync(() => new Connection(name, server, way)), ({ close }) => close),
          (connection) => [name, connection] as const
        ))
      return new Connected(new Map(made))
    })
  )
}

/** The connection of a process to a server of this name. */
export const connectionOf = (servers: Servers, name: string): Connection | undefined =>
  servers instanceof Connected ? servers.connections.get(name) : undefined

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

class Connected implements Servers {
  readonly connections: ReadonlyMap<string, Connection>

  constructor(connections: ReadonlyMap<string, Connection>) {
    this.connections = connections
  }

  get names(): ReadonlyArray<string> {
    return [...this.connections.keys()]
  }

  readonly find: Servers["find"] = (name) => this.connections.get(name)?.server

  readonly check: Servers["check"] = (name) => {
    const connection = this.connections.get(name)
    return connection === undefined
      ? Effect.die(new Error(`There is no MCP server "${name}"; there ${this.names.join(", ") || "is none"}`))
      : Effect.map(connection.offer, ({ tools }) => tools.length)
  }
}

const none: Servers = new Connected(new Map())
