/** What becomes of a delivery by what its receiver has answered, or by why there is no answer. Pure. */
import type { EgressFailed, EgressRefused } from "@fermata/engine/Egress"
import type { Sign } from "./Breaker.ts"

/** What came of one request. */
export type Outcome =
  | { readonly _tag: "Answered"; readonly status: number; readonly retryAfter?: string | undefined }
  | { readonly _tag: "Failed"; readonly error: EgressFailed }
  | { readonly _tag: "Refused"; readonly error: EgressRefused }
  /** It could not be made, since a secret of it is not there. */
  | { readonly _tag: "Unsigned"; readonly problem: string }

/** What is done: it has arrived; it is sent again, not before `retryAfterMs`; or it is dead. `sign` is what that says of the endpoint. */
export interface Verdict {
  readonly do: "done" | "again" | "dead"
  readonly sign?: Sign
  readonly retryAfterMs?: number
  /** For programs. */
  readonly code: string
  /** A sentence for people; empty where it has arrived. */
  readonly problem: string
}

/** The longest (ms) that a receiver may ask to be left alone: 24 h. */
export const longestRetryAfterMs = 86_400_000

/** The table: 2xx arrives, 410 ends it, 3xx, 408, 425, 429, 5xx and no answer are tried again, every other 4xx is dead. `now` is in ms since the epoch. */
export const of = (outcome: Outcome, now: number): Verdict => {
  switch (outcome._tag) {
    case "Failed": {
      const { error } = outcome
      return {
        do: "again",
        sign: "failed",
        code: error.reason === "timeout" ? "timeout" : error.code ?? "network",
        problem: error.message
      }
    }
    case "Refused":
      return { do: "dead", code: "egress", problem: outcome.error.message }
    case "Unsigned":
      return { do: "again", code: "secret", problem: outcome.problem }
    case "Answered": {
      const { status } = outcome
      const code = `http-${status}`
      const said = `the receiver has answered ${status}`
      if (status >= 200 && status < 300) return { do: "done", sign: "delivered", code, problem: "" }
      if (status === 410) {
        return { do: "dead", sign: "gone", code, problem: `${said}: it is gone, and is told of nothing more` }
      }
      if (status >= 400 && status < 500 && !triedAgain.has(status)) {
        return { do: "dead", code, problem: `${said}, which another attempt would not change` }
      }
      const retryAfterMs = outcome.retryAfter === undefined ? undefined : millisOf(outcome.retryAfter, now)
      return {
        do: "again",
        sign: "failed",
        code,
        problem: status >= 300 && status < 400 ? `${said}, and redirects are not followed` : said,
        ...(retryAfterMs === undefined ? {} : { retryAfterMs })
      }
    }
  }
}

/** When a delivery that has failed so often is tried next, in ms from now; undefined where it was the last time. */
export const delayOf = (
  retryMs: ReadonlyArray<number>,
  failures: number,
  retryAfterMs: number = 0
): number | undefined => {
  const delay = retryMs[failures]
  return delay === undefined ? undefined : Math.max(delay, retryAfterMs)
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** Of those that say that the request is at fault, these say that it was the wrong moment. */
const triedAgain: ReadonlySet<number> = new Set([408, 425, 429])

/** `Retry-After` in ms from now: seconds, or a date; undefined where it is neither. */
const millisOf = (text: string, now: number): number | undefined => {
  const trimmed = text.trim()
  const millis = /^\d{1,9}$/.test(trimmed)
    ? Number(trimmed) * 1000
    : /^[A-Za-z]{3}, \d{2} [A-Za-z]{3} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(trimmed)
    ? Date.parse(trimmed) - now
    : Number.NaN
  return Number.isNaN(millis) ? undefined : Math.min(Math.max(0, millis), longestRetryAfterMs)
}
