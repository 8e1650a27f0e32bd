/**
 * The scheduler of one run: its tasks run only when the run's executor drains
 * them, so the executor knows when the workflow has nothing left to do. A
 * fiber that goes on outside the executor's turn is stopped before its first
 * operation, and the executor says where it is to go on, if it is.
 *
 * A body that computes gives way to the event loop where that changes nothing
 * in its order. Between two tasks it does not. Within one, only the fiber that
 * the task resumed by itself may stop: whatever it resumes in turn runs in the
 * middle of one of its operations, and its code would go on before it.
 *
 * ```
 *  unit: a task, or a delivery          what follows it
 *  A ───────────────────────▶ C ──▶     tasks …
 *  A ──┤ gives way            C ┤       [A goes on, C begins] tasks …
 * ```
 *
 * `A` goes on at the head of all tasks. What else the unit resumes, `C`, stops
 * before its first operation and comes next, in order. A task that some data
 * structure scheduled, and not the fiber itself, looks at what its fibers have
 * done before it resumes the next, so no fiber gives way in such a unit.
 *
 * Operations are counted from each delivery, and stopping and going on count
 * nothing: the body comes to the same operation after the same number of them
 * on every pass, however often it gave way.
 */
import * as Fiber from "effect/Fiber"
import type * as Scheduler from "effect/Scheduler"
import type { Pace } from "../Pace.ts"
import { Operations } from "./scheduler/Operations.ts"
import type { AnyFiber, Task, Tasks } from "./scheduler/Tasks.ts"
import { Unit } from "./scheduler/Unit.ts"
import { SparseMap } from "./Sparse.ts"

export type { AnyFiber, Task }

export class RunScheduler implements Scheduler.Scheduler {
  readonly executionMode = "async"
  private readonly tasks: Tasks = { stopped: [], scheduled: [], head: 0, condemned: new SparseMap() }
  private readonly count: Operations
  private readonly unit = new Unit()
  private inTurn = false
  /** Until this many operations the current fiber need not be considered. */
  private limit = -1
  /** Where the task goes that the fiber is about to schedule which was just told to yield. */
  private toPlace: ((task: Task) => void) | undefined
  private readonly onTask: () => void
  private readonly onOutside: (fiber: AnyFiber) => (task: Task) => void
  private readonly dispatcher: Scheduler.SchedulerDispatcher

  /** `onOutside` is asked where a fiber is to go on that something outside the executor's turn has resumed. */
  constructor(pace: Pace, onTask: () => void, onOutside: (fiber: AnyFiber) => (task: Task) => void) {
    this.count = new Operations(pace)
    this.onTask = onTask
    this.onOutside = onOutside
    this.dispatcher = { scheduleTask: (task) => this.schedule(task), flush: () => {} }
  }

  shouldYield(fiber: AnyFiber): boolean {
    if (fiber === this.unit.current && this.count.done < this.limit) {
      this.count.done++
      return false
    }
    return this.consider(fiber)
  }

  makeDispatcher(): Scheduler.SchedulerDispatcher {
    return this.dispatcher
  }

  get idle(): boolean {
    const { head, scheduled, stopped } = this.tasks
    return head === scheduled.length && stopped.length === 0
  }

  /** Operations of the body since the last delivery. */
  get operations(): number {
    return this.count.done - this.count.deliveredAt
  }

  /** Whether the body stands where a recorded order to stop was taken. */
  get atStop(): boolean {
    return this.count.done >= this.count.stopAt && !this.idle
  }

  /** The executor has its turn: only now may fibers go on. */
  enter(): void {
    this.inTurn = true
    this.unit.gaveWay = false
    const { count } = this
    count.slice.looks = 0
    count.lookAt = count.done + Math.max(1, count.pace.grant(count.slice))
  }

  leave(): void {
    this.inTurn = false
    this.unit.current = undefined
  }

  /** Something is delivered: operations count from here. With `stopAt`, a stop is to follow after so many of them. */
  delivered(stopAt = Infinity): void {
    this.count.deliveredAt = this.count.done
    this.count.stopAt = this.count.done + stopAt
  }

  /** Does what may resume a fiber of the body. */
  begin(): void {
    const { unit } = this
    unit.current =
      unit.first =
      unit.task =
      unit.goesOnAt =
      unit.latest =
        undefined
    unit.place = 0
    unit.mayGiveWay = true
  }

  schedule(task: Task): void {
    const { toPlace, unit } = this
    if (toPlace !== undefined) {
      this.toPlace = undefined
      return toPlace(task)
    }
    // What others schedule, such as somebody who fills a queue of the body, is theirs: the fibers that it resumes are stopped.
    if (!this.inTurn) return task()
    if (unit.latest !== undefined) unit.latest.by = undefined
    unit.latest = { task, by: Fiber.getCurrent() }
    this.tasks.scheduled.push(unit.latest)
    this.limit = -1
    this.onTask()
  }

  /** Has the fiber die of this defect when this task of its resumes it. */
  condemn(fiber: AnyFiber, task: Task, defect: unknown): void {
    this.tasks.condemned.set(fiber, defect)
    this.tasks.scheduled.push({ task, by: undefined })
  }

  /**
   * Runs stopped fibers and, with `all`, all tasks and those that they
   * schedule. False when the rest must wait, for another turn or for a stop.
   */
  drain(all: boolean): boolean {
    const { count, tasks, unit } = this
    while (!unit.gaveWay) {
      const stopped = tasks.stopped.shift()
      if (stopped !== undefined) {
        this.begin()
        unit.goesOnAt = stopped.operation
        stopped.task()
        continue
      }
      if (!all) return true
      if (tasks.head === tasks.scheduled.length) {
        tasks.scheduled = []
        tasks.head = 0
        // A condemned fiber that an interrupt has ended need not die.
        if (tasks.condemned.size > 0) tasks.condemned.clear()
        return true
      }
      if (count.done >= count.stopAt || (count.done >= count.lookAt && count.look())) break
      const scheduled = tasks.scheduled[tasks.head++]!
      count.done++
      this.begin()
      unit.task = scheduled
      unit.mayGiveWay = false
      scheduled.task()
    }
    unit.gaveWay = false
    return false
  }

  private consider(fiber: AnyFiber): boolean {
    if (!this.inTurn) {
      this.toPlace = this.onOutside(fiber)
      return true
    }
    const { count, tasks: { condemned }, unit } = this
    if (unit.latest?.by === fiber) {
      // A fiber that schedules a task and goes on does not wait for that task.
      if (fiber.currentOpCount > 1) unit.latest.by = undefined
      unit.latest = undefined
    }
    const defect = condemned.get(fiber)
    if (condemned.delete(fiber)) throw defect
    if (unit.gaveWay) return this.stop(fiber)
    if (fiber !== unit.current) unit.turnTo(fiber)
    if (unit.goesOnAt !== undefined) {
      // As if it had not stopped: the end of its yield is no operation of the body.
      ;(fiber as { currentOpCount: number }).currentOpCount = unit.goesOnAt - 1
      unit.goesOnAt = undefined
    } else {
      const mayStop = unit.mayGiveWay && fiber === unit.first
      if (mayStop && (count.done >= count.stopAt || (count.done >= count.lookAt && count.look()))) {
        return this.stop(fiber)
      }
      count.done++
    }
    this.limit = unit.latest === undefined ? Math.min(count.lookAt, count.stopAt) : -1
    return false
  }

  /** The fiber stops before this operation. */
  private stop(fiber: AnyFiber): true {
    const operation = fiber.currentOpCount
    this.unit.gaveWay = true
    this.toPlace = (task) => void this.tasks.stopped.splice(this.unit.place++, 0, { task, operation })
    return true
  }
}
