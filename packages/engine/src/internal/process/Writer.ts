/**
 * What this process writes to its store, and what becomes of a write that fails:
 * one that a full store refused is waited for, since nothing is lost by it, and
 * any other leaves this process unsure of what it owns.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { Answer, Backend, Op, StorageFailed } from "../../Backend.ts"
import { Committer } from "./Committer.ts"
import type { HostRuntime } from "./HostRuntime.ts"
import { Patience } from "./Patience.ts"
import type { Rounds } from "./Rounds.ts"
import { isStoreFull, StorePressure } from "./StorePressure.ts"
import type { Watch } from "./Watch.ts"

interface Parts {
  readonly backend: Backend
  readonly host: HostRuntime
  readonly rounds: Rounds
  /** Whether runs of this process wait for its writes, and not only its callers. */
  readonly concernsRuns: () => boolean
  /** A write has failed, and not because the store is full. */
  readonly lost: (cause: unknown) => void
  readonly watch: Watch
}

/** Without the answer to one of these, this process may own a run that it knows nothing of. */
const owning: ReadonlySet<Op["op"]> = new Set(["start", "claim", "claimOne", "commit"])

export class Writer {
  private readonly parts: Parts
  private readonly committer: Committer
  private readonly pressure: StorePressure
  /** How what step bodies ask of the store is tried again. */
  readonly patience: Patience

  constructor(parts: Parts) {
    const { backend, concernsRuns, host, rounds } = parts
    this.parts = parts
    this.pressure = new StorePressure(host.fork, host.hostSleep, () => !rounds.closed && concernsRuns())
    this.patience = new Patience(this.pressure.wait, host.hostSleep, () => !rounds.closed)
    this.committer = new Committer(backend, host.schedule, host.fork, this.pressure.wait, parts.watch)
  }

  /** Whether nothing is being written or waits for it. */
  get idle(): boolean {
    return this.committer.idle
  }

  readonly write = <O extends Op>(op: O): Effect.Effect<Answer<O>, StorageFailed> => {
    const written = this.committer.write(op)
    return owning.has(op.op) && !(op.op === "start" && op.run.owner === null)
      ? Effect.tapError(written, (error) => Effect.sync(() => this.failed(Cause.fail(error))))
      : written
  }

  /** Writes without a fiber that waits for the answer. The caller says what becomes of a failure. */
  submit<O extends Op>(op: O, done: (answer: Exit.Exit<Answer<O>, StorageFailed>) => void): void {
    this.committer.submit(op, done)
  }

  /** From now on commits of these runs fail at once when the store is full, instead of waiting for space. */
  failFast(runs: ReadonlyArray<string>): void {
    this.committer.failFast(runs)
  }

  /** A commit of a run has succeeded: the store is not full any more. */
  succeeded(): void {
    this.pressure.relieved()
  }

  /** A commit of a run has failed, and the run is told of that. */
  commitFailed(cause: Cause.Cause<unknown>): void {
    if (!isStoreFull(cause)) this.parts.lost(cause)
  }

  /** A write of the engine's own has failed. After one that a full store refused, the main loop goes round again. */
  failed(cause: Cause.Cause<unknown>): void {
    if (!isStoreFull(cause)) return this.parts.lost(cause)
    this.pressure.poke(cause, this.parts.rounds.poke)
  }
}
