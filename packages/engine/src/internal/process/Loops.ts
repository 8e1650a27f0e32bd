/**
 * The loops of one process: the main loop, which takes up due runs, hands out
 * inbox rows and carries what runs left in the outbox; the heartbeat; and the
 * poll, which looks for what others have written.
 */
import { isFinal, type RunStatus } from "@fermata/core/RunStatus"
import * as Effect from "effect/Effect"
import type { Backend } from "../../Backend.ts"
import type { EngineOptions } from "../../EngineOptions.ts"
import type { FeedReader } from "../FeedReader.ts"
import type { TaskBell } from "../tasks/TaskBell.ts"
import type { HostRuntime } from "./HostRuntime.ts"
import type { Inboxes } from "./Inboxes.ts"
import type { Liveness } from "./Liveness.ts"
import type { Loading } from "./Loading.ts"
import type { Ownership } from "./Ownership.ts"
import type { ParkedRuns } from "./ParkedRuns.ts"
import { Look, type Rounds } from "./Rounds.ts"
import type { RunWaiters } from "./RunWaiters.ts"
import type { Timer, TimerQueue } from "./TimerQueue.ts"
import type { Writer } from "./Writer.ts"

interface Parts {
  readonly options: EngineOptions
  readonly backend: Backend
  readonly host: HostRuntime
  readonly rounds: Rounds
  readonly writer: Writer
  readonly ownership: Ownership
  readonly liveness: Liveness
  readonly parked: ParkedRuns
  readonly inboxes: Inboxes
  readonly loading: Loading
  readonly timers: TimerQueue
  readonly waiters: RunWaiters
  readonly feed: FeedReader
  readonly taskBell: TaskBell
  /** Carries what is in the outbox. Answers whether there was anything. */
  readonly deliver: () => Effect.Effect<boolean, unknown>
}

export class Loops {
  private readonly parts: Parts
  /** For the next run without an owner. */
  private armed: Timer | undefined
  private lastVersion = -1

  constructor(parts: Parts) {
    this.parts = parts
  }

  readonly main: Effect.Effect<never> = Effect.suspend(() => this.parts.rounds.run((what) => this.round(what)))

  private round(what: number): Effect.Effect<void> {
    const { deliver, inboxes, loading, writer } = this.parts
    return Effect.catchCause(
      Effect.gen({ self: this }, function*() {
        const carried = (what & Look.outbox) !== 0 && (yield* deliver())
        if (carried || (what & Look.due) !== 0) yield* loading.claimDue
        if (carried || (what & Look.inbox) !== 0) yield* inboxes.handOut
        if (carried || (what & Look.due) !== 0) this.armNext()
      }),
      (cause) => Effect.sync(() => writer.failed(cause))
    )
  }

  private armNext(): void {
    const { loading, rounds, timers } = this.parts
    const due = loading.nextDue
    if (due === (this.armed?.at ?? null)) return
    if (this.armed !== undefined) timers.cancel(this.armed)
    this.armed = due === null ? undefined : timers.set(due, () => {
      this.armed = undefined
      rounds.poke()
    })
  }

  /** Says that this process lives, and frees the runs of those that do not. */
  readonly heartbeat: Effect.Effect<void> = Effect.suspend(() =>
    Effect.catchCause(this.parts.ownership.renew, (cause) => Effect.sync(() => this.parts.writer.failed(cause)))
  )

  readonly beat: Effect.Effect<never> = Effect.forever(
    Effect.suspend(() => Effect.andThen(this.parts.host.hostSleep(this.parts.options.leaseMs / 3), this.heartbeat))
  )

  /** Looks for writes of other processes, and lets runs go that have been parked for long. */
  readonly poll: Effect.Effect<never> = Effect.forever(
    Effect.suspend(() => Effect.andThen(this.parts.host.hostSleep(this.parts.options.pollMs), this.look))
  )

  private readonly look: Effect.Effect<void> = Effect.gen({ self: this as Loops }, function*() {
    const { backend, feed, liveness, parked, rounds, taskBell, timers, waiters } = this.parts
    liveness.look()
    timers.look()
    parked.evictIdle()
    if (!backend.supports.shared && !feed.isHeard) return
    const version = yield* Effect.orElseSucceed(backend.version, () => this.lastVersion)
    const changed = version !== this.lastVersion
    this.lastVersion = version
    feed.look(changed)
    if (changed) taskBell.ring()
    if (!changed || !backend.supports.shared) return
    for (const runId of waiters.runIds) {
      const row = yield* Effect.orElseSucceed(backend.run(runId), () => null)
      if (row !== null && (isFinal(row.status as RunStatus) || row.status === "suspended")) waiters.notify(runId)
    }
    rounds.poke()
  })
}
