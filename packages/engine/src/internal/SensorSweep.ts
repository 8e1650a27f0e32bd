/**
 * Drops what came in from outside and is old. Each worker does a bounded part of
 * it again and again, and writes only where something is old enough.
 */
import * as Effect from "effect/Effect"
import type { Backend, StorageFailed } from "../Backend.ts"
import type { EngineOptions } from "../EngineOptions.ts"
import * as Sweeping from "./Sweeping.ts"

interface Host extends Sweeping.Sweeper {
  readonly backend: Backend
  readonly options: Pick<EngineOptions, "keepSensorEventsMs">
  /** ms since the epoch, by the clock that programs live by. */
  readonly now: () => number
}

/** How many rows one beat drops, at most. */
export const most = 500

/** The sweeps of a worker, one after another, until it is interrupted. */
export const run = (host: Host): Effect.Effect<never> =>
  Sweeping.run(host, make(host), "what came in long ago could not be dropped")

/** The effect is one beat. */
export const make = (
  { backend, now, options }: Pick<Host, "backend" | "now" | "options">
): Effect.Effect<void, StorageFailed> =>
  Effect.gen(function*() {
    const oldest = yield* backend.oldestSensor
    const until = now() - options.keepSensorEventsMs
    if (oldest === null || oldest > until) return
    yield* backend.write([{ op: "sweepSensors", until, limit: most }])
  })
