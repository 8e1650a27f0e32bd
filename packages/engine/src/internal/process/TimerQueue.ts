/**
 * All timers of one process behind one sleep: to the earliest of them.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as DueList from "../DueList.ts"

export interface Timer extends DueList.Due {
  readonly fire: () => void
}

const longestSleep = 2 ** 31 - 1

export class TimerQueue {
  private readonly now: () => number
  private readonly fork: <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>
  private readonly list = DueList.make<Timer>()
  private armed: { readonly at: number; readonly fiber: Fiber.Fiber<void> } | undefined
  private timers = 0

  constructor(now: () => number, fork: <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>) {
    this.now = now
    this.fork = fork
  }

  /** Calls `fire` at this time (ms since the epoch), or in the next turn when it is past. */
  set(at: number, fire: () => void): Timer {
    const timer: Timer = { at, order: ++this.timers, run: "", fire }
    DueList.add(this.list, timer)
    if (this.armed === undefined || at < this.armed.at) this.arm(at)
    return timer
  }

  /** The sleep is left as it is: at worst it ends for nothing. */
  cancel(timer: Timer): void {
    DueList.remove(this.list, timer)
  }

  /** A sleep ends by a clock that cannot be set; a timer is due by one that can. Fires what has become due unnoticed. */
  look(): void {
    if (this.armed === undefined || this.armed.at > this.now()) return
    this.armed.fiber.interruptUnsafe()
    this.armed = undefined
    this.wake()
  }

  close(): void {
    this.list.buckets.length = 0
    this.armed?.fiber.interruptUnsafe()
    this.armed = undefined
  }

  private arm(at: number): void {
    this.armed?.fiber.interruptUnsafe()
    const millis = Math.min(at - this.now(), longestSleep)
    // A clock may end a sleep of nothing at once; the caller of `set` must have its timer first.
    const fiber = this.fork(millis > 0 ? Effect.sleep(millis) : Effect.yieldNow)
    this.armed = { at, fiber }
    fiber.addObserver((exit) => {
      if (this.armed?.fiber !== fiber) return
      this.armed = undefined
      if (Exit.isSuccess(exit)) this.wake()
    })
  }

  private wake(): void {
    const due = Array.from(DueList.between(this.list, -Infinity, this.now()))
    for (const timer of due) DueList.remove(this.list, timer)
    for (const timer of due) timer.fire()
    const next = this.list.buckets[0]?.[0]
    if (next !== undefined && this.armed === undefined) this.arm(next.at)
  }
}
