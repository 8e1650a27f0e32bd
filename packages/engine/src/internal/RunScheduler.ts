/**
 * The scheduler of one run: its tasks run only when the run's executor drains
 * them, so the executor knows when the workflow has nothing left to do.
 *
 * It never asks a fiber to yield. Yields that depend on a count of operations
 * would fall elsewhere on replay than they did live.
 */
import type * as Scheduler from "effect/Scheduler"

export class RunScheduler implements Scheduler.Scheduler {
  readonly executionMode = "async"
  private tasks: Array<() => void> = []
  private head = 0
  private readonly onTask: () => void
  private readonly dispatcher: Scheduler.SchedulerDispatcher

  constructor(onTask: () => void) {
    this.onTask = onTask
    this.dispatcher = {
      scheduleTask: (task) => {
        this.tasks.push(task)
        this.onTask()
      },
      flush: () => {}
    }
  }

  shouldYield(): boolean {
    return false
  }

  makeDispatcher(): Scheduler.SchedulerDispatcher {
    return this.dispatcher
  }

  get idle(): boolean {
    return this.head === this.tasks.length
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
    }
  }
}
