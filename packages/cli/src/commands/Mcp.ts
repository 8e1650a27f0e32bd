import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { globals } from "../Globals.ts"
import * as Sides from "../Sides.ts"
import { commandMcpLogin } from "./mcp/Login.ts"
import { commandMcpLogout } from "./mcp/Logout.ts"
import { commandMcpLs } from "./mcp/Ls.ts"

/** `fermata mcp` */
export const commandMcp = Command.make("mcp", {
  port: Flag.Int("port").pipe(
    Flag.withMetavar("N"),
    Flag.withDescription(
      "Serve streamable HTTP at 127.0.0.1 on this port, 0 for any, in place of stdio; FERMATA_MCP_TOKEN is what callers must show"
    ),
    Flag.filter((port) => port >= 0 && port <= 65_535, (port) => `${port} is not from 0 to 65535`),
    Flag.optional
  ),
  wait: Flag.Int("wait").pipe(
    Flag.withMetavar("SECONDS"),
    Flag.withDescription("How long a call waits for its run that says no other; default 45"),
    Flag.filter((seconds) => seconds >= 0 && seconds <= 3_600, (seconds) => `${seconds} is not from 0 to 3600`),
    Flag.withDefault(45)
  )
}, ({ port, wait }) =>
  Effect.gen(function*() {
    const { serve } = yield* Effect.promise(() => import("../mcp/Serving.ts"))
    const token = process.env["FERMATA_MCP_TOKEN"]
    yield* Effect.scoped(serve(yield* globals, {
      port: Option.getOrUndefined(port),
      token: token === "" ? undefined : token,
      waitMs: wait * 1_000
    }))
  })).pipe(
    Command.withDescription(
      "Serve the workflows, agents and contracts of the configuration, and their runs, to MCP clients, who act as --as says, or as mcp; the commands below are about the MCP servers that its agents use"
    ),
    Sides.here("serves MCP clients from a database"),
    Command.withExamples([
      {
        command: "fermata mcp --as claude",
        description: "Over stdio, for a client that starts it; what it does is recorded as by claude"
      },
      { command: "fermata mcp --port 4100", description: "Over HTTP, for clients of this machine" }
    ]),
    // These are about the servers that agents are clients of.
    Command.withSubcommands([commandMcpLs, commandMcpLogin, commandMcpLogout])
  )
