/**
 * A store that is full refuses every write and loses nothing. A write of the
 * engine that was refused waits here until somebody has freed space.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { StorageFailed } from "../../Backend.ts"

/** Whether the write failed because the store is full, so that nothing of it was stored. */
export const isStoreFull = (cause: Cause.Cause<unknown>): boolean => {
  const error = Cause.squash(cause)
  return error instanceof StorageFailed && error.noRoom === true
}

export class StorePressure {
  private readonly fork: <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>
  private readonly sleep: (millis: number) => Effect.Effect<void>
  private readonly concerns: () => boolean
  private isTold = false
  private isPoking = false

  /** `concerns`: whether runs of this process wait, and not only its caller. */
  constructor(fork: StorePressure["fork"], sleep: StorePressure["sleep"], concerns: () => boolean) {
    this.fork = fork
    this.sleep = sleep
    this.concerns = concerns
  }

  /** Waits a while, in which somebody may free space. Logs it once each time that the store becomes full. */
  readonly wait = (cause: Cause.Cause<unknown>): Effect.Effect<void> => {
    return Effect.suspend(() => {
      if (this.isTold || !this.concerns()) return this.sleep(lookMs)
      this.isTold = true
      return Effect.andThen(
        Effect.logError("runs wait until there is room, lose nothing, and then go on by themselves", cause),
        this.sleep(lookMs)
      )
    })
  }

  /** A write has succeeded: the store is not full any more. */
  relieved(): void {
    this.isTold = false
  }

  /** Calls this after the wait, however many ask for it meanwhile. */
  poke(cause: Cause.Cause<unknown>, act: () => void): void {
    if (this.isPoking) return
    this.isPoking = true
    this.fork(this.wait(cause)).addObserver(() => {
      this.isPoking = false
      act()
    })
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const lookMs = 1_000
