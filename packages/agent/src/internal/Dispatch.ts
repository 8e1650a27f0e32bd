/**
 * The calls of one answer: those that are safe side by side, each other one
 * alone, and the results in the order of the calls.
 */
import * as Effect from "effect/Effect"

/** Makes the calls. `isSafe` says which may run beside others that are safe, at most `concurrency` at once. */
export const each = <Call, Result, E, R>(
  calls: ReadonlyArray<Call>,
  isSafe: (call: Call) => boolean,
  concurrency: number,
  make: (call: Call) => Effect.Effect<Result, E, R>
): Effect.Effect<ReadonlyArray<Result>, E, R> =>
  Effect.gen(function*() {
    const results: Array<Result> = []
    for (const batch of batches(calls, isSafe)) {
      results.push(...yield* Effect.forEach(batch, make, { concurrency }))
    }
    return results
  })

/** The calls in batches that follow each other: neighbours that are safe together, all others by themselves. */
export const batches = <Call>(
  calls: ReadonlyArray<Call>,
  isSafe: (call: Call) => boolean
): ReadonlyArray<ReadonlyArray<Call>> => {
  const found: Array<Array<Call>> = []
  let open = false
  for (const call of calls) {
    const safe = isSafe(call)
    if (safe && open) found.at(-1)!.push(call)
    else found.push([call])
    open = safe
  }
  return found
}
