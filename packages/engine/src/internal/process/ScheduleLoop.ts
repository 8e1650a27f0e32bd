/**
 * Fires the schedules of the store. Every process that works does so: a firing
 * is an operation that does nothing where another came first.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import type { FiringRow, ScheduleRow, StorageFailed } from "../../Backend.ts"
import type { EngineRuntime } from "../EngineRuntime.ts"
import * as Evaluation from "../schedule/Evaluation.ts"
import { Look } from "./Rounds.ts"
import type { Timer } from "./TimerQueue.ts"

/** How often (ms, host time) a worker looks for what other processes have changed in schedules. */
export const beatMs = 1_000

export class ScheduleLoop {
  private readonly runtime: EngineRuntime
  private readonly latch = Latch.makeUnsafe(false)
  private armed: Timer | undefined
  private pending = false
  private working = false
  /** Schedules that this process cannot fire as they are, and when (ms of the host) it looks at them again. */
  private readonly left = new Map<string, { readonly version: number; readonly until: number }>()

  constructor(runtime: EngineRuntime) {
    this.runtime = runtime
  }

  /** Whether no look is going on or to come. */
  get idle(): boolean {
    return !this.working && !this.pending
  }

  /** Schedules may have changed. */
  readonly poke = (): void => {
    if (this.runtime.rounds.closed) return
    this.pending = true
    this.latch.openUnsafe()
  }

  /** Looks whenever it is poked, or a schedule comes due, or another process may have changed one. */
  readonly run: Effect.Effect<never> = Effect.suspend(() => {
    const beat = Effect.forever(Effect.andThen(this.runtime.host.hostSleep(beatMs), Effect.sync(this.poke)))
    const look = Effect.forever(Effect.suspend(() =>
      Effect.andThen(
        this.latch.await,
        Effect.suspend(() => {
          this.latch.closeUnsafe()
          this.pending = false
          this.working = true
          return Effect.ensuring(this.round, Effect.sync(() => void (this.working = false)))
        })
      )
    ))
    this.poke()
    return Effect.raceFirst(look, beat)
  })

  private readonly round: Effect.Effect<void> = Effect.suspend(() =>
    Effect.catchCause(
      Effect.flatMap(this.fireDue(() => this.runtime.host.now()), ({ next }) => Effect.sync(() => this.arm(next))),
      (cause) => Effect.logWarning("schedules could not be looked at; this is tried again", cause)
    )
  )

  /**
   * Fires what is due, and tells what became of it and when something is due
   * next. A schedule that fails here stands in nobody's way.
   */
  readonly fireDue = (
    now: () => number,
    isOf: (row: ScheduleRow) => boolean = () => true
  ): Effect.Effect<{ readonly firings: ReadonlyArray<FiringRow>; readonly next: number | null }, StorageFailed> =>
    Effect.gen({ self: this }, function*() {
      const firings: Array<FiringRow> = []
      while (!this.runtime.rounds.closed) {
        const { next, written } = yield* this.pass(now, isOf, firings)
        // What was written may be due again, or is next.
        if (!written) return { firings, next }
      }
      return { firings, next: null }
    })

  /** Goes once through all that are due. */
  private readonly pass = (now: () => number, isOf: (row: ScheduleRow) => boolean, firings: Array<FiringRow>) =>
    Effect.gen({ self: this }, function*() {
      const { backend, host, rounds } = this.runtime
      let written = false
      let after: Pick<ScheduleRow, "dueAt" | "name"> | null = null
      while (!rounds.closed) {
        const rows: ReadonlyArray<ScheduleRow> = yield* backend.dueSchedules(rowsAtOnce, after)
        for (const row of rows) {
          if (row.dueAt! > now()) return { written, next: row.dueAt }
          if (!isOf(row) || this.isLeft(row, host.hostElapsed())) continue
          if (yield* this.fireAll(row, now, firings)) written = true
        }
        const last = rows.at(-1)
        if (last === undefined || rows.length < rowsAtOnce) break
        after = last
      }
      return { written, next: null }
    })

  /** Fires a schedule as often as it has something due, page by page. Answers whether anything was written. */
  private readonly fireAll = (
    first: ScheduleRow,
    now: () => number,
    firings: Array<FiringRow>
  ): Effect.Effect<boolean, StorageFailed> =>
    Effect.gen({ self: this }, function*() {
      let written = false
      let row: ScheduleRow | null = first
      while (row !== null && row.dueAt !== null && row.dueAt <= now() && !this.runtime.rounds.closed) {
        const done: Exit.Exit<Fired, StorageFailed> = yield* Effect.exit(this.fireOnce(row, now()))
        if (Exit.isFailure(done)) {
          if (!Cause.hasDies(done.cause)) return yield* Effect.failCause(done.cause)
          yield* Effect.logError(`schedule ${row.name} could not be fired`, done.cause)
          this.leave(row)
          break
        }
        firings.push(...done.value.firings)
        row = done.value.row
        if (row !== null) written = true
      }
      return written
    })

  private readonly fireOnce = (row: ScheduleRow, now: number): Effect.Effect<Fired, StorageFailed> =>
    Effect.gen({ self: this }, function*() {
      const { backend, rounds } = this.runtime
      const evaluated = yield* Evaluation.evaluate(this.runtime, row, now)
      if (evaluated._tag !== "Fire") {
        this.leave(row)
        return { firings: [], row: null }
      }
      const { op } = evaluated
      if (rounds.closed) return { firings: [], row: null }
      const [{ fired }] = yield* backend.write([op])
      if (!fired) return { firings: [], row: yield* backend.schedule(row.name) }
      this.left.delete(row.name)
      if (op.outbox.length > 0) rounds.poke(Look.outbox)
      return { firings: op.firings, row: op.row }
    })

  private isLeft({ name, version }: ScheduleRow, elapsed: number): boolean {
    const left = this.left.get(name)
    return left !== undefined && left.version === version && left.until > elapsed
  }

  private leave({ name, version }: ScheduleRow): void {
    if (this.left.size >= mostLeft) this.left.clear()
    this.left.set(name, { version, until: this.runtime.host.hostElapsed() + leftMs })
  }

  private arm(at: number | null): void {
    const { rounds, timers } = this.runtime
    if (at === (this.armed?.at ?? null) || rounds.closed) return
    if (this.armed !== undefined) timers.cancel(this.armed)
    this.armed = at === null ? undefined : timers.set(at, () => {
      this.armed = undefined
      this.poke()
    })
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

interface Fired {
  readonly firings: ReadonlyArray<FiringRow>
  /** The schedule as it is now; null where it is left as it is. */
  readonly row: ScheduleRow | null
}

const rowsAtOnce = 100
/** How long (ms of the host) a schedule that cannot be fired here is left to others. */
const leftMs = 5_000
const mostLeft = 10_000
