/**
 * What this process owns, and when it is sure of that: its lease, the trees of
 * runs that it adopted, and its new beginnings after a failure of the store.
 */
import * as Effect from "effect/Effect"
import type { Backend, StorageFailed } from "../../Backend.ts"
import type { EngineOptions } from "../../EngineOptions.ts"
import type { HostRuntime } from "./HostRuntime.ts"
import type { Liveness } from "./Liveness.ts"
import { answerMs } from "./Patience.ts"
import type { Rounds } from "./Rounds.ts"

interface Parts {
  readonly ownerId: string
  readonly options: EngineOptions
  readonly backend: Backend
  readonly host: HostRuntime
  readonly rounds: Rounds
  readonly liveness: Liveness
  /** Lets go of every run in memory as if this process had crashed. */
  readonly dropRuns: () => void
}

export class Ownership {
  private readonly parts: Parts
  /** Roots whose runs this process takes up although it is no worker. */
  private readonly adopted = new Set<string>()
  /** Roots whose runs this process takes up although it lacks what their documents need, as to stop them. */
  private readonly unserved = new Set<string>()
  /** Counts the new beginnings: a run that came to this process in an era that is over goes back. */
  private beginnings = 0
  private recovering = false

  constructor(parts: Parts) {
    this.parts = parts
  }

  get ownerId(): string {
    return this.parts.ownerId
  }

  /** The number of the present era: what this process came to own in an earlier one it does not own any more. */
  get era(): number {
    return this.beginnings
  }

  /** Whether the store has failed and has yet to answer again: until then this process takes up nothing. */
  get isUnsure(): boolean {
    return this.recovering
  }

  /** Whether others may take this process for dead by now. It says that it lives before it comes to own anything more. */
  get isOverdue(): boolean {
    return this.parts.liveness.isOverdue
  }

  /** Whether this process may write at all. */
  get writes(): boolean {
    return this.parts.backend.supports.writes !== false
  }

  /** Whether this process may come to own runs. */
  get isOwner(): boolean {
    return this.writes && this.parts.options.maxAwake > 0
  }

  /** Takes up the runs of this tree although this process is no worker; a worker takes up all there are. */
  readonly adopt = (root: string): void => {
    if (!this.parts.options.worker) this.adopted.add(root)
  }

  /** Takes up the runs of this tree also where what their documents need is not here. */
  adoptUnserved(root: string): void {
    this.unserved.add(root)
  }

  /** The trees whose runs this process takes up; null for all. */
  get roots(): ReadonlyArray<string> | null {
    return this.parts.options.worker ? null : Array.from(this.adopted)
  }

  get unservedRoots(): ReadonlyArray<string> {
    return Array.from(this.unserved)
  }

  adopts(root: string): boolean {
    return this.parts.options.worker || this.adopted.has(root)
  }

  adoptsUnserved(root: string): boolean {
    return this.unserved.has(root)
  }

  /** Frees the runs of processes that are dead. */
  get reap(): Effect.Effect<void, StorageFailed> {
    return this.freeing(this.parts.liveness.reap)
  }

  /** The processes that are dead and have given no sign of life for so long (ms). */
  readonly stale = (millis: number) => this.parts.liveness.stale(millis)

  /** Says that this process lives, and frees the runs of those that do not. */
  get renew(): Effect.Effect<void, StorageFailed> {
    return this.freeing(this.parts.liveness.beat)
  }

  private freeing(freed: Effect.Effect<number, StorageFailed>): Effect.Effect<void, StorageFailed> {
    return Effect.map(freed, (count) => {
      if (count > 0) this.parts.rounds.poke()
    })
  }

  /** Gives back all that this process owns. */
  get retire(): Effect.Effect<void> {
    const { backend, ownerId } = this.parts
    return this.isOwner ? Effect.ignore(backend.write([{ op: "retire", owner: ownerId }])) : Effect.void
  }

  /**
   * A failed write leaves this process unsure of what it owns. It drops its
   * runs, and once the store answers again it frees them and begins anew.
   */
  readonly lost = (cause: unknown): void => {
    const { backend, dropRuns, host, liveness, ownerId, rounds } = this.parts
    if (rounds.closed) return
    this.beginnings++
    if (this.recovering) return
    this.recovering = true
    dropRuns()
    const again: Effect.Effect<void> = Effect.suspend(() => {
      const { era } = this
      return Effect.matchCauseEffect(backend.write([{ op: "retire", owner: ownerId }, liveness.alive()]), {
        onFailure: () => rounds.closed ? Effect.void : Effect.andThen(host.hostSleep(answerMs), again),
        onSuccess: () =>
          era !== this.era ? again : Effect.sync(() => {
            liveness.said()
            this.recovering = false
            rounds.poke()
          })
      })
    })
    host.fork(
      Effect.andThen(Effect.logError("the store failed; its runs are taken up again when it answers", cause), again)
    )
  }
}
