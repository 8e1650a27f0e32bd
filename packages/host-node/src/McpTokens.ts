/** Where a process keeps what MCP servers have given it (`McpOAuth` of `@fermata/agent`), and how a person at its machine logs in. */
import * as StoredJson from "@fermata/core/StoredJson"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { createHash, randomUUID } from "node:crypto"
import { mkdir, readFile, rename, unlink, writeFile } from "node:fs/promises"
import type { Server } from "node:http"
import { join } from "node:path"

/** What is kept of each server, a text that is a secret; a text that is undefined is deleted. */
export interface Tokens {
  readonly load: (server: string) => Effect.Effect<string | undefined, unknown>
  readonly save: (server: string, text: string | undefined) => Effect.Effect<void, unknown>
}

/**
 * A folder that nobody but its owner may look into (mode 700), with a file for each
 * server (mode 600), which is written whole or not at all. Several processes may
 * share it: what one saves of a server touches nothing that another saves of a second.
 */
export const folder = (path: string): Tokens => {
  const fileOf = (server: string) => join(path, `${createHash("sha256").update(server).digest("hex")}.json`)
  return {
    load: (server) =>
      Effect.flatMap(
        Effect.tryPromise(() => readFile(fileOf(server), "utf8").catch(nothing)),
        (text) =>
          text === undefined ? Effect.undefined : Option.match(read(text), {
            onNone: () => Effect.fail(new Error(`${fileOf(server)} is no file of tokens: delete it, and log in again`)),
            onSome: (kept) => Effect.succeed(kept.text)
          })
      ),
    save: (server, text) =>
      Effect.tryPromise(async () => {
        if (text === undefined) return unlink(fileOf(server)).catch(nothing)
        const beside = `${fileOf(server)}.${randomUUID()}`
        await mkdir(path, { recursive: true, mode: 0o700 })
        await writeFile(beside, StoredJson.textOf({ server, text }), { mode: 0o600, flush: true })
        return rename(beside, fileOf(server))
      })
  }
}

/**
 * Has a person agree in a browser of this machine, for `McpOAuth.logIn`: `show` is
 * given the address that they open, and their browser comes back to `redirectUrl`,
 * where this process listens until then.
 */
export const browser = <E, R>(
  { redirectUrl }: { readonly redirectUrl: string },
  show: (address: URL) => Effect.Effect<void, E, R>
) =>
(address: URL): Effect.Effect<URL, E | Error, R> =>
  Effect.scoped(Effect.gen(function*() {
    const { hostname, origin, pathname, port } = new URL(redirectUrl)
    const came = Promise.withResolvers<URL>()
    // Named in an import it has Node load its client too, which no process wants that nobody logs in by.
    const { createServer } = yield* Effect.promise(() => import("node:http"))
    yield* Effect.acquireRelease(
      Effect.callback<Server, Error>((resume) => {
        const http = createServer((request, response) => {
          const back = new URL(request.url ?? "/", origin)
          if (back.pathname !== pathname) return void response.writeHead(404).end()
          response.writeHead(200, { "content-type": "text/plain" }).end("You may close this page.")
          came.resolve(back)
        })
        http.once(
          "error",
          ({ message }) => resume(Effect.fail(new Error(`nobody can come back to ${redirectUrl}: ${message}`)))
        )
        http.listen(Number(port || 80), hostname, () => resume(Effect.succeed(http)))
      }),
      (http) =>
        Effect.callback<void>((resume) => {
          http.close(() => resume(Effect.void))
          http.closeAllConnections()
        })
    )
    yield* show(address)
    return yield* Effect.promise(() => came.promise)
  }))

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const read = Schema.decodeUnknownOption(
  Schema.fromJsonString(Schema.Struct({ server: Schema.String, text: Schema.String }))
)

const nothing = (error: NodeJS.ErrnoException): undefined => {
  if (error.code !== "ENOENT") throw error
}
