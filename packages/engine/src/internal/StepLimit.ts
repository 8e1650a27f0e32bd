/**
 * The time that one attempt of a step may take: at its end the body is told to
 * stop, and when it has not a little later, it is let go.
 *
 * ```
 * running ──(timeout)──▶ interrupted ──(grace)──▶ let go
 *    └───────── ended ────────┘
 * ```
 *
 * It is measured by a clock that nobody sets, so that a machine that was asleep
 * has not used it up.
 */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { ExecutorHost } from "./run/RunHost.ts"

/** A body asks its run for something after its timeout, when the run no longer waits for it. It is a defect of that body, which nobody observes. */
export class StepLetGo extends Error {
  override readonly name = "StepLetGo"
  constructor(what: string, step: string | undefined) {
    super(
      `${what} was asked for by the body of step "${step}", which was let go at its timeout: its run takes nothing from it any more`
    )
  }
}

const shortestGraceMs = 100

export class StepLimit {
  private readonly host: Pick<ExecutorHost, "elapsed" | "fork">
  private readonly millis: number
  /** ms between the interrupt and the letting go: as long again as the timeout, within bounds. */
  private readonly graceMs: number
  private readonly startedAt: number
  private expired = false
  private watch: Fiber.Fiber<void> | undefined

  constructor(host: Pick<ExecutorHost, "elapsed" | "fork" | "options">, millis: number) {
    this.host = host
    this.millis = millis
    this.graceMs = Math.min(Math.max(millis, shortestGraceMs), host.options.timeoutGraceMs)
    this.startedAt = host.elapsed()
  }

  /**
   * Whether what the attempt comes to now comes too late: it has been told to
   * stop, or would have been let go by now, had it not kept the process busy.
   */
  get isOver(): boolean {
    return this.expired || this.host.elapsed() - this.startedAt > this.millis + this.graceMs
  }

  begin(expire: () => void, letGo: () => void): void {
    this.watch = this.host.fork(
      Effect.sleep(this.millis).pipe(
        Effect.andThen(Effect.suspend(() => {
          this.expired = true
          expire()
          return Effect.sleep(this.graceMs)
        })),
        Effect.andThen(Effect.sync(letGo))
      )
    )
  }

  end(): void {
    this.watch?.interruptUnsafe()
    this.watch = undefined
  }
}
