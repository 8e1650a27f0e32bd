/** The MCP servers of a configuration: which of them answer. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Loaded } from "./Config.ts"
import type { Finding } from "./Finding.ts"
import * as Words from "./Words.ts"

/** For each server, whether it answers. One that is reached by secrets is not asked: only steps are told these. */
export const findings = (loaded: Loaded, db: string): Effect.Effect<ReadonlyArray<Finding>> => {
  const { mcp = {}, ...rest } = loaded.config
  if (Object.keys(mcp).length === 0) return Effect.succeed([])
  return Effect.gen(function*() {
    const [{ CurrentServers }, Surroundings] = yield* Effect.promise(() =>
      Promise.all([import("@fermata/agent/mcp/McpServers"), import("./internal/Surroundings.ts")])
    )
    const all = Effect.flatMap(CurrentServers, ({ check, find, names }) =>
      Effect.forEach(names, (name) => {
        const { optional = false, secrets, where } = find(name)!
        const what = `${name} (${where})`
        if (secrets.length > 0) {
          const message = `${what} is reached by ${Words.list(secrets)}, so that only a run can ask it`
          return Effect.succeed<Finding>({ name: "mcp", level: "info", message })
        }
        return Effect.map(Effect.exit(check(name)), (exit): Finding =>
          Exit.isSuccess(exit)
            ? { name: "mcp", level: "ok", message: `${what} answers, and has ${Words.count(exit.value, "tool")}` }
            : {
              name: "mcp",
              level: optional ? "info" : "problem",
              message: `${what} does not answer: ${messageOf(Cause.squash(exit.cause))}`
            })
      }, { concurrency: "unbounded" }))
    return yield* Effect.provide(all, Surroundings.layer({ ...loaded, config: { ...rest, mcp } }, db))
  }).pipe(
    Effect.catchCause((cause) =>
      Effect.succeed([{ name: "mcp", level: "problem" as const, message: messageOf(Cause.squash(cause)) }])
    )
  )
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const messageOf = (error: unknown): string => error instanceof Error ? error.message : String(error)
