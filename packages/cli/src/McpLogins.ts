/** Logins at the MCP servers of a configuration: how people log in there, and out, and where it is kept that they have. */
import * as McpOAuth from "@fermata/agent/mcp/McpOAuth"
import type { McpServer } from "@fermata/agent/mcp/McpServer"
import * as EgressPolicy from "@fermata/engine/EgressPolicy"
import * as Egress from "@fermata/host-node/Egress"
import * as McpTokens from "@fermata/host-node/McpTokens"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { spawn } from "node:child_process"
import { resolve } from "node:path"
import { createInterface } from "node:readline"
import { type CommandFailed, refused } from "./CommandFailed.ts"
import * as Commands from "./Commands.ts"
import type { Loaded } from "./Config.ts"
import { fileLabel } from "./ContractFile.ts"
import { note } from "./Output.ts"
import * as Words from "./Words.ts"

/** What servers have given is kept beside the database, in a file of its owner; a run that nobody has logged in for says the command that does. */
export const layer = (db: string): Layer.Layer<never> =>
  Layer.merge(
    McpOAuth.layerStore(McpTokens.folder(`${resolve(db)}-mcp-tokens`)),
    Layer.succeed(McpOAuth.CurrentWay, Commands.logIn)
  )

/** A server at which people log in. */
export interface Place extends NonNullable<McpServer["login"]> {
  readonly name: string
}

/** The server of this name or address, or why nobody logs in there. */
export const find = ({ config: { mcp = {} }, file }: Loaded, wanted: string): Effect.Effect<Place, CommandFailed> => {
  const [name, server] =
    Object.entries(mcp).find(([name, { login }]) =>
      name === wanted || (login !== undefined && URL.canParse(wanted) && bare(login.url) === bare(wanted))
    ) ?? []
  if (name === undefined || server === undefined) {
    const place = file === undefined ? "since there is no fermata.config.ts" : `in ${fileLabel(file)}`
    const names = Object.keys(mcp)
    return Effect.fail(refused(
      "McpServerNotFound",
      `There is no MCP server ${JSON.stringify(wanted)} ${place}; there ${
        names.length === 0 ? "is none" : `is ${Words.list(names)}`
      }`,
      [`see how each is reached: ${Commands.seeServers()}`]
    ))
  }
  if (server.login === undefined) {
    return Effect.fail(refused(
      "McpLoginUnused",
      `Nobody logs in at MCP server "${name}" (${server.where}): it is ${
        server.secrets.length === 0 ? "reached without" : `told who asks by ${Words.list(server.secrets)}`
      }`
    ))
  }
  return Effect.succeed({ name, ...server.login })
}

/** What a login needs: where tokens are kept, secrets, and a way out, which leads to whoever lets people in: they are asked by somebody who is there. */
export const surroundings = ({ config: { egress = {}, secrets } }: Loaded, db: string): Layer.Layer<never> => {
  const { origins = [], privateHosts = [] } = egress
  return Layer.mergeAll(
    layer(db),
    Egress.layer({ ...EgressPolicy.open, origins, privateHosts }),
    secrets ?? Layer.empty
  )
}

/** Shows a person where they agree, and waits until their browser has come back, or until they say where it was sent. */
export const agree = ({ name, oauth }: Place, opens: boolean) => (address: URL): Effect.Effect<URL, Error> =>
  Effect.raceFirst(
    McpTokens.browser(oauth, (address) =>
      Effect.gen(function*() {
        yield* note(`to log in at MCP server "${name}", open this address and agree:`)
        yield* note(`  ${address.href}`)
        yield* note(`where your browser cannot come back to this machine, paste here the address that it was sent to`)
        if (opens) open(address)
      }))(address),
    pasted(oauth.redirectUrl)
  )

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const bare = (url: string): string => {
  const { origin, pathname } = new URL(url)
  return `${origin}${pathname.replace(/\/$/, "")}`
}

/** An address on a line of stdin; never where there is none. */
const pasted = (redirectUrl: string): Effect.Effect<URL> =>
  Effect.callback((resume) => {
    const lines = createInterface({ input: process.stdin })
    lines.on("line", (line) => {
      const text = line.trim()
      if (URL.canParse(text) && bare(text) === bare(redirectUrl)) resume(Effect.succeed(new URL(text)))
    })
    return Effect.sync(() => lines.close())
  })

/** What opens an address on this machine: `BROWSER`, or what its system has, for whoever sits at it. */
const open = ({ href }: URL): void => {
  const named = process.env["BROWSER"]
  if ((named === undefined || named === "") && process.stderr.isTTY !== true) return
  const [program, ...args] = named !== undefined && named !== ""
    ? [named]
    : process.platform === "darwin"
    ? ["open"]
    : process.platform === "win32"
    ? ["rundll32", "url.dll,FileProtocolHandler"]
    : ["xdg-open"]
  // Where there is none, the address stands on the screen.
  spawn(program!, [...args, href], { stdio: "ignore", detached: true }).on("error", () => {}).unref()
}
