/**
 * Errors of `node:sqlite` by their code, and waiting for a locked database
 * without blocking the event loop.
 */
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"

/** How long to wait for another connection when nothing else is said. */
export const defaultPatience: Duration.Input = "30 seconds"

/** SQLite's extended result code, if it was SQLite that failed. */
export const codeOf = (cause: unknown): number | undefined =>
  cause instanceof Error && "errcode" in cause && typeof cause.errcode === "number" ? cause.errcode : undefined

/**
 * Whether another connection has the database locked, so that the same
 * statement may succeed later. A transaction whose snapshot is too old to be
 * written from is not: only the whole transaction can be tried again.
 */
export const isBusy = (cause: unknown): boolean => {
  const code = codeOf(cause)
  return code !== undefined && (code & 0xff) === busy && code !== staleSnapshot
}

/** What went wrong, for people. */
export const problemOf = (cause: unknown): string => {
  const code = codeOf(cause)
  return (code === undefined ? undefined : problems[code & 0xff])
    ?? (cause instanceof Error ? cause.message : String(cause))
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
  Effect.catchIf(attempt, isLocked, () =>
    Effect.retry(attempt, { schedule: Schedule.upTo(backoff, { duration: patience }), while: isLocked }).pipe(
      // The clock and the randomness of the process, not those of the workflow that caused the statement.
      Effect.provideService(Clock.Clock, Clock.Clock.defaultValue()),
      Effect.provideService(Random.Random, Random.Random.defaultValue())
    ))

// ---------------------------------------------------------------------------
// internal
// ---------------------------------------------------------------------------

const busy = 5
const staleSnapshot = 517

const backoff = Schedule.min([Schedule.exponential("1 millis", 1.5), Schedule.spaced("50 millis")]).pipe(
  Schedule.jittered
)

/** By SQLite's primary result code. */
const problems: Readonly<Record<number, string>> = {
  5: "another process keeps the database locked",
  6: "the database is locked",
  8: "the database is read-only",
  10: "the disk failed to read or write",
  11: "the database is damaged",
  13: "the disk is full",
  14: "the database cannot be opened",
  26: "the file is not a SQLite database"
}
