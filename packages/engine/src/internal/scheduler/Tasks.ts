/**
 * The tasks of one run that have yet to run: stopped fibers first, then all
 * others in the order in which they came. Its scheduler looks at them at every
 * operation that counts, and so reads them without a call.
 */
import type * as Fiber from "effect/Fiber"
import type { SparseMap } from "../Sparse.ts"

export type Task = () => void
export type AnyFiber = Fiber.Fiber<unknown, unknown>

/** A task that was scheduled. */
export interface Scheduled {
  readonly task: Task
  /** The fiber that scheduled it and did nothing more; undefined when that was somebody else. */
  by: AnyFiber | undefined
}

/** A fiber that stopped before an operation. */
export interface Stopped {
  readonly task: Task
  /** How far it was in its run of operations: by this Effect chooses which of them it does without the scheduler. */
  readonly operation: number
}

export interface Tasks {
  readonly stopped: Array<Stopped>
  /** The tasks from `head` on have yet to run. */
  scheduled: Array<Scheduled>
  head: number
  /** Fibers that die of a defect before their next operation. */
  readonly condemned: SparseMap<AnyFiber, unknown>
}
