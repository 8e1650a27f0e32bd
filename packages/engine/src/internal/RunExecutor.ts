/**
 * One run in memory, as its process has it: handed rows of its inbox, written,
 * and let go of.
 *
 * It never interrupts a workflow because it is let go. It drops it: fibers that
 * wait on a callback nobody holds are garbage, and no finalizer runs.
 */
import type * as JournalEntry from "@fermata/core/JournalEntry"
import * as Effect from "effect/Effect"
import type { InboxRow, RunRow } from "../Backend.ts"
import type { StepDefinition } from "./run/Ask.ts"
import type { Ledger } from "./run/Ledger.ts"
import * as Phase from "./run/Phase.ts"
import type { ExecutorHost, HeldRun, Registration } from "./run/RunHost.ts"
import { RunLoop } from "./run/RunLoop.ts"
import type { RunParts } from "./run/RunParts.ts"
import { isInFlight } from "./run/Standing.ts"

export class RunExecutor implements HeldRun {
  readonly row: RunRow
  readonly registration: Registration
  private readonly loop: RunLoop
  private readonly parts: RunParts

  constructor(
    host: ExecutorHost,
    registration: Registration,
    row: RunRow,
    payload: object,
    history: ReadonlyArray<JournalEntry.JournalEntry>
  ) {
    this.row = row
    this.registration = registration
    this.loop = new RunLoop(host, registration, row, payload, history, this)
    this.parts = this.loop.parts
  }

  /** What its journal says, with what is yet to be written. */
  get ledger(): Ledger {
    return this.parts.run.ledger
  }

  /** What the code says of a step, once it has asked for it. */
  definitionOf(key: string): StepDefinition | undefined {
    return this.parts.run.pass.steps.get(key)?.definition
  }

  /** This process dropped the run because the store had failed elsewhere: no step of the run has crashed. */
  set droppedByStoreFailure(dropped: boolean) {
    this.parts.course.droppedByStoreFailure = dropped
  }

  /** Replays the journal and goes on. */
  start(): void {
    this.loop.pump()
  }

  /** Hands over a row of the run's inbox. A row that was handed over before is ignored. */
  receive(row: InboxRow): void {
    this.parts.inbox.receive(row)
  }

  /** Gives the run up when every branch waits: the store knows when it is due, and the fibers are dropped. */
  release(): void {
    if (this.isQuiet && this.loop.flush.suspendedWaits !== undefined) this.loop.endings.release()
  }

  /** Lets go of everything. Workflow fibers are left to the garbage collector; step bodies are interrupted. */
  drop(): void {
    this.loop.endings.drop()
  }

  /** As `drop`, but step bodies are not interrupted either: their process is dead. */
  crash(): void {
    this.parts.bodies.forget()
    this.drop()
  }

  /** Number of recorded entries that a replay has handed over so far. */
  get reached(): number {
    return this.parts.run.replayer.reached
  }

  /** Whether a commit of this run is under way. */
  get writing(): boolean {
    return this.parts.run.phase.isWriting
  }

  /** Whether nothing happens by itself until a delivery, time or a step body: for tests that wait for that. */
  get resting(): boolean {
    const { digests, events, questions, run } = this.parts
    return !this.writing && this.loop.isIdle && run.ready.length === 0 && run.batch.entries.length === 0 &&
      !digests.pending && questions.ownAnswers.resting && !events.isLooking
  }

  /**
   * An orderly end of this process for the run: bodies of `ask` steps may
   * finish within the grace, others are interrupted and recorded as such, and
   * the run is suspended without an entry.
   */
  shutdown(grace: Effect.Effect<void>): Effect.Effect<void> {
    const { bodies, run } = this.parts
    return Effect.andThen(
      bodies.finish(grace),
      Effect.callback<void>((resume) => {
        const isOver = () => run.phase.isGone || run.phase === Phase.leaving
        const leave = () => {
          if (isOver()) return resume(Effect.void)
          if (this.writing || this.loop.isTurning) return run.host.schedule(leave)
          this.loop.turn()
          if (isOver()) return resume(Effect.void)
          if (this.writing) return run.host.schedule(leave)
          this.leave(() => resume(Effect.void))
        }
        leave()
      })
    )
  }

  /** Writes that the run is let go of, with the bodies that this interrupts. */
  private leave(done: () => void): void {
    const { events, run, writing } = this.parts
    const { endings, flush } = this.loop
    run.phase = Phase.leaving
    for (const step of run.pass.open) {
      if (step.phase === "running") run.append({ _tag: "StepReleased", key: step.record.key })
    }
    const dueAt = flush.suspendedWaits === undefined || events.isLooking ? 0 : endings.nextDue
    writing.commit(flush.begun, undefined, { dueAt }, () => {
      endings.leave("released")
      done()
    })
  }

  /** Whether nothing is in flight, waiting to be delivered, or waiting to be written. */
  private get isQuiet(): boolean {
    const { digests, events, main, questions, run } = this.parts
    return run.phase === Phase.live && this.loop.isIdle && run.ready.length === 0 && run.batch.isEmpty &&
      (run.toStart.length === 0 || run.ledger.paused) &&
      questions.ownAnswers.idle && !isInFlight(run.pass) && !events.isLooking &&
      main.exit === undefined && run.pendingStop === undefined && !digests.pending
  }
}
