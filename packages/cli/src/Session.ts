/**
 * Gives a command its host. The engine is imported only here and only then, so
 * that help and mistakes on the command line answer at once.
 */
import * as Effect from "effect/Effect"
import { existsSync } from "node:fs"
import { type Globals, globals } from "./Globals.ts"
import type { Host, Options } from "./Host.ts"
import { note } from "./Output.ts"

/** Runs a command on an open host, and closes it after. */
export const withHost = <A, E, R>(
  options: Options,
  use: (host: Host, globals: Globals) => Effect.Effect<A, E, R>
) =>
  Effect.scoped(Effect.gen(function*() {
    const values = yield* globals
    if (options.absent !== undefined && values.dbFrom === "default" && !existsSync(values.db)) {
      return yield* values.json ? Effect.void : note(options.absent)
    }
    const { open } = yield* Effect.promise(() => import("./Host.ts"))
    return yield* use(yield* open(values, options), values)
  }))
