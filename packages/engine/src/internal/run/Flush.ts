/**
 * What is written when nothing is left to deliver: where the run stands, with
 * all that it has done since.
 */
import * as EntryRole from "@fermata/core/EntryRole"
import type * as JournalEntry from "@fermata/core/JournalEntry"
import * as StoredJson from "@fermata/core/StoredJson"
import type { Wait } from "@fermata/core/Wait"
import * as Phase from "./Phase.ts"
import type { HeldRun, PendingCommit } from "./RunHost.ts"
import type { RunParts } from "./RunParts.ts"
import { standing } from "./Standing.ts"

const stillMs = 60_000

/** Who goes on when something has been written. */
export interface Turns {
  /** What was written is in the store. */
  readonly pump: () => void
  /** An entry was made inside its commit. */
  readonly handOver: (entry: JournalEntry.JournalEntry) => void
}

export class Flush {
  /** What the run waits for, as stored, while it is suspended. */
  suspendedWaits: string | undefined
  private readonly turns: Turns
  private readonly parts: RunParts
  private readonly held: HeldRun
  /** Where the row of the run says that it stands. */
  private projected: string
  private hasRested = false

  constructor(parts: RunParts, held: HeldRun, turns: Turns) {
    this.turns = turns
    const { reason, status, waits } = parts.run.row
    this.parts = parts
    this.held = held
    this.projected = projection(status, reason, waits)
    this.suspendedWaits = status === "suspended" ? waits ?? undefined : undefined
  }

  /** What is written of a run that is let go of before this has written where it stands: its code has begun. */
  get begun(): PendingCommit["status"] {
    return this.parts.run.batch.entries.some(({ _tag }) => _tag === "RunStarted")
      ? { status: "running", reason: null, waits: null }
      : undefined
  }

  flush(): void {
    const { bodies, events, questions, run, writing } = this.parts
    const { batch, host, pass } = run
    if (run.phase !== Phase.live) return
    if (events.beginLooks() && run.toStart.length === 0) return
    const isPaused = run.ledger.paused || run.pendingStop !== undefined
    const { busy, reason, status, waits } = standing(pass, run.toStart.length > 0 && !isPaused)
    const text = this.settle(busy, status, waits)
    const now = projection(status, reason, text)
    const changed = now !== this.projected && (status === "suspended" || busy || this.projected.startsWith("queued "))
    const starting = isPaused ? [] : run.toStart
    if (batch.isEmpty && !changed && starting.length === 0) {
      if (bodies.runTogether(writing, this.turns.handOver)) return
      questions.ownAnswers.expireOverdue()
      if (this.suspendedWaits !== undefined) host.parked(this.held)
      return
    }
    if (changed) this.projected = now
    if (!isPaused) run.toStart = []
    const submittedAt = host.hostElapsed()
    const lookAgain = events.looksAfterCommit()
    writing.commit(changed ? { status, reason, waits: text } : undefined, undefined, undefined, (ok) => {
      if (!ok || run.phase === Phase.leaving) return
      lookAgain()
      // The process may have stood still meanwhile, and the run may be another's: only the store knows.
      if (starting.length > 0 && host.hostElapsed() - submittedAt > host.options.leaseMs / 2) {
        run.toStart.unshift(...starting)
      } else for (const key of starting) bodies.start(key)
      this.turns.pump()
    })
  }

  /** Journals that the run waits, or goes on, where that is new. Answers with its waits as text. */
  private settle(busy: boolean, status: string, waits: ReadonlyArray<Wait>): string | null {
    const { limits, run } = this.parts
    const text = status === "suspended" ? StoredJson.textOf(waits) : null
    if (!busy) this.rests(waits)
    if (text !== null) {
      // A run that came through deaths of its owners in a row and waits again is not what killed them: an entry ends the count.
      const outlived = run.row.takeovers > 1 && !this.hasRested && run.pass.held === undefined
      if (text !== this.suspendedWaits || outlived || run.batch.entries.some(EntryRole.goesOn)) {
        run.append({ _tag: "RunSuspended", waits })
      }
      this.hasRested = true
      this.suspendedWaits = text
    } else if (busy && this.suspendedWaits !== undefined) {
      this.suspendedWaits = undefined
      // The body of a step has what it waited for, and goes on.
      if (!run.batch.entries.some(EntryRole.goesOn)) run.append({ _tag: "RunResumed" })
      run.host.woken(this.held)
    }
    if (!busy) limits.atRest()
    else if (run.pass.stop === undefined) limits.atWork()
    return text
  }

  /** Nothing goes on by itself. What waits for nothing that the engine knows of counts as never going on a minute later. */
  private rests(waits: ReadonlyArray<Wait>): void {
    const { alarms, host } = this.parts.run
    if (waits.length > 0) alarms.disarm("still")
    else if (!alarms.isArmed("still")) alarms.arm("still", host.now() + stillMs, { _tag: "Still" })
  }
}

const projection = (status: string, reason: string | null, waits: string | null) => `${status} ${reason} ${waits}`
