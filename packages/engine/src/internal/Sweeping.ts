/** What a worker does again and again beside its runs: each time a bounded part, by the clock of the host. */
import * as Effect from "effect/Effect"

/** What sweeping needs of the process. */
export interface Sweeper {
  readonly hostSleep: (millis: number) => Effect.Effect<void>
  readonly closed: boolean
}

/** How often (ms, host time) a worker sweeps. */
export const beatMs = 10_000

/** One sweep after another until it is interrupted. One that fails is logged in these words, and the next one comes. */
export const run = <E>(host: Sweeper, sweep: Effect.Effect<void, E>, failed: string): Effect.Effect<never> => {
  const once = Effect.catchCause(sweep, (cause) => Effect.logWarning(failed, cause))
  return Effect.forever(Effect.andThen(host.hostSleep(beatMs), Effect.suspend(() => host.closed ? Effect.void : once)))
}
