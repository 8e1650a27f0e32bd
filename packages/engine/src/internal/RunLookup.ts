/** Finds the run that a person means, and shows it. */
import { RunAmbiguous, RunClosed, RunNotFound, shortestPrefix } from "@fermata/core/RunsErrors"
import { isFinal, type RunStatus } from "@fermata/core/RunStatus"
import * as RunView from "@fermata/core/RunView"
import * as Tenant from "@fermata/core/Tenant"
import type { EntryCorrupt } from "@fermata/core/Upcast"
import * as Effect from "effect/Effect"
import type { RunRow, StorageFailed } from "../Backend.ts"
import { CurrentTenant } from "../CurrentTenant.ts"
import type { Store } from "../Store.ts"
import * as RunWatch from "./RunWatch.ts"

/** No such run, or none that can be told from others. */
export type FindError = RunNotFound | RunAmbiguous | StorageFailed
/** There is no such run, or it has ended. */
export type ActError = FindError | RunClosed

export interface RunLookup {
  /** The row of the run of this id, or of the one whose id begins with this. Who is in a tenant finds that tenant's alone, also without its name. */
  readonly rowOf: (run: string) => Effect.Effect<RunRow, FindError>
  /** As `rowOf`, for a run that has not ended. */
  readonly open: (run: string) => Effect.Effect<RunRow, ActError>
  /** What is read of a run, or that it was deleted meanwhile: then it is not all there was. */
  readonly whole: <A, E>(row: RunRow, read: Effect.Effect<A, E>) => Effect.Effect<A, E | FindError>
  /** The run as its journal and the store tell it. */
  readonly show: (run: string) => Effect.Effect<RunView.RunView, FindError | EntryCorrupt>
}

export const make = (store: Store["Service"]): RunLookup => {
  const { backend } = store

  const rowOf = (run: string): Effect.Effect<RunRow, FindError> =>
    Effect.withFiber((fiber) => rowIn(fiber.getRef(CurrentTenant), run))

  const rowIn = Effect.fnUntraced(function*(
    tenant: string | undefined,
    asked: string
  ): Effect.fn.Return<RunRow, FindError> {
    const run = Tenant.qualify(tenant, asked)
    const exact = yield* backend.run(run)
    if (exact !== null) return exact
    if (Tenant.local(run).length < shortestPrefix) {
      const some = yield* backend.runIds(run, candidateLimit)
      return yield* some.length === 0
        ? new RunNotFound({ run: asked, closest: [] })
        : new RunAmbiguous({ run: asked, candidates: [] })
    }
    const ids = yield* backend.runIds(run, candidateLimit)
    const row = ids.length === 1 ? yield* backend.run(ids[0]!) : null
    if (row !== null) return row
    if (ids.length > 1) return yield* new RunAmbiguous({ run: asked, candidates: ids })
    return yield* new RunNotFound({ run: asked, closest: yield* closest(run, tenant) })
  })

  const closest = Effect.fnUntraced(function*(run: string, tenant: string | undefined) {
    const least = tenant === undefined ? 0 : tenant.length + 1
    for (let length = Math.min(run.length - 1, least + 32); length > least; length = least + ((length - least) >> 1)) {
      const ids = yield* backend.runIds(run.slice(0, length), closestLimit)
      if (ids.length > 0) return ids
    }
    return []
  })

  const open = Effect.fnUntraced(function*(run: string): Effect.fn.Return<RunRow, ActError> {
    const row = yield* rowOf(run)
    const status = row.status as RunStatus
    if (isFinal(status)) return yield* new RunClosed({ runId: row.id, status })
    return row
  })

  const whole = <A, E>(row: RunRow, read: Effect.Effect<A, E>): Effect.Effect<A, E | FindError> =>
    Effect.flatMap(Effect.exit(read), (exit) =>
      Effect.flatMap(
        backend.run(row.id),
        (now): Effect.Effect<A, E | FindError> => now === null ? RunWatch.deleted(row.id) : exit
      ))

  const show = Effect.fn("Runs.show")(function*(run: string) {
    let row = yield* rowOf(run)
    let view = RunView.empty(row.id)
    // The run may go on between the two looks; a few times, then its journal alone must do.
    for (let looks = 0; looks < 5; looks++) {
      view = RunView.foldAll(view, yield* RunWatch.readable(store, row.id, view.counts.entries))
      const now = yield* backend.run(row.id)
      if (now === null) return yield* RunWatch.deleted(row.id)
      row = now
      if (row.length === view.counts.entries) break
    }
    return RunWatch.standing(view, row)
  })

  return { rowOf, open, whole, show }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const candidateLimit = 20
const closestLimit = 5
