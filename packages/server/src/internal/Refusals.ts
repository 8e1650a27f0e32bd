/**
 * Requests that are refused for who sends them, or for want of room, are counted,
 * and one of them a minute is told to the log: they have done nothing, so they are
 * no matter of the audit, and whoever sends many fills nothing by it.
 */
import type { Forbidden, TooManyRequests, Unauthorized } from "@fermata/api/ApiErrors"
import type { HostClock } from "@fermata/engine/HostClock"
import * as Effect from "effect/Effect"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as ProblemResponse from "./ProblemResponse.ts"

/** Counts a refusal, and tells how many there have been since it last told of one. */
export type Count = (
  request: HttpServerRequest,
  refusal: Forbidden | TooManyRequests | Unauthorized
) => Effect.Effect<void>

/** Counts the refusals of one kind, of one server. */
export const make = (clock: HostClock["Service"]): Count => {
  let untold = 0
  let next = Number.NEGATIVE_INFINITY
  return (request, refusal) =>
    Effect.suspend(() => {
      untold++
      const now = clock.now()
      if (now < next) return Effect.void
      next = now + everyMs
      const count = untold
      untold = 0
      const what = `${request.method} ${ProblemResponse.pathOf(request).slice(0, longest)}`
      return Effect.logWarning(
        count === 1
          ? `a request was refused, ${what}: ${refusal.message}`
          : `${count} requests were refused in the last while, the last of them ${what}: ${refusal.message}`
      )
    })
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** ms between two that are told. */
const everyMs = 60_000

/** How much of a path is told. */
const longest = 200
