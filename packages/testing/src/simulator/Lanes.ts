/**
 * Time and work of a simulated world: one virtual clock, and a queue of tasks
 * from which the next is chosen. Every process is a lane. What a dead lane has
 * left is never done; what a paused one has left waits.
 */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as Scheduler from "effect/Scheduler"
import type { Choices } from "./Choices.ts"

type Task = () => void

interface Sleeper {
  readonly at: number
  readonly order: number
  readonly lane: Lane
  readonly wake: Task
}

/** How far from the head of the queue the next task is taken. */
const reach = [70, 12, 9, 9]

export class Lanes {
  private queue: Array<{ readonly lane: Lane; readonly task: Task }> = []
  private sleepers: Array<Sleeper> = []
  private order = 0
  private readonly choices: Choices
  /** ms since the epoch. */
  now: number

  constructor(choices: Choices, start: number) {
    this.choices = choices
    this.now = start
  }

  /** Whether there is nothing to do until time passes or somebody acts. */
  get idle(): boolean {
    return this.queue.length === 0
  }

  schedule(lane: Lane, task: Task): void {
    if (lane.state === "dead") return
    if (lane.state === "paused") lane.held.push(task)
    else this.queue.push({ lane, task })
  }

  /** Runs at most so many tasks, and answers how many. */
  run(limit: number): number {
    let count = 0
    for (; count < limit && this.queue.length > 0; count++) {
      const options = Math.min(this.queue.length, reach.length)
      const index = options === 1 ? 0 : this.choices.choose("task", reach.slice(0, options))
      const [next] = this.queue.splice(index, 1)
      next!.task()
    }
    return count
  }

  /** The time at which something that sleeps wakes up. */
  get nextWake(): number | undefined {
    let next: number | undefined
    for (const { at, lane } of this.sleepers) {
      if (lane.state === "running" && (next === undefined || at < next)) next = at
    }
    return next
  }

  /** Moves time, and wakes what has become due, in order. */
  advance(to: number): void {
    this.now = Math.max(this.now, to)
    const due = this.sleepers.filter((sleeper) => sleeper.at <= this.now).sort((a, b) =>
      a.at - b.at || a.order - b.order
    )
    if (due.length === 0) return
    this.sleepers = this.sleepers.filter((sleeper) => sleeper.at > this.now)
    for (const { wake } of due) wake()
  }

  sleep(lane: Lane, millis: number): Effect.Effect<void> {
    if (millis <= 0) return Effect.yieldNow
    if (!Number.isFinite(millis)) return Effect.never
    return Effect.callback((resume) => {
      const sleeper: Sleeper = { at: this.now + millis, order: this.order++, lane, wake: () => resume(Effect.void) }
      this.sleepers.push(sleeper)
      return Effect.sync(() => {
        this.sleepers = this.sleepers.filter((other) => other !== sleeper)
      })
    })
  }

  /** A kill: nothing of the lane ever happens again. */
  end(lane: Lane): void {
    lane.state = "dead"
    lane.held = []
    this.queue = this.queue.filter((entry) => entry.lane !== lane)
    this.sleepers = this.sleepers.filter((sleeper) => sleeper.lane !== lane)
  }

  pause(lane: Lane): void {
    if (lane.state !== "running") return
    lane.state = "paused"
    for (const entry of this.queue) if (entry.lane === lane) lane.held.push(entry.task)
    this.queue = this.queue.filter((entry) => entry.lane !== lane)
  }

  resume(lane: Lane): void {
    if (lane.state !== "paused") return
    lane.state = "running"
    for (const task of lane.held.splice(0)) this.schedule(lane, task)
  }
}

/** One process: the scheduler and the clock of its fibers. */
export class Lane implements Scheduler.Scheduler {
  readonly executionMode = "async"
  readonly name: string
  readonly clock: Clock.Clock
  state: "running" | "paused" | "dead" = "running"
  held: Array<Task> = []
  private readonly dispatcher: Scheduler.SchedulerDispatcher

  constructor(lanes: Lanes, name: string) {
    this.name = name
    this.dispatcher = { scheduleTask: (task) => lanes.schedule(this, task), flush: () => {} }
    const millis = () => lanes.now
    const nanos = () => BigInt(lanes.now) * 1_000_000n
    this.clock = {
      currentTimeMillisUnsafe: millis,
      currentTimeNanosUnsafe: nanos,
      monotonicTimeNanosUnsafe: nanos,
      currentTimeMillis: Effect.sync(millis),
      currentTimeNanos: Effect.sync(nanos),
      monotonicTimeNanos: Effect.sync(nanos),
      sleep: (duration) => lanes.sleep(this, Duration.toMillis(duration))
    }
  }

  shouldYield(fiber: Fiber.Fiber<unknown, unknown>): boolean {
    return fiber.currentOpCount >= fiber.cache.maxOpsBeforeYield
  }

  makeDispatcher(): Scheduler.SchedulerDispatcher {
    return this.dispatcher
  }
}
