/**
 * The scheduler of one run: its tasks run only when the run's executor drains
 * them, so the executor knows when the workflow has nothing left to do.
 *
 * It never asks a fiber to yield because of what it has done. Yields that
 * depend on a count of operations would fall elsewhere on replay than they did
 * live. A fiber that goes on outside the executor's turn is stopped before its
 * first operation, and the executor says where it is to go on, if it is.
 */
import type * as Fiber from "effect/Fiber"
import type * as Scheduler from "effect/Scheduler"

export type Task = () => void
export type AnyFiber = Fiber.Fiber<unknown, unknown>

export class RunScheduler implements Scheduler.Scheduler {
  readonly executionMode = "async"
  private tasks: Array<Task> = []
  private head = 0
  private inTurn = false
  /** Where the task goes that the fiber is about to schedule which was just told to yield. */
  private place: ((task: Task) => void) | undefined
  /** Fibers that die before their next operation. */
  private readonly condemned = new Map<AnyFiber, unknown>()
  private readonly onTask: () => void
  private readonly onOutside: (fiber: AnyFiber) => (task: Task) => void
  private readonly dispatcher: Scheduler.SchedulerDispatcher

  /** `onOutside` is asked where a fiber is to go on that something outside the executor's turn has resumed. */
  constructor(onTask: () => void, onOutside: (fiber: AnyFiber) => (task: Task) => void) {
    this.onTask = onTask
    this.onOutside = onOutside
    this.dispatcher = { scheduleTask: (task) => this.schedule(task), flush: () => {} }
  }

  shouldYield(fiber: AnyFiber): boolean {
    if (this.inTurn && this.condemned.size === 0) return false
    return this.consider(fiber)
  }

  makeDispatcher(): Scheduler.SchedulerDispatcher {
    return this.dispatcher
  }

  get idle(): boolean {
    return this.head === this.tasks.length
  }

  /** The executor has its turn: only now may fibers go on. */
  enter(): void {
    this.inTurn = true
  }

  leave(): void {
    this.inTurn = false
  }

  schedule(task: Task): void {
    const { place } = this
    if (place !== undefined) {
      this.place = undefined
      return place(task)
    }
    // What others schedule, such as somebody who fills a queue of the body, is theirs: the fibers that it resumes are stopped.
    if (!this.inTurn) return task()
    this.tasks.push(task)
    this.onTask()
  }

  /** Has the fiber die of this defect when this task of its resumes it. */
  condemn(fiber: AnyFiber, task: Task, defect: unknown): void {
    this.condemned.set(fiber, defect)
    this.tasks.push(task)
  }

  /** Runs tasks, and those that they schedule, until none is left or `limit` have run. */
  drain(limit: number): void {
    let count = 0
    while (this.head < this.tasks.length && count++ < limit) {
      const task = this.tasks[this.head]!
      this.head++
      task()
    }
    if (this.head === this.tasks.length) {
      this.tasks = []
      this.head = 0
      // Those of them that an interrupt has ended need not die.
      if (this.condemned.size > 0) this.condemned.clear()
    }
  }

  private consider(fiber: AnyFiber): boolean {
    if (!this.inTurn) {
      this.place = this.onOutside(fiber)
      return true
    }
    const defect = this.condemned.get(fiber)
    if (!this.condemned.delete(fiber)) return false
    throw defect
  }
}
