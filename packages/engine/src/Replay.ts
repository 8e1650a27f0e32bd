/**
 * Replays runs against the code of this process without going on with them: no
 * step body, probe or message happens, and nothing is written.
 */
import type { RunStatus } from "@fermata/core/RunStatus"
import * as Effect from "effect/Effect"
import type { RunRow, StorageFailed } from "./Backend.ts"
import type { Engine } from "./Engine.ts"
import * as CurrentRuntime from "./internal/CurrentRuntime.ts"
import { type Difference, replay } from "./internal/RunReplay.ts"
import { type FindError, Runs } from "./Runs.ts"
import { Store } from "./Store.ts"

export type { Difference } from "./internal/RunReplay.ts"

/**
 * `fits`: the code replays the whole journal. `breaks`: taken up under this
 * code, the run would suspend as `diverged`. `unserved`: this process does not
 * have the workflow in that version. `unreadable`: the journal is damaged, or
 * of a newer format.
 */
export type Verdict = "fits" | "breaks" | "unserved" | "unreadable"

/** What a replay of one run found. */
export interface Replayed {
  readonly runId: string
  readonly workflow: string
  readonly version: string
  readonly status: RunStatus
  readonly verdict: Verdict
  /** Entries of the journal. */
  readonly entries: number
  /** Why it breaks or cannot be read. */
  readonly difference?: Difference
}

/** Replays the run of this id, or of this beginning of one. */
export const run = Effect.fn("Replay.run")(function*(
  id: string
): Effect.fn.Return<Replayed, FindError, Runs | Engine | Store> {
  const found = yield* (yield* Runs).find(id)
  const row = yield* (yield* Store).backend.run(found.id)
  return yield* ofRow(row!)
})

/** Replays the run of this row. */
export const ofRow = Effect.fnUntraced(function*(
  row: RunRow
): Effect.fn.Return<Replayed, StorageFailed, Engine | Store> {
  const runtime = yield* CurrentRuntime.current
  const store = yield* Store
  const told = (verdict: Verdict, entries: number, difference?: Difference): Replayed => ({
    runId: row.id,
    workflow: row.workflow,
    version: row.version,
    status: row.status as RunStatus,
    verdict,
    entries,
    ...(difference === undefined ? {} : { difference })
  })
  const registration = yield* runtime.loading.registrationOf(row)
  if (registration === undefined) return told("unserved", row.length)
  return yield* Effect.matchEffect(store.journal(row.id), {
    onFailure: (error) =>
      error._tag === "EntryCorrupt"
        ? Effect.succeed(
          told("unreadable", row.length, { key: `entry ${error.seq}`, detail: error.message, at: error.seq })
        )
        : Effect.fail(error),
    onSuccess: (journal) =>
      Effect.map(
        replay(runtime, registration, row, journal),
        (difference) => told(difference === undefined ? "fits" : "breaks", journal.length, difference)
      )
  })
})
