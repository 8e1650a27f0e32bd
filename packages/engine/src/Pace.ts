/**
 * How runs that compute share the event loop of their process: how long a run
 * may compute before it gives way to the others. By default slices are a few ms
 * of the host's clock. Where that clock stands still, as in a test, slices are
 * counted in operations.
 */
import * as Context from "effect/Context"

/** What a run has used of its turn. */
export interface Slice {
  /** Looks in this turn so far. */
  looks: number
  /** Operations from one look to the next. */
  quantum: number
}

/** When a run that computes gives way. Its order is the same wherever it does. */
export interface Pace {
  /** A run begins its turn: operations until its first look. */
  readonly grant: (slice: Slice) => number
  /** A look: 0 when the run gives way, else operations until the next. */
  readonly look: (slice: Slice) => number
  /** Whether the next run in line has to wait for the next turn of the event loop. */
  readonly isSpent: () => boolean
  /** A turn of the event loop begins for the line. */
  readonly begin: () => void
}

/** What a run's turn of the event loop may take, together with those of all others, in ms of the host. */
export const sliceMs = 5
/** A run that has only just begun may go on for as long (ms) or as much, so that short runs still share a transaction. */
const leastMs = 0.5
const leastLooks = 4
const firstQuantum = 64
const largestQuantum = 1_024

/** Makes the pace of a host: `elapsed` gives ms by a clock that nobody sets, `schedule` runs a task in a later turn of the event loop. */
export type MakePace = (elapsed: () => number, schedule: (task: () => void) => void) => Pace

/** Slices by the host's clock, the budget of a process for each turn of its event loop. */
export const byClock: MakePace = (elapsed, schedule) => {
  /** When the event loop's turn began to be used, and when the run at hand had its last look and its first. */
  let began: number | undefined
  let last = 0
  let own = 0
  const begin = () => {
    began = elapsed()
  }
  return {
    grant: (slice) => slice.quantum = slice.quantum === 0 ? firstQuantum : Math.min(slice.quantum, firstQuantum),
    look: (slice) => {
      const now = elapsed()
      if (began === undefined) {
        began = now
        schedule(() => {
          began = undefined
        })
      }
      if (slice.looks === 1) own = last = now
      const took = now - last
      last = now
      if (now - began >= sliceMs && (slice.looks >= leastLooks || now - own >= leastMs)) return 0
      // Operations may take nanoseconds or milliseconds.
      if (took > sliceMs / 8) slice.quantum = Math.max(1, slice.quantum >> 3)
      else slice.quantum = Math.min(largestQuantum, slice.quantum * 2)
      return slice.quantum
    },
    isSpent: () => began !== undefined && elapsed() - began >= sliceMs,
    begin
  }
}

/** Slices whose length somebody chooses each time, in operations; infinity gives way nowhere. */
export const byChoice = (choose: () => number): MakePace => () => ({
  grant: choose,
  look: () => 0,
  isSpent: () => true,
  begin: () => {}
})

/** The pace of the runs of a process. */
export const CurrentPace: Context.Reference<MakePace> = Context.Reference<MakePace>("@fermata/engine/CurrentPace", {
  defaultValue: () => byClock
})
