/**
 * Looks, before new code is deployed, at what it would do to the runs of a
 * store.
 */
import * as Effect from "effect/Effect"
import type { RunRow, StorageFailed } from "./Backend.ts"
import type { Engine } from "./Engine.ts"
import * as Replay from "./Replay.ts"
import { Store } from "./Store.ts"

/** Which runs are replayed. */
export interface Options {
  /** How many finished runs are replayed too, the last started first. Default 100. */
  readonly finished?: number
  readonly workflow?: string
}

/** Which runs the code at hand fits, and which it breaks. */
export interface Report {
  /** Runs that were replayed or would have been, by how they stand. */
  readonly open: number
  readonly finished: number
  /** Runs that the code replays to where they are. */
  readonly fits: number
  readonly breaks: ReadonlyArray<Replay.Replayed>
  /** Their workflow, or that version of it, is not in this process, so this code does nothing to them. */
  readonly unserved: ReadonlyArray<Replay.Replayed>
  readonly unreadable: ReadonlyArray<Replay.Replayed>
}

/** Replays every open run and some finished ones against the code of this process. */
export const check = Effect.fn("Upgrade.check")(function*(
  options: Options = {}
): Effect.fn.Return<Report, StorageFailed, Engine | Store> {
  const { backend } = yield* Store
  const { finished = 100, workflow } = options
  const found: { [V in Exclude<Replay.Verdict, "fits">]: Array<Replay.Replayed> } = {
    breaks: [],
    unserved: [],
    unreadable: []
  }
  let fits = 0

  const replayAll = Effect.fnUntraced(function*(status: ReadonlyArray<string>, most: number) {
    let count = 0
    let before: RunRow | undefined
    while (count < most) {
      const limit = Math.min(pageSize, most - count)
      const rows = yield* backend.runs({ status, workflow, limit, before: before?.id })
      const replayed = yield* Effect.forEach(rows, (row) => Replay.ofRow(row), { concurrency: atOnce })
      for (const run of replayed) {
        if (run.verdict === "fits") fits++
        else found[run.verdict].push(run)
      }
      count += rows.length
      before = rows.at(-1)
      if (rows.length < limit) break
    }
    return count
  })

  const open = yield* replayAll(["queued", "running", "suspended"], Infinity)
  const over = yield* replayAll(["completed", "failed", "cancelled"], finished)
  return { open, finished: over, fits, ...found }
})

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const pageSize = 200
/** A run that breaks may keep its place for the whole grace. */
const atOnce = 50
