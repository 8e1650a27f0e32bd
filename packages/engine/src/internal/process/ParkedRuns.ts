/**
 * Runs in memory of which every branch waits: kept for a while, so that they go
 * on without a replay, and let go when they are too many or have waited for long.
 */
import type { EngineOptions } from "../../EngineOptions.ts"
import type { HeldRun } from "../run/RunHost.ts"
import type { HostRuntime } from "./HostRuntime.ts"

export class ParkedRuns {
  private readonly options: EngineOptions
  private readonly host: HostRuntime
  /** Parked runs with the time (ms, host) since when they wait, the longest first. */
  private readonly since = new Map<HeldRun, number>()
  /** Runs that were evicted in the middle of something of their own. They stay in memory, or that work would never end. */
  private readonly pinned = new Set<string>()

  constructor(options: EngineOptions, host: HostRuntime) {
    this.options = options
    this.host = host
  }

  get size(): number {
    return this.since.size
  }

  /** False for a run that is pinned, which is never let go. */
  add(run: HeldRun): boolean {
    this.since.delete(run)
    if (this.pinned.has(run.row.id)) return false
    this.since.set(run, this.host.hostNow())
    return true
  }

  /** The run goes on, or has left the memory. */
  readonly remove = (run: HeldRun): void => {
    this.since.delete(run)
  }

  /** Keeps the run in memory from now on. False where it is kept already. */
  pin(runId: string): boolean {
    if (this.pinned.has(runId)) return false
    this.pinned.add(runId)
    return true
  }

  unpin(runId: string): void {
    this.pinned.delete(runId)
  }

  /** With one run more than may be parked, lets go of the one that has waited longest. */
  trim(): void {
    if (this.since.size <= this.options.maxParked) return
    const [oldest] = this.since.keys()
    this.since.delete(oldest!)
    this.host.schedule(() => oldest!.release())
  }

  /** Lets go of the runs that have waited for long. */
  evictIdle(): void {
    const until = this.host.hostNow() - this.options.parkedMs
    for (const [run, since] of this.since) {
      if (since > until) break
      this.since.delete(run)
      run.release()
    }
  }

  /** Lets go of every one, so that its next delivery replays it. */
  evict(): void {
    for (const run of Array.from(this.since.keys())) run.release()
  }

  clear(): void {
    this.since.clear()
  }
}
