/**
 * Drops what steps have said once the journal says how they ended, or the run
 * has ended, or the step was requested again.
 *
 * The process that wrote it does so when it has committed that. What a crash
 * left behind is found by the workers, which look at all that there is again
 * and again.
 */
import type * as JournalEntry from "@fermata/core/JournalEntry"
import { isFinal, type RunStatus } from "@fermata/core/RunStatus"
import type { EntryCorrupt } from "@fermata/core/Upcast"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import type { StorageFailed } from "./Backend.ts"
import { Chunks } from "./Chunks.ts"
import { Engine } from "./Engine.ts"
import { EngineOptions } from "./EngineOptions.ts"
import { HostClock } from "./HostClock.ts"
import { Store } from "./Store.ts"

/** How often (ms, host time) a worker sweeps. */
export const beatMs = 10_000

/** How many runs one beat looks at, at most. */
export const mostRuns = 100

/** Drops the streams of the run that nobody needs any more. */
export const settle = (
  chunks: Chunks["Service"],
  store: Store["Service"],
  run: string
): Effect.Effect<void, EntryCorrupt | StorageFailed> =>
  Effect.gen(function*() {
    const streams = yield* chunks.entries(run)
    const [first] = streams
    if (first === undefined) return
    const row = yield* store.backend.run(run)
    if (row === null || isFinal(row.status as RunStatus)) return yield* chunks.drop(run)
    const entries = yield* store.journal(run, first)
    for (const stream of streams) if (isOver(entries, stream)) yield* chunks.drop(run, stream)
  })

/** Keeps the chunks of a host few. */
export const layer: Layer.Layer<never, never, Chunks | Engine | Store | HostClock> = Layer.effectDiscard(
  Effect.gen(function*() {
    const chunks = yield* Chunks
    const engine = yield* Engine
    const store = yield* Store
    const hostClock = yield* HostClock
    const { worker } = yield* EngineOptions
    const toSettle = new Set<string>()
    const some = Latch.makeUnsafe()
    const tidy = (run: string) =>
      Effect.catchCause(
        settle(chunks, store, run),
        (cause) => Effect.logWarning(`what the steps of run ${run} said could not be dropped`, cause)
      )

    yield* engine.extend({
      name: "chunks",
      committed: (committed) => {
        // The entries of a commit are made for the first who looks at them, so nobody does without need.
        const { id } = committed.run
        if (!chunks.written.has(id) || !committed.entries.some(ends)) return
        toSettle.add(id)
        some.openUnsafe()
      }
    })
    yield* Effect.forkScoped(Effect.forever(Effect.gen(function*() {
      yield* some.await
      some.closeUnsafe()
      const runs = Array.from(toSettle)
      toSettle.clear()
      yield* Effect.forEach(runs, tidy, { discard: true })
    })))

    if (!worker) return
    let after = ""
    const beat = Effect.gen(function*() {
      yield* hostClock.sleep(beatMs)
      const runs = yield* chunks.runs(after, mostRuns)
      after = runs.length < mostRuns ? "" : runs.at(-1)!
      yield* Effect.forEach(new Set([...runs, ...chunks.written]), tidy, { discard: true })
    })
    yield* Effect.forkScoped(
      Effect.forever(Effect.catchCause(beat, (cause) => Effect.logWarning("old chunks could not be looked for", cause)))
    )
  })
)

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** Entries behind which a stream may be over. */
const endings: ReadonlySet<JournalEntry.Tag> = new Set([
  "StepCompleted",
  "StepFailed",
  "StepRequested",
  "RunCompleted",
  "RunFailed",
  "RunCancelled"
])

const ends = ({ _tag }: JournalEntry.JournalEntry): boolean => endings.has(_tag)

/** Whether an outcome, or another request, of its step follows this request. One that the journal does not have yet is not over. */
const isOver = (entries: ReadonlyArray<JournalEntry.JournalEntry>, stream: number): boolean => {
  const request = entries.find(({ seq }) => seq === stream)
  if (request === undefined) return false
  if (request._tag !== "StepRequested") return true
  return entries.some((entry) =>
    entry.seq > stream &&
    (entry._tag === "StepRequested" || entry._tag === "StepCompleted" || entry._tag === "StepFailed") &&
    entry.key === request.key
  )
}
