/**
 * Asks a server again that has too much to do (429), after the time that it
 * names. It has done nothing of what it has refused so, so that holds for
 * whatever was asked.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Headers from "effect/http/Headers"
import * as HttpClient from "effect/http/HttpClient"
import type { HttpClientError } from "effect/http/HttpClientError"
import type { HttpClientResponse } from "effect/http/HttpClientResponse"
import * as Predicate from "effect/Predicate"
import * as Random from "effect/Random"
import * as Problem from "../Problem.ts"

/** A client that asks again, at most so many times. */
export const times = (most: number): (client: HttpClient.HttpClient) => HttpClient.HttpClient =>
  HttpClient.transformResponse((call) => again(call, most, defaultWaitMs))

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

type Call = Effect.Effect<HttpClientResponse, HttpClientError>

/** A tenant that has as many runs as it may have, or a queue its tasks, is full until one has ended, which may take days. */
const full: ReadonlySet<unknown> = new Set([Problem.typeOf("QuotaReached"), Problem.typeOf("QueueFull")])

/** How long (ms) is waited where the server does not say, at first; twice as long each time. */
const defaultWaitMs = 1_000

/** A server that wants to be left alone for longer than this (ms) is not waited for. */
const longestWaitMs = 60_000

/** So much longer, at most, than was asked for is waited, so that those who were refused together do not come back together. */
const spread = 0.25

const again = (call: Call, left: number, waitMs: number): Call =>
  Effect.flatMap(call, (response) => {
    if (response.status !== 429 || left <= 0) return Effect.succeed(response)
    return Effect.gen(function*() {
      const wanted = waitOf(response.headers, yield* Clock.currentTimeMillis) ?? waitMs
      if (wanted > longestWaitMs) return response
      // Also so that what it says stands in the way of no connection.
      const said = yield* Effect.orElseSucceed(response.json, () => null)
      if (Predicate.hasProperty(said, "type") && full.has(said.type)) return response
      yield* Effect.sleep(wanted * (1 + spread * (yield* Random.next)))
      return yield* again(call, left - 1, waitMs * 2)
    })
  })

/** `Retry-After` in ms: seconds, or a date (RFC 9110, 10.2.3). */
const waitOf = (headers: Headers.Headers, now: number): number | undefined => {
  const text = headers["retry-after"]
  if (text === undefined) return undefined
  if (/^\d+$/.test(text)) return Number(text) * 1_000
  const at = Date.parse(text)
  return Number.isNaN(at) ? undefined : Math.max(0, at - now)
}
