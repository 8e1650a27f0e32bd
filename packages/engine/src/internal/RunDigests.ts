/**
 * Digests that the body of a run waits for, such as those of ids. The platform
 * makes them outside of the run's turn; they are handed over within it, in the
 * order in which they were asked for and before anything else is delivered, so
 * that what follows from them has the same place in the order on every pass.
 */
import * as Fiber from "effect/Fiber"
import type { AnyFiber, Task } from "./RunScheduler.ts"

interface Awaited {
  readonly fiber: AnyFiber | undefined
  /** Goes on with it, once it is there. */
  task: Task | undefined
  /** The digest is made, and the body has not gone on with it yet. */
  over: boolean
}

export class RunDigests {
  private waiting: Array<Awaited> = []
  private handing = false
  private readonly schedule: (task: Task) => void
  private readonly wake: () => void

  constructor(schedule: (task: Task) => void, wake: () => void) {
    this.schedule = schedule
    this.wake = wake
  }

  get pending(): boolean {
    return this.waiting.length > 0
  }

  /** Whether some have been handed over and not all: the tasks that this has led to wait. */
  get underWay(): boolean {
    return this.handing
  }

  /** The current fiber waits for this digest. */
  await(digest: Promise<unknown>): void {
    const awaited: Awaited = { fiber: Fiber.getCurrent(), task: undefined, over: false }
    this.waiting.push(awaited)
    // Whoever waits for the digest goes on in this turn of the event loop, or does not wait for it alone.
    const arrived = () =>
      this.schedule(() => {
        awaited.over = true
        this.wake()
      })
    digest.then(arrived, arrived)
  }

  /** Where a fiber goes on that was resumed outside of the turn; undefined when it was by no digest. */
  placeOf(fiber: AnyFiber): ((task: Task) => void) | undefined {
    const awaited = this.waiting.find((digest) => digest.fiber === fiber && digest.task === undefined)
    if (awaited === undefined) return undefined
    return (task) => {
      awaited.task = task
      this.wake()
    }
  }

  /** Hands over the next; false when it has yet to come. */
  handOver(): boolean {
    const [digest] = this.waiting
    if (digest === undefined || (digest.task === undefined && !digest.over)) return false
    this.waiting.shift()
    digest.task?.()
    // What it led to may have asked for further ones: they come before the tasks as well.
    this.handing = this.pending
    return true
  }
}
