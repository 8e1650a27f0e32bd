/** Time, turns of the event loop and fibers of one process, as its host gives them. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Scheduler from "effect/Scheduler"
import type { HostClock } from "../../HostClock.ts"

export class HostRuntime {
  private readonly ambient: Context.Context<never>
  private readonly clock: Clock.Clock
  private readonly hostClock: HostClock["Service"]
  private readonly dispatcher: Scheduler.SchedulerDispatcher

  /** `ambient`: the context of the engine's own fibers. */
  constructor(ambient: Context.Context<never>, hostClock: HostClock["Service"]) {
    this.ambient = ambient
    this.clock = Context.get(ambient, Clock.Clock)
    this.hostClock = hostClock
    this.dispatcher = Context.get(ambient, Scheduler.Scheduler).makeDispatcher()
  }

  /** ms since the epoch, by the clock that programs live by. Whole, whatever the clock says: every time that is stored is. */
  readonly now = (): number => Math.floor(this.clock.currentTimeMillisUnsafe())

  /** ms of a clock that nobody sets, for how long something took. */
  readonly elapsed = (): number => Number(this.clock.monotonicTimeNanosUnsafe()) / 1e6

  /** Runs the task in a later turn of the event loop. */
  readonly schedule = (task: () => void): void => this.dispatcher.scheduleTask(task, 0)

  /** Forks a fiber that nothing holds, in the engine's own context. */
  readonly fork = <A, E>(effect: Effect.Effect<A, E>): Fiber.Fiber<A, E> => Effect.runForkWith(this.ambient)(effect)

  /** ms since the epoch, by the clock of the machine. */
  readonly hostNow = (): number => this.hostClock.now()

  /** ms of the machine, by a clock that nobody sets. */
  readonly hostElapsed = (): number => this.hostClock.elapsed()

  /** Waits (ms) by the host's clock. */
  readonly hostSleep = (millis: number): Effect.Effect<void> => this.hostClock.sleep(millis)
}
