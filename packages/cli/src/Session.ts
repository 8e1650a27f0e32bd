/**
 * Gives a command what it works with. The engine is imported only here and only
 * then, so that help and mistakes on the command line answer at once; and so is
 * the client of a server.
 */
import * as Effect from "effect/Effect"
import { existsSync } from "node:fs"
import { type Globals, globals } from "./Globals.ts"
import type { Host, Options } from "./Host.ts"
import type { Operator } from "./Operator.ts"
import { note } from "./Output.ts"

/** Runs a command on an open host, and closes it after. */
export const withHost = <A, E, R>(
  options: Options,
  use: (host: Host, globals: Globals) => Effect.Effect<A, E, R>
) =>
  Effect.scoped(Effect.flatMap(globals, (values) =>
    // Whoever comes here works on this machine alone, and has been refused before where a server is meant.
    values.server === undefined ? onHost(values, options, use) : Effect.die(new Error("no server is asked for this"))))

/** Runs a command where the runs are: on a host, opened so, or at a server. */
export const withOperator = <A, E, R>(
  options: Options,
  use: (operator: Operator, globals: Globals) => Effect.Effect<A, E, R>
) =>
  Effect.scoped(Effect.gen(function*() {
    const values = yield* globals
    if (values.server === undefined) return yield* onHost(values, options, use)
    const { open } = yield* Effect.promise(() => import("./remote/Remote.ts"))
    const opened = yield* open(values, values.server)
    return yield* use(opened.operator, opened.globals)
  }))

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const onHost = <A, E, R>(
  values: Globals,
  options: Options,
  use: (host: Host, globals: Globals) => Effect.Effect<A, E, R>
) =>
  Effect.gen(function*() {
    if (options.absent !== undefined && values.dbFrom === "default" && !existsSync(values.db)) {
      return yield* values.json ? Effect.void : note(options.absent)
    }
    const { open } = yield* Effect.promise(() => import("./Host.ts"))
    return yield* use(yield* open(values, options), values)
  })
