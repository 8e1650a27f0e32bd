/** The unit at hand: a task, or a delivery, and the fibers that it resumes. */
import type { AnyFiber, Scheduled } from "./Tasks.ts"

export class Unit {
  /** The fiber that does its operations. */
  current: AnyFiber | undefined
  /** The fiber that the unit has resumed by itself. */
  first: AnyFiber | undefined
  /** The task that the unit is, if it is one. */
  task: Scheduled | undefined
  /** Whether `first` may stop before an operation. */
  mayGiveWay = false
  /** A fiber has stopped before an operation, so every other fiber of the unit stops too. */
  gaveWay = false
  /** A stopped fiber is about to go on from here. */
  goesOnAt: number | undefined
  /** Where among the stopped fibers the next comes that stops in this unit: before all that stopped earlier. */
  place = 0
  /** The latest task that was scheduled, until it is known whether its fiber did more. */
  latest: Scheduled | undefined
  /** The highest id of a fiber in any unit. Ids of fibers grow: one above it has done nothing yet. */
  private newest = 0

  /** Another fiber goes on than before. */
  turnTo(fiber: AnyFiber): void {
    this.current = fiber
    if (this.first === undefined) {
      this.first = fiber
      // A task that resumes who scheduled it, or begins a fiber, does nothing but that.
      if (this.task !== undefined) this.mayGiveWay = this.task.by === fiber || fiber.id > this.newest
    } else if (fiber === this.first && fiber.currentOpCount === 1) {
      // It had ended or waited, and something resumes it in the middle of what another fiber does.
      this.mayGiveWay = false
    }
    if (fiber.id > this.newest) this.newest = fiber.id
  }
}
