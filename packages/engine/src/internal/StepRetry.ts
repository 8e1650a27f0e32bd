/** When a failed attempt of a step is followed by another. */
import * as ExitJson from "@fermata/core/ExitJson"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Predicate from "effect/Predicate"
import * as Schedule from "effect/Schedule"
import type { StepDefinition } from "./run/Ask.ts"

/** Whether a cause, as JSON, is a defect of this name. */
export const diedOf = (cause: unknown, name: string): boolean =>
  ExitJson.causeFromJson(cause).reasons.some((reason) =>
    reason._tag === "Die" && Predicate.hasProperty(reason.defect, "name") && reason.defect.name === name
  )

/** The stateful form of a schedule that the executor steps through: from failures to delays in ms. */
export const policy = (
  schedule: Schedule.Schedule<unknown, never>,
  decodeError: (json: unknown) => Exit.Exit<unknown, unknown>,
  timedOut: () => unknown
): StepDefinition["retry"] =>
() => {
  let step: Effect.Success<ReturnType<typeof Schedule.toStep<unknown, unknown, never, never>>> | undefined
  return (now, cause) =>
    Effect.gen(function*() {
      const error = retryable(cause, decodeError, timedOut)
      if (error === undefined) return undefined
      step ??= yield* Schedule.toStep(schedule as Schedule.Schedule<unknown, unknown>)
      const [, delay] = yield* step(now, error.value)
      return Math.ceil(Duration.toMillis(delay))
    }).pipe(Effect.catchCause(() => Effect.succeed(undefined)))
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const retryable = (
  json: unknown,
  decodeError: (json: unknown) => Exit.Exit<unknown, unknown>,
  timedOut: () => unknown
): { readonly value: unknown } | undefined => {
  for (const reason of ExitJson.causeFromJson(json).reasons) {
    if (reason._tag === "Fail") {
      const error = decodeError(reason.error)
      return Exit.isSuccess(error) ? { value: error.value } : undefined
    }
  }
  return diedOf(json, "StepTimedOut") ? { value: timedOut() } : undefined
}
