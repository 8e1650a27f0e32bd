/**
 * Counts the operations of the body of a run, and says when it is to give way.
 * Moments are numbers of operations since the run came into memory.
 */
import type { Pace, Slice } from "../../Pace.ts"

export class Operations {
  /** How many were done. */
  done = 0
  /** When something was delivered last. */
  deliveredAt = 0
  /** When to look whether it is time to give way. */
  lookAt = Infinity
  /** When a recorded order to stop was taken. */
  stopAt = Infinity
  /** The turn at hand, as its pace knows it. */
  readonly slice: Slice = { looks: 0, quantum: 0 }
  readonly pace: Pace

  constructor(pace: Pace) {
    this.pace = pace
  }

  /** Whether it is time to give way. */
  look(): boolean {
    this.slice.looks++
    const more = this.pace.look(this.slice)
    this.lookAt = this.done + more
    return more === 0
  }
}
