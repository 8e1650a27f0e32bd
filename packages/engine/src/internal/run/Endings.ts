/**
 * How a run comes to its end here: for good, or to be taken up again.
 */
import * as EntryRole from "@fermata/core/EntryRole"
import * as ExitJson from "@fermata/core/ExitJson"
import * as FailureText from "@fermata/core/FailureText"
import * as Spent from "@fermata/core/Spent"
import * as StoredJson from "@fermata/core/StoredJson"
import type { Wait } from "@fermata/core/Wait"
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import type * as Workflow from "effect/workflow/Workflow"
import type { Diverged } from "./Answer.ts"
import * as Decide from "./Decide.ts"
import * as Pass from "./Pass.ts"
import * as Phase from "./Phase.ts"
import type { ExecutorHost, HeldRun } from "./RunHost.ts"
import type { RunParts } from "./RunParts.ts"
import { isInFlight } from "./Standing.ts"

export class Endings {
  private readonly parts: RunParts
  private readonly held: HeldRun

  constructor(parts: RunParts, held: HeldRun) {
    this.parts = parts
    this.held = held
  }

  /** Lets go of everything. Workflow fibers are left to the garbage collector; step bodies are interrupted. */
  drop(how = Phase.dropped): void {
    const { bodies, outsideWaits, run } = this.parts
    if (run.phase.isGone) return
    run.phase = how
    run.alarms.clear()
    bodies.drop()
    outsideWaits.drop()
    Pass.letGo(run.pass)
    run.ready = []
    run.toStart = []
  }

  /** The process is told that the run is not here any more. */
  leave(how: Parameters<ExecutorHost["gone"]>[1], phase = Phase.dropped): void {
    this.drop(phase)
    this.parts.run.host.gone(this.held, how)
  }

  /** Gives the run up while it waits: the store knows when it is due, and the fibers are dropped. */
  release(): void {
    const { run, writing } = this.parts
    const dueAt = this.nextDue
    run.phase = Phase.leaving
    writing.release(undefined, { dueAt }, undefined, (ok) => {
      this.leave(ok ? "released" : "deposed", ok ? Phase.evicted : Phase.dropped)
    })
  }

  /** When the run must be taken up again at the latest, ms since the epoch. */
  get nextDue(): number | null {
    const { questions, run } = this.parts
    const due = Math.min(questions.ownAnswers.due, run.alarms.next)
    return Number.isFinite(due) ? due : null
  }

  /** Begins a new pass of the code. */
  reload(): void {
    const { run, writing } = this.parts
    run.phase = Phase.leaving
    writing.commit({ status: "running", reason: null, waits: null }, undefined, undefined, (ok) => {
      if (ok) this.leave("reload")
    })
  }

  /**
   * Tells the code that waits for a signal or for the end of the run to end;
   * not while a step is under way, which the end would cut short and a return
   * from it begin again.
   */
  offerEnd(): boolean {
    const { run } = this.parts
    if (!run.phase.isLive || run.pendingStop !== undefined || run.pass.stop !== undefined) return false
    for (const [key, { name }] of run.pass.ends) {
      if (isUnderWay(run.pass)) return false
      run.batch.offerEnd()
      run.tell({ _tag: "EndOffered", key, name })
      return true
    }
    return false
  }

  /**
   * The code has come to its end. Where it was told to end, and there is an
   * unread signal all the same, that is taken back: the journal does not say
   * so, and a new pass comes to the same place and is told of the signal.
   */
  finish(exit: Exit.Exit<Workflow.Result<unknown, unknown>>, isSuspended: boolean): void {
    const { inbox, main, run, writing } = this.parts
    if (run.phase !== Phase.live && run.phase !== Phase.replaying) return
    if (Exit.isSuccess(exit) && exit.value._tag === "Suspended") return this.suspendOnFailure(exit.value)
    if (inbox.hasUnread(this.offers)) return this.takeBack(isSuspended)
    const outcome = main.outcome(exit)
    inbox.end()
    const { entry, status } = Decide.end(outcome, run.pass.stop, (defect) => ExitJson.causeToJson(Cause.die(defect)))
    run.append(entry)
    const before = run.phase
    run.phase = Phase.leaving
    const spent = run.purse?.final ?? Spent.zero
    const exitText = StoredJson.compose({ ...outcome })
    writing.commit(
      { status, reason: null, waits: null },
      { payload: StoredJson.compose({ exit: exitText, ...(Spent.isZero(spent) ? {} : { spent }) }).text },
      undefined,
      (ok, unseen) => {
        if (unseen === true) {
          // Somebody was told that it is recorded: it is taken first, and the end comes behind it.
          run.phase = before
          run.batch.withdraw()
          // What was handed over while the end was being written is here, and is not handed over again.
          if (run.ready.length > 0) run.loop.wake()
          return run.host.handOutSoon()
        }
        if (ok) this.leave("ended", Phase.ended)
      }
    )
  }

  /** The names of the signals for want of which the code was told to end. None when it has been told something since, which cannot be taken back. */
  private get offers(): ReadonlySet<string> {
    const { batch } = this.parts.run
    const names = new Set<string>()
    if (batch.offered === undefined) return names
    for (const entry of batch.entries.slice(batch.offered.entries)) {
      if (entry._tag === "EndOffered") names.add(entry.name)
      else if (EntryRole.roleOf(entry) === "delivery") return new Set()
    }
    return names
  }

  private takeBack(isSuspended: boolean): void {
    const { run } = this.parts
    run.batch.takeBack()
    const { entries, length } = run.batch
    if (isSuspended && !entries.some(EntryRole.goesOn)) run.append({ _tag: "RunResumed" })
    // Their bodies only waited, and begin again; that is no crash of theirs.
    for (const { phase, record } of run.pass.steps.values()) {
      const isCut = phase === "running" || phase === "abandoned"
      if (isCut && record.entry.onCrash !== "ask" && record.entry.seq < length) {
        run.append({ _tag: "StepReleased", key: record.key })
      }
    }
    this.reload()
  }

  suspendOnFailure(result: Workflow.Suspended): void {
    const { run, writing } = this.parts
    const detail = result.cause === undefined
      ? "the workflow asked to be suspended"
      : FailureText.ofCause(ExitJson.causeToJson(result.cause))
    const waits: ReadonlyArray<Wait> = [{ reason: "operator", key: "failure", detail }]
    run.append({ _tag: "RunSuspended", waits })
    run.phase = Phase.leaving
    writing.commit(
      { status: "suspended", reason: "operator", waits: StoredJson.textOf(waits) },
      undefined,
      { dueAt: null },
      (ok) => {
        if (ok) this.leave("released")
      }
    )
  }

  /** Suspends the run as it stands in the store, leaving the journal untouched. */
  suspendUnrecorded(reason: "diverged" | "recovery", { detail, key }: Diverged): void {
    const { run, writing } = this.parts
    run.batch.discard()
    run.phase = Phase.leaving
    const waits: ReadonlyArray<Wait> = [{ reason, key, detail }]
    writing.release(
      { status: "suspended", reason, waits: StoredJson.textOf(waits) },
      { dueAt: null, quiet: true },
      { at: run.host.now(), waits },
      (ok) => this.leave(ok ? "released" : "deposed")
    )
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** Whether a body is at work, or about to be. */
const isUnderWay = (pass: Pass.Pass): boolean => {
  if (isInFlight(pass)) return true
  for (const { phase } of pass.open) if (phase === "queued") return true
  return false
}
