/**
 * What is to happen to a run at its time, by names: of each name one.
 */
import type { Timer, TimerQueue } from "../process/TimerQueue.ts"
import { SparseMap } from "../Sparse.ts"
import type { ReadyItem } from "./Happening.ts"

export class Alarms {
  private readonly timers: TimerQueue
  private readonly push: (item: ReadyItem) => void
  private readonly armed = new SparseMap<string, Timer>()

  constructor(timers: TimerQueue, push: (item: ReadyItem) => void) {
    this.timers = timers
    this.push = push
  }

  /** Delivers the item at this time (ms since the epoch); one of the same name is replaced. */
  arm(name: string, due: number, item: ReadyItem): void {
    this.disarm(name)
    const timer = this.timers.set(due, () => {
      if (this.armed.get(name) !== timer) return
      this.armed.delete(name)
      this.push(item)
    })
    this.armed.set(name, timer)
  }

  disarm(name: string): void {
    const timer = this.armed.get(name)
    if (timer === undefined) return
    this.armed.delete(name)
    this.timers.cancel(timer)
  }

  isArmed(name: string): boolean {
    return this.armed.has(name)
  }

  /** When the first of them is due, ms since the epoch; `Infinity` for none. */
  get next(): number {
    let due = Infinity
    for (const timer of this.armed.values()) due = Math.min(due, timer.at)
    return due
  }

  clear(): void {
    for (const timer of this.armed.values()) this.timers.cancel(timer)
    this.armed.clear()
  }
}
