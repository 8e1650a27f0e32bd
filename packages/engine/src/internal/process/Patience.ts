/**
 * A request of a step's body to the store is repeated until the store answers.
 *
 * The body must not see the store's failure: that would become the outcome of its
 * step, which is recorded and never tried again. A caller outside of a run gets
 * the failure.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { StorageFailed } from "../../Backend.ts"
import { CurrentRun } from "../run/RunPort.ts"
import { isStoreFull } from "./StorePressure.ts"

/** ms until a store that has failed is asked again. */
export const answerMs = 1_000

export class Patience {
  private readonly awaitSpace: (cause: Cause.Cause<unknown>) => Effect.Effect<void>
  private readonly sleep: (millis: number) => Effect.Effect<void>
  private readonly goesOn: () => boolean

  /** `goesOn`: whether this process does. */
  constructor(awaitSpace: Patience["awaitSpace"], sleep: Patience["sleep"], goesOn: () => boolean) {
    this.awaitSpace = awaitSpace
    this.sleep = sleep
    this.goesOn = goesOn
  }

  /** Repeats the request in the body of a step, as long as this process owns its run; any other caller gets the failure. */
  readonly persist = <A, E>(asked: Effect.Effect<A, E | StorageFailed>): Effect.Effect<A, E | StorageFailed> =>
    Effect.flatMap(
      CurrentRun,
      (place): Effect.Effect<A, E | StorageFailed> =>
        place?.step === undefined ? asked : this.insist(asked, () => !place.run.stopped)
    )

  /** Repeats the request until the store answers, and never ends once `isWanted` is false. The request must be idempotent. */
  readonly insist = <A, E>(
    asked: Effect.Effect<A, E | StorageFailed>,
    isWanted: () => boolean = this.goesOn
  ): Effect.Effect<A, Exclude<E, StorageFailed>> => {
    const ask = (isTold: boolean): Effect.Effect<A, Exclude<E, StorageFailed>> =>
      Effect.catch(asked, (error) => {
        if (!(error instanceof StorageFailed)) return Effect.fail(error as Exclude<E, StorageFailed>)
        if (!isWanted()) return Effect.never
        const cause = Cause.fail(error)
        if (isStoreFull(cause)) return Effect.andThen(this.awaitSpace(cause), ask(isTold))
        const later = Effect.andThen(this.sleep(answerMs), ask(true))
        return isTold
          ? later
          : Effect.andThen(Effect.logWarning("what a step asked of the store failed, and is tried again", cause), later)
      })
    return ask(false)
  }
}
