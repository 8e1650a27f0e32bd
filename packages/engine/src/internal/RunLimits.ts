/**
 * The limits of a run on its time: since its start, and at work. An order to
 * stop comes from each when it is reached.
 */
import type { ReadyItem, StopItem } from "./run/Happening.ts"
import type { ExecutorHost, Limits } from "./run/RunHost.ts"

/** Delivers the item at this time (ms since the epoch), until it is disarmed. */
export interface Alarms {
  readonly arm: (name: string, due: number, item: ReadyItem) => void
  readonly disarm: (name: string) => void
  readonly isArmed: (name: string) => boolean
}

export class RunLimits {
  private readonly limits: Limits
  private readonly host: Pick<ExecutorHost, "now" | "elapsed">
  private readonly alarms: Alarms
  /** ms at work until `since`, by a clock that nobody sets. */
  private before: number
  private since: number | undefined

  /** `before`: ms at work in the life of earlier owners. */
  constructor(limits: Limits, host: Pick<ExecutorHost, "now" | "elapsed">, alarms: Alarms, before: number) {
    this.limits = limits
    this.host = host
    this.alarms = alarms
    this.before = before
  }

  armRun(createdAt: number): void {
    const { maxRunMs } = this.limits
    if (!Number.isFinite(maxRunMs)) return
    this.alarms.arm("maxRunMs", createdAt + maxRunMs, stop("maxRunMs", `longer than ${maxRunMs} ms (maxRunMs)`))
  }

  /** The run is at work from now on, if it was not. */
  atWork(): void {
    if (!Number.isFinite(this.limits.maxActiveMs) || this.alarms.isArmed("maxActiveMs")) return
    this.since ??= this.host.elapsed()
    this.alarms.arm("maxActiveMs", this.host.now() + Math.max(0, this.left), { _tag: "ActiveLimit" })
  }

  /** It waits. */
  atRest(): void {
    if (this.since === undefined) return
    this.before = this.active
    this.since = undefined
    this.alarms.disarm("maxActiveMs")
  }

  /** What follows when the time at work may be over: the clock by which timers are due may have been set, or the machine was asleep. */
  reached(): StopItem | undefined {
    if (this.since === undefined) return undefined
    if (this.left < 1) return stop("maxActiveMs", `ran for more than ${this.limits.maxActiveMs} ms (maxActiveMs)`)
    this.atWork()
    return undefined
  }

  private get active(): number {
    return this.since === undefined ? this.before : this.before + this.host.elapsed() - this.since
  }

  private get left(): number {
    return this.limits.maxActiveMs - this.active
  }
}

const stop = (limit: string, reason: string): StopItem => ({
  _tag: "Stop",
  id: `limit:${limit}`,
  kind: "limit",
  by: "engine",
  reason
})
