/** The runs that this process has in memory, of which so many may be awake at once. */
import * as Effect from "effect/Effect"
import type { RunRow } from "../../Backend.ts"
import type { EngineOptions } from "../../EngineOptions.ts"
import type { HeldRun } from "../run/RunHost.ts"
import type { RunExecutor } from "../RunExecutor.ts"
import type { HostRuntime } from "./HostRuntime.ts"
import { ParkedRuns } from "./ParkedRuns.ts"
import { Look, type Rounds } from "./Rounds.ts"

interface Parts {
  readonly options: EngineOptions
  readonly host: HostRuntime
  readonly rounds: Rounds
  /** Has commits of these runs fail at once when the store is full. */
  readonly failFast: (runs: ReadonlyArray<string>) => void
}

export class Pool {
  private readonly parts: Parts
  readonly parked: ParkedRuns
  private readonly executors = new Map<string, RunExecutor>()
  /** Runs that this process dropped when the store failed while they wrote nothing, with their epochs then: no step of theirs has crashed. */
  private readonly dropped = new Map<string, number>()
  /** Runs that begin here and are being written. */
  private starting = 0
  /** There may be due runs that found no free slot. */
  private crowded = false

  constructor(parts: Parts) {
    this.parts = parts
    this.parked = new ParkedRuns(parts.options, parts.host)
  }

  /** Number of runs in memory. */
  get size(): number {
    return this.executors.size
  }

  /** How many more runs may be awake. */
  get freeSlots(): number {
    return this.parts.options.maxAwake - (this.executors.size - this.parked.size) - this.starting
  }

  /** The free slots for runs that are due. Where there are none, the main loop looks again once there may be one. */
  slotsForDue(): number {
    this.crowded = this.freeSlots <= 0
    return this.freeSlots
  }

  /** No run that is due waits for a slot. */
  leavesNobody(): void {
    this.crowded = false
  }

  /** A slot may have become free. */
  noticeFreeSlot(): void {
    if (this.crowded) this.parts.rounds.poke(Look.due)
  }

  /** Keeps a slot for a run that begins here, while it is being written. */
  reserve<A, E>(starting: Effect.Effect<A, E>): Effect.Effect<A, E> {
    return Effect.suspend(() => {
      this.starting++
      return Effect.ensuring(starting, Effect.sync(() => void this.starting--))
    })
  }

  /** Whether nothing goes on in any run. */
  get resting(): boolean {
    return this.starting === 0 && Array.from(this.executors.values()).every((executor) => executor.resting)
  }

  get(runId: string): RunExecutor | undefined {
    return this.executors.get(runId)
  }

  add(executor: RunExecutor): void {
    const { row } = executor
    executor.droppedByStoreFailure = this.dropped.get(row.id) === row.epoch - 1
    this.dropped.delete(row.id)
    this.executors.set(row.id, executor)
  }

  /** Whether the run is here under a later epoch than its row has. */
  isPast({ epoch, id }: RunRow): boolean {
    return (this.executors.get(id)?.row.epoch ?? 0) > epoch
  }

  remove(run: HeldRun): void {
    this.parked.remove(run)
    if (this.executors.get(run.row.id) === run) this.executors.delete(run.row.id)
  }

  /** Every branch of the run waits. */
  readonly park = (run: HeldRun): void => {
    if (!this.parked.add(run)) return
    this.noticeFreeSlot()
    this.parked.trim()
  }

  /** Lets go of the runs of a handler before the handler's services close. */
  readonly letGo = (which: (executor: RunExecutor) => boolean): Effect.Effect<void> =>
    Effect.suspend(() => {
      const { failFast, host, options } = this.parts
      const leaving = Array.from(this.executors.values()).filter(which)
      failFast(leaving.map(({ row }) => row.id))
      return Effect.forEach(leaving, (executor) => executor.shutdown(host.hostSleep(options.cancelGraceMs)), {
        concurrency: "unbounded",
        discard: true
      })
    })

  /** Drops every run after a failure of the store. */
  readonly drop = (): void => {
    for (const executor of Array.from(this.executors.values())) {
      // What a run was writing may be what the store cannot take, so that counts as a crash.
      if (!executor.writing) this.dropped.set(executor.row.id, executor.row.epoch)
      executor.drop()
    }
    this.executors.clear()
    this.parked.clear()
  }

  /** Ends every run as a killed process does: nothing of it is written, interrupted or finalized. */
  crash(): void {
    for (const executor of Array.from(this.executors.values())) executor.crash()
  }
}
