/**
 * Callers of this process that wait for a run to end, or to come to rest.
 */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type { Backend, RunRow } from "../Backend.ts"

export class RunWaiters {
  private readonly backend: Backend
  private readonly waiting = new Map<string, Set<() => void>>()

  constructor(backend: Backend) {
    this.backend = backend
  }

  /** Runs that somebody waits for. */
  get runIds(): ReadonlyArray<string> {
    return Array.from(this.waiting.keys())
  }

  /** Has those who wait for the run look at it. */
  tell(runId: string): void {
    for (const tell of Array.from(this.waiting.get(runId) ?? [])) tell()
  }

  /** Waits until the run has such a status in the store. Null when there is no such run. */
  readonly until = Effect.fnUntraced(function*(this: RunWaiters, runId: string, wanted: (status: string) => boolean) {
    while (true) {
      const told = Latch.makeUnsafe(false)
      const tell = () => void told.openUnsafe()
      const waiters = this.waiting.get(runId) ?? new Set()
      this.waiting.set(runId, waiters.add(tell))
      const row: RunRow | null | undefined = yield* Effect.ensuring(
        Effect.gen({ self: this }, function*() {
          const row = yield* this.backend.run(runId)
          if (row === null || wanted(row.status)) return row
          yield* told.await
          return undefined
        }),
        Effect.sync(() => {
          waiters.delete(tell)
          if (waiters.size === 0) this.waiting.delete(runId)
        })
      )
      if (row !== undefined) return row
    }
  })
}
