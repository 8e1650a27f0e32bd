/**
 * The line of runs that compute: a run that has used up its slice gives way and
 * waits with all others that have, so that however many compute, each turn of
 * the event loop is short, and what else the process does (other runs,
 * heartbeats, cancels) comes in between.
 */
import type { Pace } from "../../Pace.ts"

/** The line of runs that have given way. */
export class RunTurns {
  readonly pace: Pace
  private readonly schedule: (task: () => void) => void
  private readonly line: Array<() => void> = []
  private scheduled = false

  constructor(pace: Pace, schedule: (task: () => void) => void) {
    this.pace = pace
    this.schedule = schedule
  }

  /** Lets a run go on when it is its turn. */
  readonly wait = (goOn: () => void): void => {
    this.line.push(goOn)
    this.arm()
  }

  private arm(): void {
    if (this.scheduled) return
    this.scheduled = true
    this.schedule(() => this.serve())
  }

  /** One turn of the event loop: as many runs of the line go on as its budget lets, at least one, and each once. */
  private serve(): void {
    this.scheduled = false
    this.pace.begin()
    for (let left = this.line.length; left > 0; left--) {
      this.line.shift()!()
      if (this.pace.isSpent()) break
    }
    if (this.line.length > 0) this.arm()
  }
}
