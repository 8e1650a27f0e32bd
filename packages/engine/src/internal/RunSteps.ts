/**
 * The steps of a run: their bodies, attempts and outcomes, and what becomes of
 * them after a crash.
 */
import { afterCrash, type Cut } from "@fermata/core/AfterCrash"
import * as DurableTime from "@fermata/core/DurableTime"
import * as ExitJson from "@fermata/core/ExitJson"
import * as FailureText from "@fermata/core/FailureText"
import type * as JournalEntry from "@fermata/core/JournalEntry"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import { MixedScheduler } from "effect/Scheduler"
import * as Handover from "./Handover.ts"
import type { SettleAction, StepAttempt, StepDefinition } from "./run/Ask.ts"
import type { ReadyItem } from "./run/Happening.ts"
import * as Pass from "./run/Pass.ts"
import { CurrentRun, type Place, type RunPort } from "./run/RunPort.ts"
import { isIdle } from "./run/Standing.ts"
import { RunEvents } from "./RunEvents.ts"
import { idempotencyKey } from "./RunRequests.ts"
import { StepLimit } from "./StepLimit.ts"
import * as StepWaits from "./StepWaits.ts"

export abstract class RunSteps extends RunEvents {
  protected abstract get self(): RunPort
  /** Delivers an entry that was made inside its commit. */
  protected abstract handOverMade(entry: JournalEntry.JournalEntry): void
  /** Steps whose bodies run inside the commits that come next, one in each. */
  private readonly together: Array<string> = []

  /** Steps whose bodies run now. */
  running(): ReadonlyArray<{ readonly key: string; readonly onCrash: string }> {
    return Array.from(this.pass.open)
      .filter((step) => step.phase === "running")
      .map(({ definition, record }) => ({ key: record.key, onCrash: definition.onCrash }))
  }

  protected startBody(key: string): void {
    const step = this.pass.steps.get(key)
    if (step?.phase !== "queued") return
    Pass.setPhase(this.pass, step, "running")
    if (step.definition.onCrash === "commit-together") this.together.push(key)
    else this.fork(step)
  }

  /** Runs the body of the step, or asks its probe, in a fiber that is not the workflow's. */
  private fork(step: Pass.AskedStep): void {
    const definition = step.definition
    const probe = step.record.entry.probe === true ? definition.probe : undefined
    const { attempt, context, place } = this.callOf(step, probe !== undefined)
    if (probe === undefined) this.host.bodyStarts(this.row.id, step.record.key, attempt.attempt)
    const limit = definition.limit === undefined ? undefined : new StepLimit(this.host, definition.limit.millis)
    const fiber = Effect.runForkWith(context)<unknown, unknown>(
      probe === undefined ? definition.body(attempt) : probe(attempt)
    )
    const letGo = () => {
      if (!this.stopped && step.fiber === fiber) this.letGo(step, place)
    }
    step.fiber = fiber
    step.limit = limit
    if (fiber.pollUnsafe() === undefined) {
      // A run that was evicted meanwhile wakes up, and its body begins again.
      limit?.begin(() => this.stopped ? this.wake() : fiber.interruptUnsafe(), letGo)
    }
    fiber.addObserver((exit) => {
      limit?.end()
      const isCut = Exit.isFailure(exit) && Cause.hasInterrupts(exit.cause)
      const isOver = limit?.isOver === true
      if (isOver && !isCut) letGo()
      if (this.stopped) return
      if (step.fiber !== fiber) return place.letGo === true ? this.push(late(attempt, exit, isCut)) : undefined
      step.fiber = undefined
      Pass.setPhase(this.pass, step, "done")
      const end = isOver ? Exit.die(definition.limit?.error()) : exit
      if (probe === undefined) this.conclude(step, this.outcome(step, end))
      else this.push({ _tag: "Probed", key: step.record.key, exit: end as Exit.Exit<Option.Option<unknown>, unknown> })
    })
  }

  /**
   * The body has not ended at its timeout. It may still act, so its rule for
   * crashes says what comes next, once that is noted; of a probe it is known
   * that it could not tell.
   */
  private letGo(step: Pass.AskedStep, place: Place): void {
    const { error, millis } = step.definition.limit!
    place.letGo = true
    step.fiber = undefined
    step.limit = undefined
    step.bodyWaits = []
    Pass.setPhase(this.pass, step, "done")
    if (step.record.entry.probe === true) this.push({ _tag: "Probed", key: step.record.key, exit: Exit.die(error()) })
    else this.push({ _tag: "LetGo", key: step.record.key, millis })
  }

  /** What has become of a body or of a question to a probe. */
  protected acceptStep(item: Extract<ReadyItem, { readonly _tag: "Outcome" | "Probed" | "LetGo" | "Late" }>): void {
    switch (item._tag) {
      case "Outcome":
        return this.acceptOutcome(item)
      case "Probed":
        return this.acceptProbed(item)
      case "LetGo":
        return this.acceptLetGo(item)
      case "Late":
        return this.remark("step-late", item.text)
    }
  }

  /** The run is let go, and its bodies with it: one that only waits is garbage, others are interrupted. */
  protected dropBody(step: Pass.AskedStep): void {
    const fiber = step.fiber
    step.fiber = undefined
    if (!isIdle(step)) {
      fiber?.interruptUnsafe()
      step.limit?.end()
    }
    step.waiters = []
  }

  private acceptLetGo({ key, millis }: Extract<ReadyItem, { readonly _tag: "LetGo" }>): void {
    const step = this.pass.steps.get(key)
    if (step === undefined || step.phase !== "done") return
    const text =
      `attempt ${step.record.entry.attempt} of step "${key}" did not end within its timeout of ${millis} ms, nor when it was told to: `
      + `its body was let go, and may still act`
    this.append({ _tag: "BodyLetGo", key, text })
    this.goOnFrom(step, "let go")
    this.endGrace()
  }

  /** What a body or a probe is told, and the services that it runs with. */
  private callOf(step: Pass.AskedStep, probing: boolean) {
    const { key } = step.record
    const attempt = {
      key,
      attempt: step.record.entry.attempt,
      idempotencyKey: step.record.entry.idempotencyKey ?? idempotencyKey(this.row.id, key)
    }
    // Steps that a probe asks for are its own each time, for what they answered before may hold no more.
    const inside = probing
      ? `${key}?${step.record.entry.seq}`
      : attempt.attempt === 1
      ? key
      : `${key}#${attempt.attempt}`
    this.pass.inner.delete(`${inside}/`)
    const place: Place = { run: this.self, step: key, inside }
    const context = Context.add(this.host.stepContext(step.definition.asker), CurrentRun, place)
    return { attempt, context, place }
  }

  /** What the body came to, as text. One that cannot be stored is a defect, so it is never tried again: the body has acted. */
  private outcome({ record: { key } }: Pass.AskedStep, exit: Exit.Exit<unknown, unknown>): JournalEntry.ExitJson {
    return Handover.exit(`outcome of step "${key}"`, exit, Handover.giver(this.row))
  }

  /** The body has ended: its outcome is delivered in its turn, and the policy decides about a failure. */
  private conclude(step: Pass.AskedStep, json: JournalEntry.ExitJson): void {
    const { entry, key } = step.record
    if (json._tag === "Success" || step.definition.retry === undefined || this.pass.stop !== undefined) {
      this.push({ _tag: "Outcome", key, exit: json, delay: undefined })
      return
    }
    this.host.fork(
      Effect.flatMap(policyOf(step), (next) => next(this.host.now(), StoredJson.copy(json.cause)))
    ).addObserver((delay) => {
      // The policy may have taken its time, and the step been asked for again.
      if (step.record.entry === entry) {
        this.push(outcomeOf(step, json, Exit.isSuccess(delay) ? delay.value : undefined, this.host.now()))
      }
    })
  }

  /** The step whose body is to run inside a commit, if there is one. */
  protected nextTogether(): Pass.AskedStep | undefined {
    while (this.together.length > 0) {
      const step = this.pass.steps.get(this.together.shift()!)
      if (step?.phase === "running") return step
    }
    return undefined
  }

  /** Runs the body of the step inside the transaction that stores its outcome. A failure is stored by the next commit, like any other. */
  protected runTogether(step: Pass.AskedStep): void {
    const definition = step.definition
    let json: JournalEntry.ExitJson | undefined
    this.commitTogether((within) => {
      json = undefined
      if (step.phase !== "running") return undefined
      const { attempt, context } = this.callOf(step, false)
      this.host.bodyStarts(this.row.id, step.record.key, attempt.attempt)
      // Whatever the run could be asked for has to wait for a commit, and this is one.
      const alone = Context.add(context, CurrentRun, undefined)
      json = this.outcome(
        step,
        runNow(within(definition.body(attempt)), alone) ?? Exit.die(definition.notSynchronous?.())
      )
      return json._tag === "Failure" ? undefined : this.completion(step, json)
    }, (entry) => {
      if (entry !== undefined) return this.handOverMade(entry)
      if (json !== undefined && step.phase === "running") {
        Pass.setPhase(this.pass, step, "done")
        // Nothing of a success that the store has undone has happened.
        this.conclude(
          step,
          json._tag === "Failure"
            ? json
            : this.outcome(step, Exit.die(new Error("the store undid the step, which had succeeded")))
        )
      }
      this.wake()
    })
  }

  private completion(
    step: Pass.AskedStep,
    { value }: Extract<JournalEntry.ExitJson, { readonly _tag: "Success" }>
  ) {
    return {
      _tag: "StepCompleted",
      key: step.record.key,
      attempt: step.record.entry.attempt,
      ...(value === undefined ? {} : { output: value })
    } as const
  }

  /** Nobody waits for the step any more: a lost race, a timeout or a cancel. When its body ends is nobody's concern then. */
  protected abandon(step: Pass.AskedStep): void {
    const fiber = step.fiber
    step.fiber = undefined
    step.limit?.end()
    this.disarm(`backoff:${step.record.key}`)
    Pass.setPhase(this.pass, step, "abandoned")
    fiber?.interruptUnsafe()
  }

  protected askAgain(step: Pass.AskedStep): void {
    if (!this.live) return Pass.setPhase(this.pass, step, "recorded")
    if (step.phase !== "abandoned") this.recover(step)
    else if (step.record.letGo) this.goOnFrom(step, "let go")
    else this.again(step)
  }

  /** Decides about a step that was requested before this pass and has no outcome. */
  protected recover(step: Pass.AskedStep): void {
    if (step.delivered !== undefined || step.phase !== "recorded" || step.waiters.length === 0) return
    this.goOnFrom(step, this.endOf(step, step.definition))
  }

  /** What became of the latest attempt of a step that an earlier owner had in flight. */
  private endOf(step: Pass.AskedStep, { probe }: StepDefinition): Cut["end"] {
    // A request that only a probe could answer, which the code no longer has, begins nothing.
    if (step.record.notStarted && !(step.record.entry.probe === true && probe === undefined)) return "not started"
    if (step.record.retryAt !== undefined) return { failed: { retryAt: step.record.retryAt } }
    return step.record.released ? "released" : this.droppedByStoreFailure ? "dropped" : "died"
  }

  /** Does what the rule for crashes says of an attempt that came to no outcome. */
  private goOnFrom(step: Pass.AskedStep, end: Cut["end"]): void {
    const { onCrash, probe } = step.definition
    const cut: Cut = {
      onCrash,
      hasProbe: probe !== undefined,
      probing: step.record.entry.probe === true,
      probeFailed: step.record.probeFailure !== undefined,
      recovery: step.record.entry.recovery ?? 0,
      end
    }
    const next = afterCrash(cut, this.host.options)
    switch (next._tag) {
      case "Start":
        Pass.setPhase(this.pass, step, "queued")
        this.toStart.push(step.record.key)
        return
      case "Backoff":
        return this.backOff(step, next.retryAt)
      case "Repeat":
        return this.request(step, step.record.entry.attempt, next.recovery, next.probe)
      case "Unknown":
        return Pass.setPhase(this.pass, step, "unknown")
      case "Exhausted":
        return Pass.setPhase(this.pass, step, "exhausted")
    }
  }

  /** Repeats an attempt that was interrupted or settled as not done. It may have acted, so its probe is asked first, if it has one. */
  private again(step: Pass.AskedStep): void {
    this.request(step, step.record.entry.attempt, 0, step.definition.probe !== undefined)
  }

  protected request(step: Pass.AskedStep, attempt: number, recovery: number, probe = false): void {
    const { recovery: _, probe: _probe, seq: _seq, at: _at, epoch: _epoch, blobs: _blobs, ...rest } = step.record.entry
    this.append({
      ...rest,
      attempt,
      onCrash: step.definition.onCrash,
      ...(recovery > 0 ? { recovery } : {}),
      ...(probe ? { probe } : {})
    })
    Pass.setPhase(this.pass, step, "queued")
    this.toStart.push(step.record.key)
  }

  private backOff(step: Pass.AskedStep, retryAt: number): void {
    Pass.setPhase(this.pass, step, "backoff")
    if (!StepWaits.isNever(retryAt)) {
      this.arm(`backoff:${step.record.key}`, retryAt, { _tag: "Backoff", key: step.record.key })
    }
  }

  private acceptOutcome(item: Extract<ReadyItem, { readonly _tag: "Outcome" }>): void {
    const step = this.pass.steps.get(item.key)
    if (step === undefined || step.phase !== "done") return
    const attempt = step.record.entry.attempt
    if (item.exit._tag === "Success") {
      this.deliver(this.append(this.completion(step, item.exit)))
    } else if (item.delay !== undefined) {
      const retryAt = Math.min(DurableTime.after(this.host.now(), item.delay), DurableTime.never)
      this.deliver(this.append({ _tag: "StepFailed", key: item.key, attempt, cause: item.exit.cause, retryAt }))
      this.backOff(step, retryAt)
    } else {
      const parked = step.definition.parkOnFailure
      this.deliver(this.append({
        _tag: "StepFailed",
        key: item.key,
        attempt,
        cause: item.exit.cause,
        ...(parked ? { parked } : {})
      }))
    }
    this.endGrace()
  }

  /** A cancel that has waited for bodies of `ask` steps waits no longer when none is left. */
  private endGrace(): void {
    if (this.pendingStop === undefined || this.running().some((other) => other.onCrash === "ask")) return
    // Not at once: a delivery waits until the workflow has done what follows from the one before.
    this.push({ _tag: "GraceOver" })
  }

  /** The probe of a step has answered: it was done, it was not and is done now, or nobody knows. */
  private acceptProbed({ exit, key }: Extract<ReadyItem, { readonly _tag: "Probed" }>): void {
    const step = this.pass.steps.get(key)
    if (step === undefined || step.phase !== "done") return
    const json = this.found(step, exit)
    if (json?._tag === "Failure") {
      this.append({ _tag: "ProbeFailed", key, attempt: step.record.entry.attempt, cause: json.cause })
      Pass.setPhase(this.pass, step, "unknown")
    } else if (json === undefined) this.request(step, step.record.entry.attempt, step.record.entry.recovery ?? 0)
    else this.deliver(this.append({ ...this.completion(step, json), probed: true }))
  }

  /** What the probe of a step answered, as text; undefined when the step has not been done. */
  private found(
    { record: { key } }: Pass.AskedStep,
    exit: Exit.Exit<Option.Option<unknown>, unknown>
  ): JournalEntry.ExitJson | undefined {
    if (Exit.isSuccess(exit) && Option.isNone(exit.value)) return undefined
    return Handover.exit(
      `answer of the probe of step "${key}"`,
      Exit.map(exit, Option.getOrUndefined),
      Handover.giver(this.row)
    )
  }

  /** Settles a step whose outcome is unknown, or at which recovery stopped the run. Returns why it cannot be settled, if so. */
  settleStep(key: string, by: string, action: SettleAction): string | undefined {
    const step = this.pass.steps.get(key)
    if (step === undefined || (step.phase !== "unknown" && step.phase !== "exhausted")) {
      return `step "${key}" does not wait to be settled`
    }
    const attempt = step.record.entry.attempt
    switch (action._tag) {
      case "retry":
        if (step.definition.probe === undefined) this.request(step, attempt + 1, 0)
        else this.again(step)
        return undefined
      case "complete": {
        const problem = step.definition.problemOf(action.output)
        if (problem !== undefined) return `the output that ${by} declared does not fit step "${key}": ${problem}`
        const output = StoredJson.of(action.output)
        if (Result.isFailure(output)) {
          return `the output that ${by} declared for step "${key}" cannot be stored: ${output.failure.reason}`
        }
        this.deliver(this.append({ _tag: "StepCompleted", key, attempt, output: output.success, settledBy: by }))
        return undefined
      }
      case "fail":
        this.deliver(this.append({ _tag: "StepFailed", key, attempt, cause: action.cause, settledBy: by }))
        return undefined
    }
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** The policy of a step as it stands after its recorded failures. */
const policyOf = (
  { definition, record }: Pass.AskedStep
): Effect.Effect<(now: number, cause: unknown) => Effect.Effect<number | undefined>> =>
  Effect.suspend(() => {
    const next = definition.retry!()
    return Effect.as(
      Effect.forEach(record.failures, (failure) => next(failure.at, StoredJson.copy(failure.cause)), { discard: true }),
      next
    )
  })

/** A failure and what the policy makes of it: a delay that ends too late is the policy's own defect. */
const outcomeOf = (
  { record: { key } }: Pass.AskedStep,
  exit: JournalEntry.ExitJson & { readonly _tag: "Failure" },
  delay: number | undefined,
  now: number
): ReadyItem => {
  if (delay === undefined || !DurableTime.isTooLate(DurableTime.after(now, delay))) {
    return { _tag: "Outcome", key, exit, delay }
  }
  const what = `The delay before the next attempt of step "${key}", which failed with "${
    FailureText.ofCause(StoredJson.copy(exit.cause))
  }",`
  const late = Handover.exit(`outcome of step "${key}"`, Exit.die(new DurableTime.TimeTooLate(what, delay)))
  return { _tag: "Outcome", key, exit: late, delay: undefined }
}

/** How a body ended after its run had stopped waiting for it, for people. Of a body that was interrupted only its end is told. */
const late = ({ attempt, key }: StepAttempt, exit: Exit.Exit<unknown, unknown>, isCut: boolean): ReadyItem => {
  // A probe answers with an option.
  const value = Exit.isSuccess(exit) && Option.isOption(exit.value)
    ? Option.getOrUndefined(exit.value)
    : Exit.isSuccess(exit)
    ? exit.value
    : undefined
  const came = isCut
    ? "has ended"
    : Exit.isSuccess(exit)
    ? `has succeeded${value === undefined ? "" : ` with ${StoredJson.show(value)}`}; that is not taken`
    : `has failed (${FailureText.ofCause(ExitJson.causeToJson(exit.cause))}); that is not taken`
  return { _tag: "Late", text: `attempt ${attempt} of step "${key}", which was let go at its timeout, ${came}` }
}

/** Runs an effect to its end without leaving the current turn; one that waits for something is interrupted and has no exit. */
const runNow = <A, E>(effect: Effect.Effect<A, E>, context: Context.Context<never>): Exit.Exit<A, E> | undefined => {
  const fiber = Effect.runForkWith(context)(effect, { scheduler: new MixedScheduler("sync") })
  fiber.currentDispatcher.flush()
  const exit = fiber.pollUnsafe()
  if (exit !== undefined) return exit
  fiber.interruptUnsafe()
  fiber.currentDispatcher.flush()
  return undefined
}
