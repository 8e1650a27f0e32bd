/**
 * The steps of a run: their bodies, attempts and outcomes, and what becomes of
 * them after a crash.
 */
import * as ExitJson from "@fermata/core/ExitJson"
import type * as JournalEntry from "@fermata/core/JournalEntry"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { CurrentRun, type ReadyItem } from "./ExecutorTypes.ts"
import * as RunRecords from "./RunRecords.ts"
import type { RunExecutor } from "./RunExecutor.ts"
import { idempotencyKey, RunRequests } from "./RunRequests.ts"

export abstract class RunSteps extends RunRequests {
  protected abstract get self(): RunExecutor

  /** Steps whose bodies run now. */
  running(): ReadonlyArray<{ readonly key: string; readonly onCrash: string }> {
    return Array.from(this.records.openSteps())
      .filter((step) => step.phase === "running")
      .map((step) => ({ key: step.key, onCrash: step.definition!.onCrash }))
  }

  protected startBody(key: string): void {
    const step = this.records.steps.get(key)
    if (step?.phase !== "queued") return
    if (step.waiters.length === 0) return this.records.setPhase(step, "abandoned")
    this.records.setPhase(step, "running")
    const definition = step.definition!
    const recorded = step.entry.idempotencyKey
    const runId = this.row.id
    const attempt = {
      key,
      attempt: step.entry.attempt,
      get idempotencyKey() {
        return recorded ?? idempotencyKey(runId, key)
      }
    }
    const inside = attempt.attempt === 1 ? key : `${key}#${attempt.attempt}`
    this.records.renumber(`in:${inside}/`)
    const context = Context.add(this.host.stepContext(definition.asker), CurrentRun, { executor: this.self, step: key, inside })
    this.host.bodyStarts(runId, key, attempt.attempt)
    const fiber = Effect.runForkWith(context)(definition.body(attempt))
    step.fiber = fiber
    fiber.addObserver((exit) => {
      if (this.stopped || step.fiber !== fiber) return
      step.fiber = undefined
      if (step.phase === "abandoned") return
      this.records.setPhase(step, "done")
      const json = ExitJson.toJson(exit)
      if (json._tag === "Success" || step.definition!.retry === undefined || this.records.stop !== undefined) {
        this.push({ _tag: "Outcome", key, exit: json, delay: undefined })
        return
      }
      this.host.fork(Effect.flatMap(RunRecords.policyOf(step), (next) => next(this.host.now(), json.cause))).addObserver((delay) =>
        this.push({ _tag: "Outcome", key, exit: json, delay: Exit.isSuccess(delay) ? delay.value : undefined })
      )
    })
  }

  /** Nobody waits for the step any more: a lost race, a timeout or a cancel. */
  protected abandon(step: RunRecords.StepState): void {
    this.disarm(`backoff:${step.key}`)
    this.records.setPhase(step, "abandoned")
    step.fiber?.interruptUnsafe()
  }

  protected askAgain(step: RunRecords.StepState): void {
    if (!this.live) return this.records.setPhase(step, "recorded")
    if (step.phase === "abandoned") this.request(step, step.entry.attempt, 0)
    else this.recover(step)
  }

  /** Decides about a step that was requested before this pass and has no outcome. */
  protected recover(step: RunRecords.StepState): void {
    if (step.delivered !== undefined || step.definition === undefined || step.phase !== "recorded") return
    if (step.waiters.length === 0) return
    if (step.notStarted) {
      this.records.setPhase(step, "queued")
      this.toStart.push(step.key)
      return
    }
    if (step.retryAt !== undefined) {
      this.records.setPhase(step, "backoff")
      this.arm(`backoff:${step.key}`, step.retryAt, { _tag: "Backoff", key: step.key })
      return
    }
    if (step.definition.onCrash === "ask" && !step.released) {
      this.records.setPhase(step, "unknown")
      return
    }
    const recovery = (step.entry.recovery ?? 0) + (step.released || this.spared ? 0 : 1)
    if (recovery > this.host.options.maxRecoveries) {
      this.records.setPhase(step, "exhausted")
      return
    }
    this.request(step, step.entry.attempt, recovery)
  }

  protected request(step: RunRecords.StepState, attempt: number, recovery: number): void {
    const { recovery: _, seq: _seq, at: _at, epoch: _epoch, blobs: _blobs, ...rest } = step.entry
    step.entry = this.append({ ...rest, attempt, ...(recovery > 0 ? { recovery } : {}) }) as JournalEntry.EntryOf<"StepRequested">
    step.retryAt = undefined
    step.released = false
    this.records.setPhase(step, "queued")
    this.toStart.push(step.key)
  }

  protected acceptOutcome(item: Extract<ReadyItem, { readonly _tag: "Outcome" }>): void {
    const step = this.records.steps.get(item.key)
    if (step === undefined || step.phase !== "done") return
    if (step.waiters.length === 0) return this.records.setPhase(step, "abandoned")
    const attempt = step.entry.attempt
    if (item.exit._tag === "Success") {
      this.deliver(this.append({
        _tag: "StepCompleted",
        key: item.key,
        attempt,
        ...(item.exit.value === undefined ? {} : { output: item.exit.value })
      }))
    } else if (item.delay !== undefined) {
      const retryAt = this.host.now() + item.delay
      const entry = this.append({ _tag: "StepFailed", key: item.key, attempt, cause: item.exit.cause, retryAt })
      this.deliver(entry)
      step.retryAt = retryAt
      this.records.setPhase(step, "backoff")
      this.arm(`backoff:${item.key}`, retryAt, { _tag: "Backoff", key: item.key })
    } else {
      const parked = step.definition!.parkOnFailure
      this.deliver(this.append({
        _tag: "StepFailed",
        key: item.key,
        attempt,
        cause: item.exit.cause,
        ...(parked ? { parked } : {})
      }))
    }
    if (this.pendingStop !== undefined && this.running().every((other) => other.onCrash !== "ask")) {
      // Not at once: a delivery waits until the workflow has done what follows from the one before.
      this.push({ _tag: "GraceOver" })
    }
  }

  /** Settles a step whose outcome is unknown, or that recovery gave up. Answers what is wrong, if something is. */
  settleStep(key: string, by: string, action: Settlement): string | undefined {
    const step = this.records.steps.get(key)
    if (step === undefined || (step.phase !== "unknown" && step.phase !== "exhausted")) {
      return `step "${key}" does not wait to be settled`
    }
    const attempt = step.entry.attempt
    switch (action._tag) {
      case "retry":
        this.request(step, attempt + 1, 0)
        return undefined
      case "complete": {
        if (!step.definition!.accepts(action.output)) return `the output that ${by} declared does not fit step "${key}"`
        this.deliver(this.append({ _tag: "StepCompleted", key, attempt, output: action.output, settledBy: by }))
        return undefined
      }
      case "fail":
        this.deliver(this.append({ _tag: "StepFailed", key, attempt, cause: action.cause, settledBy: by }))
        return undefined
    }
  }
}

/** What an operator declares about a step. */
export type Settlement =
  | { readonly _tag: "retry" }
  | { readonly _tag: "complete"; readonly output: unknown }
  | { readonly _tag: "fail"; readonly cause: unknown }
