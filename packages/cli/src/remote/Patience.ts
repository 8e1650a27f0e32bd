/** How long a server that is away is waited for, and what is told of that. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { CommandFailed } from "../CommandFailed.ts"
import { err, noteNow } from "../Output.ts"
import type { ServerPlace } from "../ServerPlace.ts"
import { unreachableCode } from "./ServerFailure.ts"

/** Waiting for a server, from when it is lost until it is heard of again. */
export interface Patience {
  /** Pauses before another try; false once it was away for too long. */
  readonly pause: Effect.Effect<boolean>
  /** It has answered. */
  readonly heard: Effect.Effect<void>
}

export const make = ({ url }: ServerPlace): Patience => {
  let lostAt: number | undefined
  let pauseMs = firstPauseMs
  let isTold = false
  return {
    pause: Effect.gen(function*() {
      const now = yield* Clock.currentTimeMillis
      lostAt ??= now
      if (now - lostAt > patienceMs) return false
      if (!isTold && pauseMs > firstPauseMs) {
        isTold = true
        noteNow(err.dim(`  … the server at ${url} does not answer; trying again`))
      }
      yield* Effect.sleep(pauseMs)
      pauseMs = Math.min(mostPauseMs, pauseMs * 2)
      return true
    }),
    heard: Effect.sync(() => {
      if (isTold) noteNow(err.dim(`  … it answers again`))
      isTold = false
      lostAt = undefined
      pauseMs = firstPauseMs
    })
  }
}

/** Tries again what only looks, as long as the server is waited for. */
export const look = <A, R>(
  place: ServerPlace,
  effect: Effect.Effect<A, CommandFailed, R>
): Effect.Effect<A, CommandFailed, R> =>
  Effect.suspend(() => {
    const { heard, pause } = make(place)
    const attempt: Effect.Effect<A, CommandFailed, R> = Effect.catchIf(
      effect,
      ({ code }) => code === unreachableCode,
      (failure) => Effect.flatMap(pause, (again) => again ? attempt : Effect.fail(failure))
    )
    return Effect.tap(attempt, () => heard)
  })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** So long (ms) a server may be away before it is given up. */
const patienceMs = 120_000
const firstPauseMs = 100
const mostPauseMs = 2_000
