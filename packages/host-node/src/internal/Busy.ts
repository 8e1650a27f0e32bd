/**
 * Waiting for a locked database without blocking the event loop.
 */
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import { codeOf } from "./Problems.ts"

/** How long to wait for another connection when nothing else is said. */
export const defaultPatience: Duration.Input = "30 seconds"

/**
 * Whether another connection has the database locked, so that the same
 * statement may succeed later. A transaction whose snapshot is too old to be
 * written from is not: only the whole transaction can be tried again.
 */
export const isBusy = (cause: unknown): boolean => {
  const code = codeOf(cause)
  return code !== undefined && (code & 0xff) === busy && code !== staleSnapshot
}

/**
 * Repeats an attempt with jitter while it finds the database locked, until
 * patience ends; then fails as the last attempt did. Without a lock nothing is
 * waited for, and what is synchronous stays so.
 */
export const patiently = <A, E, R>(
  attempt: Effect.Effect<A, E, R>,
  isLocked: (error: E) => boolean,
  patience: Duration.Input
): Effect.Effect<A, E, R> =>
  Effect.catchIf(
    attempt,
    isLocked,
    () =>
      Effect.retry(attempt, { schedule: Schedule.upTo(backoff, { duration: patience }), while: isLocked }).pipe(
        // The clock and the randomness of the process, not those of the workflow that caused the statement.
        Effect.provideService(Clock.Clock, steadyClock),
        Effect.provideService(Random.Random, Random.Random.defaultValue())
      )
  )

// ---------------------------------------------------------------------------
// internal
// ---------------------------------------------------------------------------

/** Patience ends by the time that has passed, whatever the machine's clock is set to meanwhile. */
const steadyClock: Clock.Clock = (() => {
  const clock = Clock.Clock.defaultValue()
  const nanos = () => clock.monotonicTimeNanosUnsafe()
  const millis = () => Number(nanos() / 1_000_000n)
  return {
    currentTimeMillisUnsafe: millis,
    currentTimeMillis: Effect.sync(millis),
    currentTimeNanosUnsafe: nanos,
    currentTimeNanos: Effect.sync(nanos),
    monotonicTimeNanosUnsafe: nanos,
    monotonicTimeNanos: Effect.sync(nanos),
    sleep: (duration) => clock.sleep(duration)
  }
})()

const busy = 5
const staleSnapshot = 517

const backoff = Schedule.min([Schedule.exponential("1 millis", 1.5), Schedule.spaced("50 millis")]).pipe(
  Schedule.jittered
)
