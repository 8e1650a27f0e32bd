/**
 * Runs are deleted in small transactions, with a pause behind each, so that
 * nobody who starts a run waits long for it.
 */
import * as Effect from "effect/Effect"
import type { Answers, Backend, RemoveOp, StorageFailed } from "../Backend.ts"

/** How many rows of runs and journals one operation deletes, at most. */
export const rowsAtOnce = 200

/** How many trees are deleted in one transaction, at most. */
export const treesAtOnce = 10

/** The clock that tells how long a transaction took, and waits. */
export interface Host {
  /** ms, by a clock that nobody sets. */
  readonly hostElapsed: () => number
  readonly hostSleep: (millis: number) => Effect.Effect<void>
}

/** Does a piece of work, and then leaves the store to others for three times as long as it took. */
export const paced = <A, E, R>(host: Host, work: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    const began = host.hostElapsed()
    return Effect.tap(work, () => {
      const took = host.hostElapsed() - began
      return took > 0 ? host.hostSleep(Math.min(3 * took, longestPauseMs)) : Effect.void
    })
  })

/** The operation that deletes the tree of a run; only where it had ended by then (ms since the epoch), when that is given. */
export const removal = (run: string, until?: number): RemoveOp => ({
  op: "remove",
  run,
  limit: rowsAtOnce,
  ...(until === undefined ? {} : { until })
})

/** Deletes trees. What came of each, in their order. */
export const removeAll = Effect.fnUntraced(function*(
  backend: Backend,
  host: Host,
  runs: ReadonlyArray<string>,
  /** Only those that had ended by then, ms since the epoch. */
  until?: number
): Effect.fn.Return<ReadonlyArray<Answers["remove"]>, StorageFailed> {
  const answers: Array<Answers["remove"]> = []
  for (let at = 0; at < runs.length; at += treesAtOnce) {
    const some: ReadonlyArray<RemoveOp> = runs.slice(at, at + treesAtOnce).map((run) => removal(run, until))
    for (const answer of yield* paced(host, backend.write(some))) answers.push(answer as Answers["remove"])
  }
  return answers
})

/** Does all that deleted runs have left to do. */
export const clearAll = Effect.fnUntraced(
  function*(backend: Backend, host: Host): Effect.fn.Return<void, StorageFailed> {
    if (!(yield* backend.uncleared)) return
    while (true) {
      const [{ left }] = yield* paced(host, backend.write([{ op: "clear", limit: rowsAtOnce }]))
      if (!left) return
    }
  }
)

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const longestPauseMs = 100
