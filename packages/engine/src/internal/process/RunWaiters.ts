/**
 * Callers of this process that wait for a run to end, or to come to rest.
 */
import type * as JournalEntry from "@fermata/core/JournalEntry"
import { isFinal, type RunStatus } from "@fermata/core/RunStatus"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import type { Backend, RunRow, StorageFailed } from "../../Backend.ts"
import * as Handover from "../Handover.ts"
import type { PendingCommit } from "../run/RunHost.ts"
import { CurrentRun } from "../run/RunPort.ts"

/** A run as whoever waited for it finds it; where this process has committed its end, with the last entry of its journal. */
export interface Rested {
  readonly row: RunRow
  readonly last?: JournalEntry.JournalEntry | undefined
}

export class RunWaiters {
  private readonly backend: Backend
  private readonly waiting = new Map<string, Set<(rested?: Rested) => void>>()

  constructor(backend: Backend) {
    this.backend = backend
  }

  /** Runs that somebody waits for. */
  get runIds(): ReadonlyArray<string> {
    return Array.from(this.waiting.keys())
  }

  /** Gives those who wait for the run what was committed here; without it, has them look at the run. */
  notify(runId: string, rested?: Rested): void {
    for (const tell of Array.from(this.waiting.get(runId) ?? [])) tell(rested)
  }

  /** The engine has closed, and tells nobody anything any more. */
  close(): void {
    this.isClosed = true
    this.closing.openUnsafe()
    for (const runId of this.runIds) this.notify(runId)
  }
  private isClosed = false
  private readonly closing = Latch.makeUnsafe(false)

  /**
   * Waits until a latch of the feed is open, and interrupts who waits for what a
   * closed engine would have told. The body of a step is left to its run, which
   * lets go of it: to the run nothing has happened.
   */
  readonly whileOpen = (changed: Latch.Latch): Effect.Effect<void> =>
    Effect.flatMap(CurrentRun, (place) =>
      Effect.andThen(
        changed.await,
        Effect.suspend(() => !this.isClosed ? Effect.void : place === undefined ? Effect.interrupt : Effect.never)
      ))

  /** Interrupts a stream behind the last that it was told. */
  readonly interruptStream = <A>(queue: Queue.Enqueue<A>): Effect.Effect<void, never, Scope.Scope> =>
    Effect.asVoid(Effect.forkScoped(Effect.andThen(this.closing.await, Queue.interrupt(queue))))

  /** Waits until the run is final in the store, as long as the engine is open. Null when there is no such run. */
  untilEnd(runId: string) {
    return this.until(runId, isOver, this.backend.run(runId))
  }

  /** As `untilEnd`, or until the run is suspended. `first` is asked for its row once one waits, so that it may start the run. */
  untilRest<E = never>(
    runId: string,
    first: Effect.Effect<RunRow | null, StorageFailed | E> = this.backend.run(runId)
  ) {
    return this.until(runId, (status) => isOver(status) || status === "suspended", first)
  }

  private until<E>(
    runId: string,
    wanted: (status: string) => boolean,
    first: Effect.Effect<RunRow | null, StorageFailed | E>
  ): Effect.Effect<Rested | null, StorageFailed | E> {
    return Effect.flatMap(CurrentRun, (place) => {
      const isLeft = () => place === undefined && this.isClosed
      // Whatever becomes of the look, nobody hears of it any more.
      return Effect.catchCause(
        this.look(runId, wanted, first, isLeft),
        (cause) => isLeft() ? Effect.interrupt : Effect.failCause(cause)
      )
    })
  }

  /** Waits until the run is as wanted. `isLeft` tells whether the engine has closed for who waits. */
  private readonly look = <E>(
    runId: string,
    wanted: (status: string) => boolean,
    first: Effect.Effect<RunRow | null, StorageFailed | E>,
    isLeft: () => boolean
  ): Effect.Effect<Rested | null, StorageFailed | E> =>
    Effect.suspend(() => {
      const told = Latch.makeUnsafe(isLeft())
      let rested: Rested | undefined
      const tell = (now?: Rested) => {
        // Behind its end nothing comes.
        if (rested === undefined || !isOver(rested.row.status)) rested = now
        told.openUnsafe()
      }
      const waiters = this.waiting.get(runId) ?? new Set()
      this.waiting.set(runId, waiters.add(tell))
      const waiting = Effect.gen({ self: this }, function*() {
        let found = rowOf(yield* first)
        while (found !== null && !wanted(found.row.status)) {
          yield* told.await
          // Closed before the look, so that what is told during the look is seen by the next.
          told.closeUnsafe()
          if (rested === undefined && isLeft()) return yield* Effect.interrupt
          found = rested ?? rowOf(yield* this.backend.run(runId))
          if (rested === found) rested = undefined
        }
        return found
      })
      return Effect.ensuring(
        waiting,
        Effect.sync(() => {
          waiters.delete(tell)
          if (waiters.size === 0) this.waiting.delete(runId)
        })
      )
    })
}

const rowOf = (row: RunRow | null): Rested | null => row === null ? null : { row }

/** How a run stands after this commit, for those who wait for it. */
export const rested = (
  run: RunRow,
  { ended, entries, expected, release, status }: PendingCommit,
  at: number
): Rested => {
  const last = ended === undefined ? undefined : entries.at(-1)
  return {
    row: {
      ...run,
      ...status,
      ...(ended === undefined && release === undefined ? {} : { owner: null }),
      dueAt: release?.dueAt ?? null,
      length: expected + entries.length,
      updatedAt: at
    },
    ...(last === undefined ? {} : { last: Handover.plain(last) })
  }
}

const isOver = (status: string): boolean => isFinal(status as RunStatus)
