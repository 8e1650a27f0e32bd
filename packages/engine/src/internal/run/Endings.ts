/**
 * How a run comes to its end here: for good, or to be taken up again.
 */
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

  /** The code has come to its end. */
  finish(exit: Exit.Exit<Workflow.Result<unknown, unknown>>): void {
    const { inbox, main, run, writing } = this.parts
    if (run.phase !== Phase.live && run.phase !== Phase.replaying) return
    if (Exit.isSuccess(exit) && exit.value._tag === "Suspended") return this.suspendOnFailure(exit.value)
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
