/** Where a process of the command listens: who reaches it there, by which names, and what is wrong with a place. */
import * as IpAddress from "@fermata/engine/IpAddress"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpServer from "effect/http/HttpServer"
import * as NetAddress from "effect/net/NetAddress"
import { hostname, networkInterfaces } from "node:os"
import { type CommandFailed, refused } from "./CommandFailed.ts"
import * as Commands from "./Commands.ts"
import type { Globals } from "./Globals.ts"
import type { Host } from "./Host.ts"
import { why } from "./JsonOption.ts"

/** Whether only this machine reaches what listens at this address. */
export const isLoopback = (host: string): boolean => host === "localhost" || IpAddress.judge(host).reach === "loopback"

/** How others name a server that listens at this address: where it listens at all, by any that the machine has. */
export const ownNames = (host: string): ReadonlyArray<string> => {
  if (host !== "0.0.0.0" && host !== "::") return [inUrl(host)]
  const addresses = Object.values(networkInterfaces()).flatMap((all = []) => all.map(({ address }) => inUrl(address)))
  return [hostname(), ...addresses]
}

/** Refuses to listen where others than this machine reach it, as long as the store has no token. `option` is how it was asked for. */
export const checkTokens = (
  { refine, tokens }: Host,
  { as }: Globals,
  host: string,
  option: string
): Effect.Effect<void, CommandFailed> =>
  Effect.gen(function*() {
    if (isLoopback(host) || (yield* refine(tokens.some))) return
    return yield* refused(
      "TokenNeeded",
      `${option}: others than this machine reach it, and no token lets them in`,
      [`make one first: ${Commands.makeToken(as)}`]
    )
  })

/** Nobody can listen there. */
export const unusable = (option: string, cause: unknown): CommandFailed =>
  refused("PortUnusable", `${option} cannot be listened on: ${why(cause)}`)

/** Where a server listens, as a URL without TLS. */
export const urlOf = (context: Context.Context<HttpServer.HttpServer>): string =>
  NetAddress.formatUrlUnsafe(Context.get(context, HttpServer.HttpServer).address)

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const inUrl = (host: string): string => host.includes(":") ? `[${host}]` : host
