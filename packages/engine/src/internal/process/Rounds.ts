/**
 * When the main loop of a process goes round, and what it looks at then: one
 * round for every burst of pokes, and only what one of them named.
 */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"

/** What a round may look at; they are added up. */
export const Look = {
  /** Messages of runs and callers that have yet to be carried. */
  outbox: 1,
  /** Runs that are due, and when the next one will be. */
  due: 2,
  /** The inboxes of the runs that this process owns. */
  inbox: 4,
  all: 7
} as const

export class Rounds {
  private readonly latch = Latch.makeUnsafe(false)
  private pending = 0
  private working = false
  private ending = false

  /** Whether no round is going on or to come. */
  get idle(): boolean {
    return !this.working && this.pending === 0
  }

  /** Whether this process ends: it takes up nothing more. */
  get closed(): boolean {
    return this.ending
  }

  /** Something may have become due, or has arrived: the next round looks at this, by default at everything. */
  readonly poke = (what: number = Look.all): void => {
    if (this.ending) return
    this.pending |= what
    this.latch.openUnsafe()
  }

  /** From now on nothing is poked any more. */
  close(): void {
    this.ending = true
  }

  /** Goes round for ever. `round` is told what to look at. */
  run(round: (what: number) => Effect.Effect<void>): Effect.Effect<never> {
    return Effect.forever(Effect.suspend(() =>
      Effect.andThen(
        this.latch.await,
        Effect.suspend(() => {
          this.latch.closeUnsafe()
          const what = this.pending
          this.pending = 0
          this.working = true
          return Effect.ensuring(round(what), Effect.sync(() => void (this.working = false)))
        })
      )
    ))
  }
}
