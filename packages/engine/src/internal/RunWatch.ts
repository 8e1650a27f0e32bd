/**
 * Follows one run through the store: woken by the reader of the process when
 * something was committed about its tree, it looks at the run.
 */
import type * as JournalEntry from "@fermata/core/JournalEntry"
import { RunNotFound } from "@fermata/core/RunsErrors"
import { isFinal } from "@fermata/core/RunStatus"
import * as RunView from "@fermata/core/RunView"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Suspension from "@fermata/core/Suspension"
import type { EntryCorrupt } from "@fermata/core/Upcast"
import type { Wait } from "@fermata/core/Wait"
import * as Effect from "effect/Effect"
import type * as Latch from "effect/Latch"
import * as Stream from "effect/Stream"
import type { RunRow, StorageFailed } from "../Backend.ts"
import { Store } from "../Store.ts"
import type { EngineRuntime } from "./EngineRuntime.ts"
import { standOf } from "./RunStand.ts"

/** What a follower is given at a time: the entries of the run since the last time, and the view of the whole run. */
export interface Followed {
  readonly entries: ReadonlyArray<JournalEntry.JournalEntry>
  readonly view: RunView.RunView
}

/** The entries from `from` on, up to the first that cannot be read. */
export const readable = (
  store: Store["Service"],
  runId: string,
  from: number
): Effect.Effect<ReadonlyArray<JournalEntry.JournalEntry>, EntryCorrupt | StorageFailed> =>
  Effect.catchTag(store.journal(runId, from), "EntryCorrupt", ({ seq }) =>
    Store.make({
      ...store.backend,
      entries: (run, start, limit) => store.backend.entries(run, start, Math.max(0, Math.min(limit, seq - start)))
    }).journal(runId, from))

/** Fails, since the run was there and is not any more. */
export const deleted = (run: string): Effect.Effect<never, RunNotFound> =>
  Effect.fail(new RunNotFound({ run, closest: [], deleted: true }))

/** The view with the status of the row, when both are of the same moment. */
export const standing = (view: RunView.RunView, row: RunRow): RunView.RunView =>
  RunView.standing(view, { ...standOf(row), entries: row.length })

/** When a follower of an open run is done: never, or when it is at rest; `farMs` see there. */
export type Until = undefined | { readonly farMs: number }

export const follow = (
  runtime: EngineRuntime,
  store: Store["Service"],
  row: RunRow,
  until: Until
): Stream.Stream<Followed, EntryCorrupt | RunNotFound | StorageFailed> =>
  // What lets a run come to rest may be a write that adds nothing to it: its inbox is taken.
  Stream.unwrap(Effect.map(runtime.feed.listen({ root: row.root, anyWrite: until !== undefined }), ({ changed }) =>
    Stream.unfold(
      { view: RunView.empty(row.id), stands: "", done: false },
      (before) => before.done ? Effect.undefined : next(runtime, store, changed, row.id, until, before)
    )))

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

interface Position {
  readonly view: RunView.RunView
  /** Status and waits as last told. */
  readonly stands: string
  readonly done: boolean
}

const next = Effect.fnUntraced(function*(
  runtime: EngineRuntime,
  store: Store["Service"],
  changed: Latch.Latch,
  runId: string,
  until: Until,
  before: Position
) {
  while (true) {
    yield* runtime.waiters.whileOpen(changed)
    // Closed before the look, so that a change during the look is seen by the next.
    changed.closeUnsafe()
    const row = yield* store.backend.run(runId)
    if (row === null) return yield* deleted(runId)
    const seen = before.view.counts.entries
    const entries = row.length > seen ? yield* readable(store, runId, seen) : []
    // It may have been deleted while it was read.
    if (seen + entries.length < row.length && (yield* store.backend.run(runId)) === null) return yield* deleted(runId)
    const view = standing(RunView.foldAll(before.view, entries), row)
    const stands = StoredJson.textOf([view.status, view.waits])
    const done = isFinal(view.status) || (until !== undefined && (yield* atRest(runtime, store, row, until.farMs)))
    if (entries.length === 0 && stands === before.stands && !done) continue
    return [{ entries, view }, { view, stands, done }] as const
  }
})

/**
 * Whether the run goes on only by a person, a signal or an operator, and none of
 * them has acted yet. A time at which it goes on without them counts as never
 * when it is further away than this (ms).
 */
const atRest = (
  runtime: EngineRuntime,
  store: Store["Service"],
  row: RunRow,
  farMs: number
): Effect.Effect<boolean, StorageFailed> =>
  Effect.gen(function*() {
    const { reason, status, waits } = standOf(row)
    if (status !== "suspended") return false
    if (row.dueAt !== null && row.dueAt <= runtime.host.now()) return false
    // With these it takes nothing from its inbox.
    if (reason === "corrupt" || reason === "diverged") return row.owner === null
    if ((yield* store.backend.inbox(row.id)).length > 0) return false
    // Its owner may have taken what was there since the row was read.
    if ((yield* store.backend.run(row.id))?.length !== row.length) return false
    if (Suspension.waitsForPeople(waits)) return true
    const isFar = (wait: Wait): boolean => wait.until !== undefined && wait.until - runtime.host.now() > farMs
    const others = waits.filter((wait) => !Suspension.isForPeople(wait) && !isFar(wait))
    // Time alone is no rest, however far it is.
    if (others.length === 0) return waits.some((wait) => Suspension.isForPeople(wait) || wait.reason === "signal")
    for (const wait of others) {
      const child = wait.reason === "child" ? yield* store.backend.run(wait.key) : null
      if (child === null || !(yield* atRest(runtime, store, child, farMs))) return false
    }
    return true
  })
