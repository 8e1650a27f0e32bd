/**
 * Drops events that nobody may ask for any more. Each worker does a bounded
 * part of it again and again, and writes only where something is old enough.
 */
import * as Effect from "effect/Effect"
import type { Backend, StorageFailed } from "../Backend.ts"
import type { EngineOptions } from "../EngineOptions.ts"
import * as Sweeping from "./Sweeping.ts"

interface Host extends Sweeping.Sweeper {
  readonly backend: Backend
  readonly options: Pick<EngineOptions, "keepEventsMs" | "keepUnaskedEventsMs">
  /** ms since the epoch, by the clock that programs live by. */
  readonly now: () => number
}

/** How many names one beat looks at, and how many events it drops, at most. */
export const most = { names: 100, events: 1_000 }

/** The sweeps of a worker, one after another, until it is interrupted. */
export const run = (host: Host): Effect.Effect<never> =>
  Sweeping.run(host, make(host), "old events could not be dropped")

/** The effect is one beat. */
export const make = (
  { backend, now, options }: Pick<Host, "backend" | "now" | "options">
): Effect.Effect<void, StorageFailed> => {
  let after = ""
  return Effect.gen(function*() {
    const oldest = yield* backend.oldestEvent
    const keptUntil = now() - options.keepEventsMs
    const unaskedUntil = now() - options.keepUnaskedEventsMs
    if (oldest === null || oldest > Math.max(keptUntil, unaskedUntil)) return
    const [answer] = yield* backend.write([
      { op: "sweep", keptUntil, unaskedUntil, after, names: most.names, limit: most.events }
    ])
    after = answer.next ?? ""
  })
}
