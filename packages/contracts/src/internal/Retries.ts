/** When a failed attempt of a step is made again, as the `retry` of its document says. */
import type * as Step from "@fermata/engine/Step"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import type * as Parts from "../ContractParts.ts"
import { StepFailure } from "../StepFailure.ts"

/** The pause (ms) after this attempt. */
export const pauseAfter = (retry: Parts.Retry, attempt: number): Effect.Effect<number> => {
  const millis = pauseMillis(retry, attempt)
  return retry.jitter === true
    ? Effect.map(Random.next, (random) => Math.round(millis * (0.8 + 0.4 * random)))
    : Effect.succeed(millis)
}

/** Attempts up to `maxAttempts`, as long as the failure may pass. */
export const scheduleOf = (
  retry: Parts.Retry,
  maxAttempts: number
): Schedule.Schedule<number, StepFailure | Step.StepTimedOut> =>
  Schedule.recurs(maxAttempts - 1).pipe(
    Schedule.setInputType<StepFailure | Step.StepTimedOut>(),
    Schedule.while(({ input }) => !(input instanceof StepFailure) || input.retryable),
    Schedule.modifyDelay(({ attempt, input }) =>
      input instanceof StepFailure && input.retryAfterMs !== undefined
        ? Effect.succeed(Duration.millis(input.retryAfterMs))
        : Effect.map(pauseAfter(retry, attempt), Duration.millis)
    )
  )

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** The pause (ms) after this attempt, before it is varied. */
const pauseMillis = (retry: Parts.Retry, attempt: number): number =>
  Math.min(retry.maxMs, retry.initialMs * retry.factor ** (attempt - 1))
