/** The tasks of one run that have yet to run: stopped fibers first, then all others in the order in which they came. */
import type * as Fiber from "effect/Fiber"

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

export class Tasks {
  private scheduled: Array<Scheduled> = []
  private head = 0
  private readonly stopped: Array<Stopped> = []
  /** Where among the stopped fibers the next comes that stops in this unit. */
  private place = 0
  /** Fibers that die before their next operation. */
  private readonly condemned = new Map<AnyFiber, unknown>()

  get idle(): boolean {
    return this.head === this.scheduled.length && this.stopped.length === 0
  }

  /** A unit begins: the fibers that stop in it come before all that have stopped. */
  begin(): void {
    this.place = 0
  }

  push(task: Task, by: AnyFiber | undefined): Scheduled {
    const scheduled = { task, by }
    this.scheduled.push(scheduled)
    return scheduled
  }

  /** A fiber of this unit has stopped, and goes on with this task. */
  stop(stopped: Stopped): void {
    this.stopped.splice(this.place++, 0, stopped)
  }

  /** Takes the next stopped fiber. */
  takeStopped(): Stopped | undefined {
    return this.stopped.shift()
  }

  /** Whether there are tasks beside the stopped fibers. */
  get some(): boolean {
    return this.head < this.scheduled.length
  }

  /** Takes the next task. */
  take(): Scheduled {
    return this.scheduled[this.head++]!
  }

  /** All tasks have run. */
  clear(): void {
    this.scheduled = []
    this.head = 0
    // A condemned fiber that an interrupt has ended need not die.
    if (this.condemned.size > 0) this.condemned.clear()
  }

  /** Has the fiber die of this defect when this task of its resumes it. */
  condemn(fiber: AnyFiber, task: Task, defect: unknown): void {
    this.condemned.set(fiber, defect)
    this.push(task, undefined)
  }

  /** Throws the defect of a condemned fiber. */
  execute(fiber: AnyFiber): void {
    const defect = this.condemned.get(fiber)
    if (this.condemned.delete(fiber)) throw defect
  }
}
