/** Counts the operations of the body of a run, and says at which of them it is to stop. */
import type { Pace, Slice } from "../../Pace.ts"

export class Operations {
  /** Operations of all time. */
  done = 0
  /** Where those since the last delivery begin. */
  private base = 0
  /** At which of them to look whether it is time to give way. */
  private lookAt = Infinity
  /** Where a recorded order to stop was taken. */
  private stopAt = Infinity
  private readonly slice: Slice = { looks: 0, quantum: 0 }
  private readonly pace: Pace

  constructor(pace: Pace) {
    this.pace = pace
  }

  get sinceDelivery(): number {
    return this.done - this.base
  }

  /** Whether the body stands where a recorded order to stop was taken. */
  get atStop(): boolean {
    return this.done >= this.stopAt
  }

  /** Until so many operations of all time there is nothing to look at. */
  get limit(): number {
    return Math.min(this.lookAt, this.stopAt)
  }

  /** Whether the body is to stop before its next operation: where it was ordered to, or as it is time to give way. */
  mustStop(): boolean {
    return this.done >= this.stopAt || (this.done >= this.lookAt && this.look())
  }

  /** A turn of the run begins. */
  enter(): void {
    this.slice.looks = 0
    this.lookAt = this.done + Math.max(1, this.pace.grant(this.slice))
  }

  /** Something is delivered: operations count from here. A stop is to follow after `stopAt` of them. */
  delivered(stopAt: number): void {
    this.base = this.done
    this.stopAt = this.done + stopAt
  }

  private look(): boolean {
    this.slice.looks++
    const more = this.pace.look(this.slice)
    this.lookAt = this.done + more
    return more === 0
  }
}
