/**
 * Callers of this process that wait for a run to end, or to come to rest.
 */
import type * as JournalEntry from "@fermata/core/JournalEntry"
import { isFinal, type RunStatus } from "@fermata/core/RunStatus"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import type { Backend, RunRow } from "../Backend.ts"
import * as Handover from "./Handover.ts"
import type { PendingCommit } from "./run/RunHost.ts"
import { CurrentRun } from "./run/RunPort.ts"

/** The end of a run as it was committed here. */
export interface Ended {
  readonly row: RunRow
  /** The last entry of its journal. */
  readonly last: JournalEntry.JournalEntry | undefined
}

/** A run as whoever waited for it finds it; `last` where it has just ended here. */
export interface Rested {
  readonly row: RunRow
  readonly last?: JournalEntry.JournalEntry | undefined
}

export class RunWaiters {
  private readonly backend: Backend
  private readonly waiting = new Map<string, Set<(ended?: Ended) => void>>()

  constructor(backend: Backend) {
    this.backend = backend
  }

  /** Runs that somebody waits for. */
  get runIds(): ReadonlyArray<string> {
    return Array.from(this.waiting.keys())
  }

  /** Has those who wait for the run look at it; of an end that was committed here they are given all. */
  notify(runId: string, ended?: Ended): void {
    for (const tell of Array.from(this.waiting.get(runId) ?? [])) tell(ended)
  }

  /** The engine has closed, and tells nobody anything any more. */
  close(): void {
    this.closing.openUnsafe()
  }
  private readonly closing = Latch.makeUnsafe(false)

  /**
   * Interrupts who waits for what a closed engine would have told. The body of a
   * step is left to its run, which lets go of it: to the run nothing has happened.
   */
  readonly whileOpen = <A, E, R>(waiting: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.flatMap(
      CurrentRun,
      (place) =>
        place === undefined ? Effect.raceFirst(waiting, Effect.andThen(this.closing.await, Effect.interrupt)) : waiting
    )

  /** Interrupts a stream behind the last that it was told. */
  readonly interruptStream = <A>(queue: Queue.Enqueue<A>): Effect.Effect<void, never, Scope.Scope> =>
    Effect.asVoid(Effect.forkScoped(Effect.andThen(this.closing.await, Queue.interrupt(queue))))

  /** Waits until the run is final in the store, as long as the engine is open. Null when there is no such run. */
  untilEnd(runId: string) {
    return this.whileOpen(this.look(runId, isOver))
  }

  /** As `untilEnd`, or until the run is suspended. */
  untilRest(runId: string) {
    return this.whileOpen(this.look(runId, (status) => isOver(status) || status === "suspended"))
  }

  private readonly look = Effect.fnUntraced(
    function*(this: RunWaiters, runId: string, wanted: (status: string) => boolean) {
      while (true) {
        const told = Latch.makeUnsafe(false)
        let ended: Ended | undefined
        const tell = (end?: Ended) => {
          ended ??= end
          told.openUnsafe()
        }
        const waiters = this.waiting.get(runId) ?? new Set()
        this.waiting.set(runId, waiters.add(tell))
        const rested: Rested | null | undefined = yield* Effect.ensuring(
          Effect.gen({ self: this }, function*() {
            const row = yield* this.backend.run(runId)
            if (row === null) return null
            if (wanted(row.status)) return { row }
            yield* told.await
            return ended
          }),
          Effect.sync(() => {
            waiters.delete(tell)
            if (waiters.size === 0) this.waiting.delete(runId)
          })
        )
        if (rested !== undefined) return rested
      }
    }
  )
}

/** What the end of a run is for those who wait for it. */
export const ended = (run: RunRow, { entries, expected, status }: PendingCommit, at: number): Ended => {
  const last = entries.at(-1)
  return {
    row: {
      ...run,
      status: status?.status ?? run.status,
      reason: null,
      waits: null,
      owner: null,
      dueAt: null,
      length: expected + entries.length,
      updatedAt: at
    },
    last: last && Handover.plain(last)
  }
}

const isOver = (status: string): boolean => isFinal(status as RunStatus)
