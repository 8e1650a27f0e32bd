import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { type CommandFailed, fromUnknown } from "./CommandFailed.ts"

/** Whatever an effect fails with as the failure of a command. */
export const refine = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, CommandFailed, R> =>
  Effect.catchCause(
    effect,
    (cause) =>
      Cause.hasInterrupts(cause)
        ? Effect.failCause(cause as Cause.Cause<never>)
        : Effect.fail(fromUnknown(Cause.squash(cause)))
  )
