/**
 * The course of a run's steps: their attempts and outcomes, and what becomes of
 * them after a crash.
 */
import { afterCrash, type Cut } from "@fermata/core/AfterCrash"
import type * as JournalEntry from "@fermata/core/JournalEntry"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Context from "effect/Context"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Handover from "../Handover.ts"
import { Chosen } from "../Reserved.ts"
import * as Outcomes from "../secrets/Outcomes.ts"
import type { Scrub } from "../secrets/Scrub.ts"
import * as StepWaits from "../StepWaits.ts"
import type { SettleAction, StepDefinition } from "./Ask.ts"
import * as Decide from "./Decide.ts"
import type { ReadyItem } from "./Happening.ts"
import type { AskedStep } from "./Pass.ts"
import * as Pass from "./Pass.ts"
import { remark, type RunCore } from "./RunCore.ts"

type Item<T extends ReadyItem["_tag"]> = Extract<ReadyItem, { readonly _tag: T }>

export class StepCourse {
  /** This process dropped the run because the store had failed elsewhere: no step of the run has crashed. */
  droppedByStoreFailure = false
  private readonly run: RunCore

  constructor(run: RunCore) {
    this.run = run
  }

  /**
   * Why a step that is asked for the first time does not just begin: the run is
   * in doubt, and it may have been done. It is asked of its probe, or of an
   * operator. A step that may be repeated begins; but the key of a call that a
   * model has chosen, and may choose otherwise now, repeats nothing.
   */
  doubtOf({ asker, onCrash, probe }: StepDefinition): { readonly from: number; readonly probe: boolean } | undefined {
    const { restored } = this.run.ledger
    if (restored === undefined || !this.run.phase.isLive) return undefined
    const isSafe = onCrash === "rerun" || onCrash === "commit-together" ||
      (onCrash === "rerun-keyed" && !Context.get(asker, Chosen))
    return isSafe ? undefined : { from: restored.from, probe: probe !== undefined }
  }

  /** An operator has confirmed that nothing was done since the backup. What was in flight in it is what it would be after a crash. */
  confirm(by: string): boolean {
    const { ledger, pass } = this.run
    const doubted = Array.from(pass.open).filter(({ phase, record }) =>
      phase === "unknown" && record.doubt !== undefined
    )
    if (ledger.restored === undefined && doubted.length === 0) return false
    const isNew = new Set(doubted.filter(({ record }) => record.doubt!.isNew))
    this.run.append({ _tag: "RunConfirmed", by })
    for (const step of doubted) {
      if (isNew.has(step)) this.request(step, step.record.entry.attempt, 0)
      else {
        Pass.setPhase(pass, step, "recorded")
        this.recover(step)
      }
    }
    return true
  }

  /** Its body starts when its request is in the store. */
  queue(step: AskedStep): void {
    Pass.setPhase(this.run.pass, step, "queued")
    this.run.toStart.push(step.record.key)
  }

  /** What has become of a body or of a question to a probe. */
  accept(item: Item<"Outcome" | "Probed" | "LetGo" | "Late" | "Backoff">): void {
    if (item._tag === "Late") return remark(this.run, "step-late", item.text)
    const step = this.run.pass.steps.get(item.key)
    if (step === undefined) return
    if (item._tag === "Backoff") {
      if (step.phase === "backoff") this.request(step, step.record.entry.attempt + 1, 0)
      return
    }
    if (step.phase !== "done") return
    switch (item._tag) {
      case "Outcome":
        if (item.exit._tag === "Success") {
          this.run.tell(Decide.completed(step, item.exit, item.cost, item.kept), item.kept?.blobs)
        } else {
          // An attempt that another follows leaves no outcome of the step.
          const kept = item.delay === undefined ? item.kept : undefined
          this.run.tell(
            Decide.failed(step, item.exit.cause, item.delay, this.run.host.now(), item.cost, kept),
            kept?.blobs
          )
          if (item.delay !== undefined) this.backOff(step, step.record.retryAt!)
        }
        break
      case "Probed":
        return this.probed(step, item)
      case "LetGo":
        this.run.append(Decide.letGo(step, item.millis))
        this.goOnFrom(step, "let go")
    }
    if (this.run.pendingStop !== undefined) this.endGrace()
  }

  /** Nobody waits for the step any more: a lost race, a timeout or a cancel. When its body ends is nobody's concern then. */
  abandon(step: AskedStep): void {
    const fiber = step.fiber
    step.fiber = undefined
    step.limit?.end()
    this.run.alarms.disarm(`backoff:${step.record.key}`)
    Pass.setPhase(this.run.pass, step, "abandoned")
    fiber?.interruptUnsafe()
  }

  /** A step is asked for that this pass has abandoned, or that an earlier owner had in flight. */
  askAgain(step: AskedStep): void {
    if (!this.run.phase.isLive) return Pass.setPhase(this.run.pass, step, "recorded")
    if (step.phase !== "abandoned") this.recover(step)
    else if (step.record.letGo) this.goOnFrom(step, "let go")
    else if (step.record.doubt !== undefined) this.goOnFrom(step, "released")
    else this.again(step)
  }

  /** Decides about the steps that were requested before this pass and have no outcome, in the order of their latest requests, as they would start in a run that was never replayed. */
  goLive(): void {
    const { ledger, pass } = this.run
    for (const { key } of ledger.open) {
      const step = pass.steps.get(key)
      if (step?.phase === "recorded") pass.open.add(step)
    }
    for (const step of Array.from(pass.open).sort((a, b) => a.record.entry.seq - b.record.entry.seq)) {
      this.recover(step)
    }
  }

  /** Settles a step whose outcome is unknown, or at which recovery stopped the run. Returns why it cannot be settled, if so. */
  settle(key: string, by: string, action: SettleAction): string | undefined {
    const step = this.run.pass.steps.get(key)
    if (step === undefined || (step.phase !== "unknown" && step.phase !== "exhausted")) {
      return `step "${key}" does not wait to be settled`
    }
    const { doubt, entry: { attempt } } = step.record
    switch (action._tag) {
      case "retry":
        if (doubt?.isNew === true) this.request(step, attempt, 0)
        else if (step.definition.probe === undefined) this.request(step, attempt + 1, 0)
        else this.again(step)
        return undefined
      case "complete": {
        const problem = step.definition.problemOf(action.output)
        if (problem !== undefined) return `the output that ${by} declared does not fit step "${key}": ${problem}`
        const output = StoredJson.of(action.output)
        if (Result.isFailure(output)) {
          return `the output that ${by} declared for step "${key}" cannot be stored: ${output.failure.reason}`
        }
        this.run.tell({ _tag: "StepCompleted", key, attempt, output: output.success, settledBy: by })
        return undefined
      }
      case "fail":
        this.run.tell({ _tag: "StepFailed", key, attempt, cause: action.cause, settledBy: by })
        return undefined
    }
  }

  private recover(step: AskedStep): void {
    if (step.delivered !== undefined || step.phase !== "recorded" || step.waiters.length === 0) return
    this.goOnFrom(step, Decide.endOf(step, this.droppedByStoreFailure))
  }

  /** Does what the rule for crashes says of an attempt that came to no outcome. */
  private goOnFrom(step: AskedStep, end: Cut["end"]): void {
    const next = afterCrash(Decide.cutOf(step, end), this.run.host.options)
    switch (next._tag) {
      case "Start":
        return this.queue(step)
      case "Backoff":
        return this.backOff(step, next.retryAt)
      case "Repeat":
        // An attempt that had failed in the backup was followed by another.
        return this.request(
          step,
          step.record.entry.attempt + (step.record.retryAt === undefined ? 0 : 1),
          next.recovery,
          next.probe
        )
      case "Unknown":
        return Pass.setPhase(this.run.pass, step, "unknown")
      case "Exhausted":
        return Pass.setPhase(this.run.pass, step, "exhausted")
    }
  }

  /** Repeats an attempt that was interrupted or settled as not done. It may have acted, so its probe is asked first, if it has one. */
  private again(step: AskedStep): void {
    this.request(step, step.record.entry.attempt, 0, step.definition.probe !== undefined)
  }

  private request(step: AskedStep, attempt: number, recovery: number, probe = false): void {
    this.run.append(Decide.repeated(step, attempt, recovery, probe))
    this.queue(step)
  }

  private backOff(step: AskedStep, retryAt: number): void {
    const { key } = step.record
    Pass.setPhase(this.run.pass, step, "backoff")
    if (!StepWaits.isNever(retryAt)) this.run.alarms.arm(`backoff:${key}`, retryAt, { _tag: "Backoff", key })
  }

  /** A cancel that has waited for bodies of `ask` steps waits no longer when none is left. */
  private endGrace(): void {
    if (Decide.asking(this.run.pass.open)) return
    // Not at once: a delivery waits until the workflow has done what follows from the one before.
    this.run.push({ _tag: "GraceOver" })
  }

  /** The probe of a step has answered: it was done, it was not and is done now, or nobody knows. */
  private probed(step: AskedStep, { exit, kept, scrub }: Item<"Probed">): void {
    const { entry, key } = step.record
    const json = found(this.run, step, exit, scrub)
    if (json?._tag === "Failure") {
      this.run.append({ _tag: "ProbeFailed", key, attempt: entry.attempt, cause: json.cause })
      Pass.setPhase(this.run.pass, step, "unknown")
    } else if (json === undefined) this.request(step, entry.attempt, entry.recovery ?? 0)
    else this.run.tell({ ...Decide.completed(step, json, {}, kept), probed: true }, kept?.blobs)
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** What the probe of a step answered, as text; undefined when the step has not been done. */
const found = (
  { row }: RunCore,
  { definition, record }: AskedStep,
  exit: Exit.Exit<Option.Option<unknown>, unknown>,
  scrub: Scrub | undefined
): JournalEntry.ExitJson | undefined => {
  if (Exit.isSuccess(exit) && Option.isNone(exit.value)) return undefined
  const what = `answer of the probe of step "${record.key}"`
  const found = Exit.map(exit, Option.getOrUndefined)
  const by = Handover.giver(row)
  return scrub === undefined
    ? Handover.exit(what, found, by)
    : Outcomes.exit(what, found, by, scrub, definition)
}
