/**
 * Deletes tasks that ended long ago, with their attempts. Each worker does a
 * bounded part of it again and again, and writes only where something is old enough.
 */
import * as Effect from "effect/Effect"
import type { Backend, StorageFailed } from "../Backend.ts"
import type { EngineOptions } from "../EngineOptions.ts"
import * as Sweeping from "./Sweeping.ts"

interface Host extends Sweeping.Sweeper {
  readonly backend: Backend
  readonly options: Pick<EngineOptions, "keepTasksMs">
  /** ms since the epoch, by the clock that programs live by. */
  readonly now: () => number
}

/** How many tasks one beat deletes at most. */
export const most = 1_000

/** The sweeps of a worker, one after another, until it is interrupted. */
export const run = (host: Host): Effect.Effect<never> =>
  Sweeping.run(host, make(host), "old tasks could not be deleted")

/** The effect is one beat. */
export const make = (
  { backend, now, options }: Pick<Host, "backend" | "now" | "options">
): Effect.Effect<void, StorageFailed> =>
  Effect.gen(function*() {
    const oldest = yield* backend.oldestEndedTask
    const before = now() - options.keepTasksMs
    if (oldest !== null && oldest < before) yield* backend.write([{ op: "sweepTasks", before, limit: most }])
  })
