/**
 * What the bodies of a run's steps wait for outside of their run.
 *
 * A run that is evicted drops these bodies without interrupting them, and they
 * must not go on: another pass begins them anew. So they hang on callbacks that
 * the run alone holds, and that are gone with it.
 */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"

export class OutsideWaits {
  private readonly fork: <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>
  private readonly waits = new Set<{ forget: () => void }>()

  constructor(fork: OutsideWaits["fork"]) {
    this.fork = fork
  }

  /** Waits in a fiber of the engine, as long as the run is held. */
  readonly until = <A, E>(happens: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.callback<A, E>((resume) => {
      let answer: ((exit: Exit.Exit<A, E>) => void) | undefined = resume
      const fiber = this.fork(happens)
      const wait = {
        forget: () => {
          answer = undefined
          this.waits.delete(wait)
          fiber.interruptUnsafe()
        }
      }
      this.waits.add(wait)
      fiber.addObserver((exit) => {
        this.waits.delete(wait)
        answer?.(exit)
      })
      return Effect.sync(wait.forget)
    })

  /** Forgets all bodies that wait. */
  drop(): void {
    for (const wait of this.waits) wait.forget()
  }
}
