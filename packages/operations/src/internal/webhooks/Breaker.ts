/**
 * Whether anything is sent to an endpoint, and what an attempt says of that. A
 * pure state machine over what the row of the endpoint has:
 *
 * ```text
 *          10 failures in a row               the time has come
 *   ok ───────────────────────────▶ open ───────────────────────▶ half
 *   ▲                                ▲                              │
 *   │ delivered                      │ fails: twice as long, 1 h    │ one request
 *   └────────────────────────────────┴───────── at most ────────────┘ tries it
 * ```
 *
 * Times are ms since the epoch.
 */
import * as Schema from "effect/Schema"

/** How an endpoint stands, as its row has it. */
export const Health = Schema.Struct({
  state: Schema.Literals(["ok", "open", "half"]),
  /** Attempts that have failed in a row. */
  failures: Schema.Int,
  /** How often in a row it was opened. */
  opened: Schema.Int,
  /** While `open`, when it is tried again; while `half`, until when the one that tries it may take. */
  until: Schema.Finite,
  /** Somebody has paused it. */
  paused: Schema.Boolean,
  /** It has answered 410, and nothing more is sent there. */
  gone: Schema.Boolean,
  /** Deliveries for which its queue had no room. */
  dropped: Schema.Int
})
export interface Health extends Schema.Schema.Type<typeof Health> {}

/** Nothing is known against it. */
export const healthy: Health = {
  state: "ok",
  failures: 0,
  opened: 0,
  until: 0,
  paused: false,
  gone: false,
  dropped: 0
}

/** How many attempts in a row fail before nothing is sent for a while. */
export const mostFailures = 10

/** For how long (ms) nothing is sent: at first, doubled each time up to the second. */
export const pauses = { first: 60_000, most: 3_600_000 }

/** How long (ms) the one that tries an endpoint keeps others from it, unless it says how it went. */
export const trialMs = 90_000

/** Whether one may send now; with `next` the endpoint stands otherwise from here on. */
export const ask = (health: Health, now: number): { readonly may: boolean; readonly next?: Health } => {
  if (health.paused || health.gone) return { may: false }
  if (health.state === "ok") return { may: true }
  return now < health.until
    ? { may: false }
    : { may: true, next: { ...health, state: "half", until: now + trialMs } }
}

/** Until when nothing is to be taken up for the endpoint; null for from now on. */
export const heldUntil = ({ gone, paused, state, until }: Health): number | null =>
  paused || gone ? Infinity : state === "ok" ? null : until

/** What an attempt says of its endpoint: it was told, it could not be, or it has said that it is gone. */
export type Sign = "delivered" | "failed" | "gone"

/** How the endpoint stands after an attempt; the same object where nothing changes. */
export const after = (health: Health, sign: Sign, now: number): Health => {
  switch (sign) {
    case "delivered":
      return health.state === "ok" && health.failures === 0
        ? health
        : { ...health, state: "ok", failures: 0, opened: 0, until: 0 }
    case "gone":
      return { ...health, gone: true }
    case "failed": {
      const failures = health.failures + 1
      // What was on its way when it was opened says nothing new.
      if (health.state === "open") return { ...health, failures }
      if (health.state === "ok" && failures < mostFailures) return { ...health, failures }
      const pause = Math.min(pauses.first * 2 ** Math.min(health.opened, 30), pauses.most)
      return { ...health, state: "open", failures, opened: health.opened + 1, until: now + pause }
    }
  }
}

/** Somebody says that it is to be told again. */
export const resumed = (health: Health): Health => ({ ...healthy, dropped: health.dropped })
