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
import type { Pace, Slice } from "../Pace.ts"

export type Task = () => void
export type AnyFiber = Fiber.Fiber<unknown, unknown>

interface Scheduled {
  readonly task: Task
  /** The fiber that scheduled it and did nothing more; undefined when that was somebody else. */
  by: AnyFiber | undefined
}

/** A fiber that stopped before an operation. */
interface Stopped {
  readonly task: Task
  /** How far it was in its run of operations: by this Effect chooses which of them it does without the scheduler. */
  readonly operation: number
}

export class RunScheduler implements Scheduler.Scheduler {
  readonly executionMode = "async"
  private tasks: Array<Scheduled> = []
  private head = 0
  /** Stopped fibers, which come before all tasks. */
  private readonly stopped: Array<Stopped> = []
  /** Where among them those come that stop in this unit. */
  private place = 0

  private inTurn = false
  /** Operations of all time, where those since the last delivery begin, and at which of them to look up. */
  private done = 0
  private base = 0
  private lookAt = Infinity
  /** Where a recorded order to stop was taken. */
  private stopAt = Infinity
  private readonly slice: Slice = { looks: 0, quantum: 0 }

  // The unit at hand.
  /** Until this many operations the current fiber need not be considered. */
  private limit = -1
  private current: AnyFiber | undefined
  private first: AnyFiber | undefined
  private unit: Scheduled | undefined
  private mayGiveWay = false
  private gaveWay = false
  /** A stopped fiber is about to go on from here. */
  private goesOnAt: number | undefined
  /** Ids of fibers grow: one above it has done nothing yet. */
  private newest = 0

  /** The latest task, until it is known whether its fiber did more. */
  private latest: Scheduled | undefined
  /** Where the task goes that the fiber is about to schedule which was just told to yield. */
  private toPlace: ((task: Task) => void) | undefined
  /** Fibers that die before their next operation. */
  private readonly condemned = new Map<AnyFiber, unknown>()

  private readonly pace: Pace
  private readonly onTask: () => void
  private readonly onOutside: (fiber: AnyFiber) => (task: Task) => void
  private readonly dispatcher: Scheduler.SchedulerDispatcher

  /** `onOutside` is asked where a fiber is to go on that something outside the executor's turn has resumed. */
  constructor(pace: Pace, onTask: () => void, onOutside: (fiber: AnyFiber) => (task: Task) => void) {
    this.pace = pace
    this.onTask = onTask
    this.onOutside = onOutside
    this.dispatcher = { scheduleTask: (task) => this.schedule(task), flush: () => {} }
  }

  shouldYield(fiber: AnyFiber): boolean {
    if (fiber === this.current && this.done < this.limit) {
      this.done++
      return false
    }
    return this.consider(fiber)
  }

  makeDispatcher(): Scheduler.SchedulerDispatcher {
    return this.dispatcher
  }

  get idle(): boolean {
    return this.head === this.tasks.length && this.stopped.length === 0
  }

  /** Operations of the body since the last delivery. */
  get operations(): number {
    return this.done - this.base
  }

  /** Whether the body stands where a recorded order to stop was taken. */
  get atStop(): boolean {
    return this.done >= this.stopAt && !this.idle
  }

  /** The executor has its turn: only now may fibers go on. */
  enter(): void {
    this.inTurn = true
    this.gaveWay = false
    this.slice.looks = 0
    this.lookAt = this.done + Math.max(1, this.pace.grant(this.slice))
  }

  leave(): void {
    this.inTurn = false
    this.current = undefined
  }

  /** Something is delivered: operations count from here. With `stopAt`, a stop is to follow after so many of them. */
  delivered(stopAt = Infinity): void {
    this.base = this.done
    this.stopAt = this.done + stopAt
  }

  /** Does what may resume a fiber of the body. */
  begin(): void {
    this.current =
      this.first =
      this.unit =
      this.goesOnAt =
      this.latest =
        undefined
    this.place = 0
    this.mayGiveWay = true
  }

  schedule(task: Task): void {
    const { toPlace } = this
    if (toPlace !== undefined) {
      this.toPlace = undefined
      return toPlace(task)
    }
    // What others schedule, such as somebody who fills a queue of the body, is theirs: the fibers that it resumes are stopped.
    if (!this.inTurn) return task()
    if (this.latest !== undefined) this.latest.by = undefined
    this.latest = { task, by: Fiber.getCurrent() }
    this.tasks.push(this.latest)
    this.limit = -1
    this.onTask()
  }

  /** Has the fiber die of this defect when this task of its resumes it. */
  condemn(fiber: AnyFiber, task: Task, defect: unknown): void {
    this.condemned.set(fiber, defect)
    this.tasks.push({ task, by: undefined })
  }

  /**
   * Runs stopped fibers and, with `tasks`, all tasks and those that they
   * schedule. False when the rest must wait, for another turn or for a stop.
   */
  drain(tasks: boolean): boolean {
    while (!this.gaveWay) {
      const stopped = this.stopped.shift()
      if (stopped !== undefined) {
        this.begin()
        this.goesOnAt = stopped.operation
        stopped.task()
        continue
      }
      if (!tasks) return true
      if (this.head === this.tasks.length) {
        this.tasks = []
        this.head = 0
        // Those of them that an interrupt has ended need not die.
        if (this.condemned.size > 0) this.condemned.clear()
        return true
      }
      if (this.done >= this.stopAt || (this.done >= this.lookAt && this.look())) break
      const scheduled = this.tasks[this.head++]!
      this.done++
      this.begin()
      this.unit = scheduled
      this.mayGiveWay = false
      scheduled.task()
    }
    this.gaveWay = false
    return false
  }

  /** Whether it is time to give way. */
  private look(): boolean {
    this.slice.looks++
    const more = this.pace.look(this.slice)
    this.lookAt = this.done + more
    return more === 0
  }

  private consider(fiber: AnyFiber): boolean {
    if (!this.inTurn) {
      this.toPlace = this.onOutside(fiber)
      return true
    }
    if (this.latest?.by === fiber) {
      // A fiber that schedules a task and goes on does not wait for that task.
      if (fiber.currentOpCount > 1) this.latest.by = undefined
      this.latest = undefined
    }
    const defect = this.condemned.get(fiber)
    if (this.condemned.delete(fiber)) throw defect
    if (this.gaveWay) return this.stop(fiber)
    if (fiber !== this.current) this.turnTo(fiber)
    if (this.goesOnAt !== undefined) {
      // As if it had not stopped: the end of its yield is no operation of the body.
      ;(fiber as { currentOpCount: number }).currentOpCount = this.goesOnAt - 1
      this.goesOnAt = undefined
    } else {
      const mayStop = this.mayGiveWay && fiber === this.first
      if (mayStop && (this.done >= this.stopAt || (this.done >= this.lookAt && this.look()))) return this.stop(fiber)
      this.done++
    }
    this.limit = this.latest === undefined ? Math.min(this.lookAt, this.stopAt) : -1
    return false
  }

  /** Another fiber goes on than before. */
  private turnTo(fiber: AnyFiber): void {
    this.current = fiber
    if (this.first === undefined) {
      this.first = fiber
      // A task that resumes who scheduled it, or begins a fiber, does nothing but that.
      if (this.unit !== undefined) this.mayGiveWay = this.unit.by === fiber || fiber.id > this.newest
    } else if (fiber === this.first && fiber.currentOpCount === 1) {
      // It had ended or waited, and something resumes it in the middle of what another fiber does.
      this.mayGiveWay = false
    }
    if (fiber.id > this.newest) this.newest = fiber.id
  }

  /** The fiber stops before this operation. */
  private stop(fiber: AnyFiber): true {
    const operation = fiber.currentOpCount
    this.gaveWay = true
    this.toPlace = (task) => void this.stopped.splice(this.place++, 0, { task, operation })
    return true
  }
}
