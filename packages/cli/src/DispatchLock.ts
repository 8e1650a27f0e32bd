/**
 * Holds the one place in which a round of work is done at a time, in the store
 * that is worked on: `fermata run-once`. It is free again when its process ends,
 * and when that has died and its lease is over.
 */
import * as TimeText from "@fermata/core/TimeText"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { CommandFailed, exitCodes } from "./CommandFailed.ts"
import type { Host } from "./Host.ts"

/** Takes the place until the scope closes. Fails where another process has it; nothing was done then. */
export const hold = (host: Host): Effect.Effect<void, CommandFailed, Scope.Scope> => {
  const { backend } = host.store
  const take = (until: number) =>
    host.refine(
      backend.write([{ op: "bookmark", name, holder: host.engine.ownerId, now: host.now(), until }])
    )
  return Effect.gen(function*() {
    const [{ held, until }] = yield* take(host.now() + holdMs)
    if (!held) {
      return yield* new CommandFailed({
        exitCode: exitCodes.busy,
        code: "DispatchLocked",
        message: `another process does a round of work; nothing was done here, and it is free at ${
          TimeText.time(until)
        } at the latest, or when that process says that it goes on`
      })
    }
    yield* Effect.forkScoped(
      Effect.forever(
        Effect.andThen(host.sleep(holdMs / 3), Effect.ignore(Effect.suspend(() => take(host.now() + holdMs))))
      )
    )
    yield* Effect.addFinalizer(() => Effect.ignore(Effect.suspend(() => take(host.now()))))
  })
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const name = "dispatch"

/** How long (ms) the place is held without a sign of life. */
const holdMs = 30_000
