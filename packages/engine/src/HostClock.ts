/**
 * The clock of the host's own housekeeping: leases, heartbeats, polling, and
 * the eviction of parked runs.
 *
 * It is apart from the `Clock` that programs live by, so that a test can move
 * a run by 14 days in one step without a lease ending on the way.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

/** The clock of the host: leases, heartbeats and looks at the store go by it, and programs never do. */
export class HostClock extends Context.Service<HostClock, {
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** Milliseconds by a clock that nobody sets: for how long something took. */
  readonly elapsed: () => number
  /** Waits for this many milliseconds of host time. */
  readonly sleep: (millis: number) => Effect.Effect<void>
}>()("@fermata/engine/HostClock") {
  /** A host clock that moves only by `advance` and `jump`. `start` is in ms since the epoch. */
  static readonly makeManual = (start = 0): ManualHostClock => {
    let time = start
    let ahead = 0
    let sleepers: Array<{ due: number; readonly wake: () => void }> = []
    return {
      clock: {
        now: () => time,
        elapsed: () => time - ahead,
        sleep: (millis) =>
          Effect.callback((resume) => {
            const sleeper = { due: time + millis, wake: () => resume(Effect.void) }
            sleepers.push(sleeper)
            return Effect.sync(() => {
              sleepers = sleepers.filter((other) => other !== sleeper)
            })
          })
      },
      advance: (millis) =>
        Effect.gen(function*() {
          const end = time + millis
          while (true) {
            const next = sleepers.filter((sleeper) => sleeper.due <= end).sort((a, b) => a.due - b.due)[0]
            if (next === undefined) break
            time = Math.max(time, next.due)
            sleepers = sleepers.filter((other) => other !== next)
            next.wake()
            yield* Effect.yieldNow
          }
          time = end
          yield* Effect.yieldNow
        }),
      jump: (millis) => {
        time += millis
        ahead += millis
        for (const sleeper of sleepers) sleeper.due += millis
      }
    }
  }

  static readonly layerManual = (start?: number): Layer.Layer<HostClock> =>
    Layer.sync(HostClock, () => HostClock.makeManual(start).clock)
}

/** A host clock that stands still until somebody moves it. */
export interface ManualHostClock {
  readonly clock: HostClock["Service"]
  /** Lets this many ms pass, and wakes the sleepers that become due, in order. */
  readonly advance: (millis: number) => Effect.Effect<void>
  /** Sets the clock this many ms ahead, or back, as somebody sets the clock of a machine: no sleeper sleeps longer or shorter for it. */
  readonly jump: (millis: number) => void
}
