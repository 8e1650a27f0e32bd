/** Records of a run, as the schemas of its code read them. */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import type { Place } from "./run/RunPort.ts"

/**
 * While a run is replayed, a record that its schema does not read any more is
 * where the code and the journal part; live, it is a defect of the code.
 */
export const check = (place: Place, key: string, what: string, reading: Effect.Effect<unknown, unknown, unknown>) =>
  Effect.contextWith((context: Context.Context<never>) => {
    if (!place.run.replaying) return Effect.void
    // Apart from the body, whose operations are as many on every pass.
    const exit = Effect.runSyncExitWith(context)(reading as Effect.Effect<unknown, unknown>)
    return Exit.isSuccess(exit)
      ? Effect.void
      : place.run.steps.unreadable(key, Cause.pretty(exit.cause).split("\n")[0]!, what)
  })

/** As `effect/workflow` reads what an engine hands over. */
export const read = (schema: Schema.Top, exit: Exit.Exit<unknown, unknown>): Effect.Effect<unknown, unknown, unknown> =>
  Schema.decodeUnknownEffect(schema)(Exit.map(exit, (value) => value ?? null))
