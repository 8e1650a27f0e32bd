/**
 * The bodies of a run's steps: beside the workflow's fibers, or inside a commit.
 */
import * as DurableTime from "@fermata/core/DurableTime"
import * as ExitJson from "@fermata/core/ExitJson"
import * as FailureText from "@fermata/core/FailureText"
import type * as JournalEntry from "@fermata/core/JournalEntry"
import { ArtifactDamaged } from "@fermata/core/RunsErrors"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import { MixedScheduler } from "effect/Scheduler"
import * as Handover from "../Handover.ts"
import * as RunSpans from "../RunSpans.ts"
import * as Outcomes from "../secrets/Outcomes.ts"
import type { Scrub } from "../secrets/Scrub.ts"
import * as StepKeys from "../StepKeys.ts"
import { StepLimit } from "../StepLimit.ts"
import type { StepAttempt } from "./Ask.ts"
import * as Decide from "./Decide.ts"
import type { Cost, ReadyItem } from "./Happening.ts"
import type { Kept } from "./Kept.ts"
import { Meter } from "./Meter.ts"
import * as Pass from "./Pass.ts"
import type { RunCore } from "./RunCore.ts"
import { CurrentRun, type Place, type RunPort } from "./RunPort.ts"
import { isIdle } from "./Standing.ts"
import type { Writing } from "./Writing.ts"

export class Bodies {
  private readonly run: RunCore
  /** The run as its bodies know it. */
  private readonly port: RunPort
  /** Steps whose bodies run inside the commits that come next, one in each. */
  private readonly together: Array<string> = []

  constructor(run: RunCore, port: RunPort) {
    this.run = run
    this.port = port
  }

  start(key: string): void {
    const step = this.run.pass.steps.get(key)
    if (step?.phase !== "queued") return
    Pass.setPhase(this.run.pass, step, "running")
    if (step.definition.onCrash === "commit-together") this.together.push(key)
    else this.fork(step)
  }

  /** The run is let go, and its bodies with it: one that only waits is garbage, others are interrupted. */
  drop(): void {
    for (const step of this.run.pass.steps.values()) {
      const fiber = step.fiber
      step.fiber = undefined
      if (!isIdle(step)) {
        fiber?.interruptUnsafe()
        step.limit?.end()
      }
      step.waiters = []
    }
  }

  /** Bodies are not interrupted when the run is let go: their process is dead. */
  forget(): void {
    for (const step of this.run.pass.steps.values()) step.fiber = undefined
  }

  /** Waits until the bodies of `ask` steps have ended, or until this is over. */
  finish(grace: Effect.Effect<void>): Effect.Effect<void> {
    return Effect.suspend(() => {
      const fibers = Array.from(this.run.pass.open)
        .filter((step) => step.phase === "running" && step.definition.onCrash === "ask" && step.fiber !== undefined)
        .map((step) => Fiber.await(step.fiber!))
      return fibers.length === 0
        ? Effect.void
        : Effect.raceFirst(Effect.all(fibers, { concurrency: "unbounded", discard: true }), grace)
    })
  }

  /** Runs the body of the step, or asks its probe, in a fiber that is not the workflow's. */
  private fork(step: Pass.AskedStep): void {
    const definition = step.definition
    const probe = step.record.entry.probe === true ? definition.probe : undefined
    const { attempt, context, meter, place } = this.callOf(step, probe !== undefined)
    if (probe === undefined) this.run.host.bodyStarts(this.run.row.id, step.record.key, attempt.attempt)
    const limit = definition.limit === undefined ? undefined : new StepLimit(this.run.host, definition.limit.millis)
    const fiber = Effect.runForkWith(context)<unknown, unknown>(
      probe === undefined ? definition.body(attempt) : probe(attempt)
    )
    const letGo = () => {
      if (!this.run.phase.isGone && step.fiber === fiber) this.letGo(step, place)
    }
    step.fiber = fiber
    step.limit = limit
    if (fiber.pollUnsafe() === undefined) {
      // A run that was evicted meanwhile wakes up, and its body begins again.
      limit?.begin(() => this.run.phase.isGone ? this.run.loop.wake() : fiber.interruptUnsafe(), letGo)
    }
    fiber.addObserver((exit) => {
      limit?.end()
      const { cost, kept } = meter
      meter.ended = true
      const isCut = Exit.isFailure(exit) && Cause.hasInterrupts(exit.cause)
      const isOver = limit?.isOver === true
      if (isOver && !isCut) letGo()
      if (this.run.phase.isGone) return
      const { scrub } = meter
      if (step.fiber !== fiber) {
        return place.letGo === true
          ? this.run.push(late(attempt, exit, isCut, scrub))
          : undefined
      }
      step.fiber = undefined
      Pass.setPhase(this.run.pass, step, "done")
      const end = isOver ? Exit.die(definition.limit?.error()) : exit
      if (probe === undefined) this.conclude(step, this.outcome(step, end, scrub), cost, kept)
      else {this.run.push({
          _tag: "Probed",
          key: step.record.key,
          exit: end as Exit.Exit<Option.Option<unknown>, unknown>,
          scrub,
          kept
        })}
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
    Pass.setPhase(this.run.pass, step, "done")
    if (step.record.entry.probe === true) {
      this.run.push({ _tag: "Probed", key: step.record.key, exit: Exit.die(error()) })
    } else this.run.push({ _tag: "LetGo", key: step.record.key, millis })
  }

  /** What a body or a probe is told, and the services that it runs with. */
  private callOf(step: Pass.AskedStep, probing: boolean) {
    const { entry, key } = step.record
    const { asker, nested } = step.definition
    const meter = new Meter(this.run, key, probing, nested ? Context.get(asker, CurrentRun)?.confidant : undefined)
    const attempt: StepAttempt = {
      key,
      attempt: entry.attempt,
      idempotencyKey: entry.idempotencyKey ?? StepKeys.idempotencyKey(this.run.row.id, key),
      entry: entry.seq,
      recovery: entry.recovery ?? 0,
      spend: meter.spend,
      keep: meter.keep,
      kept: ({ hash }) =>
        Effect.flatMap(
          this.run.host.artifact(hash),
          (content) =>
            typeof content === "string"
              ? Effect.fail(new ArtifactDamaged({ runId: this.run.row.id, hash, problem: content }))
              : Effect.succeed(content)
        ),
      refused: entry.refused
    }
    // Steps that a probe asks for are its own each time, for what they answered before may hold no more.
    const inside = probing
      ? `${key}?${entry.seq}`
      : attempt.attempt === 1
      ? key
      : `${key}#${attempt.attempt}`
    this.run.pass.inner.delete(`${inside}/`)
    const place: Place = { run: this.port, step: key, inside, confidant: meter }
    const seen = RunSpans.ofStep(this.run.host.stepContext(asker), this.run.traced, entry.seq)
    const context = Context.add(seen, CurrentRun, place)
    return { attempt, context, meter, place }
  }

  /** What the body came to, as text. One that cannot be stored is a defect, so it is never tried again: the body has acted. */
  private outcome(step: Pass.AskedStep, exit: Exit.Exit<unknown, unknown>, scrub?: Scrub): JournalEntry.ExitJson {
    const what = `outcome of step "${step.record.key}"`
    const by = Handover.giver(this.run.row)
    return scrub === undefined
      ? Handover.exit(what, exit, by)
      : Outcomes.exit(what, exit, by, scrub, step.definition)
  }

  /** The body has ended: its outcome is delivered in its turn, and the policy decides about a failure. */
  private conclude(step: Pass.AskedStep, json: JournalEntry.ExitJson, cost: Cost, kept: Kept | undefined): void {
    const { entry, key } = step.record
    if (json._tag === "Success" || step.definition.retry === undefined || this.run.pass.stop !== undefined) {
      this.run.push({ _tag: "Outcome", key, exit: json, delay: undefined, cost, kept })
      return
    }
    this.run.host.fork(
      Effect.flatMap(policyOf(step), (next) => next(this.run.host.now(), StoredJson.copy(json.cause)))
    ).addObserver((delay) => {
      // The policy may have taken its time, and the step been asked for again.
      if (step.record.entry === entry) {
        const after = Exit.isSuccess(delay) ? delay.value : undefined
        this.run.push({ ...outcomeOf(step, json, after, this.run.host.now()), cost, kept })
      }
    })
  }

  /** The step whose body is to run inside a commit, if there is one. */
  private nextTogether(): Pass.AskedStep | undefined {
    while (this.together.length > 0) {
      const step = this.run.pass.steps.get(this.together.shift()!)
      if (step?.phase === "running") return step
    }
    return undefined
  }

  /**
   * Runs the next body that is to run inside the transaction that stores its
   * outcome; false where there is none. A failure is stored by the next commit,
   * like any other.
   */
  runTogether(writing: Writing, made: (entry: JournalEntry.JournalEntry) => void): boolean {
    const step = this.nextTogether()
    if (step === undefined) return false
    const { definition } = step
    let json: JournalEntry.ExitJson | undefined
    let cost: Cost = {}
    let kept: Kept | undefined
    writing.commitTogether((within) => {
      json = undefined
      if (step.phase !== "running") return undefined
      const { attempt, context, meter } = this.callOf(step, false)
      this.run.host.bodyStarts(this.run.row.id, step.record.key, attempt.attempt)
      // Whatever the run could be asked for has to wait for a commit, and this is one.
      const alone = Context.add(context, CurrentRun, undefined)
      json = this.outcome(
        step,
        runNow(within(definition.body(attempt)), alone) ?? Exit.die(definition.notSynchronous?.())
      )
      cost = meter.cost
      kept = meter.kept
      meter.ended = true
      return json._tag === "Failure"
        ? undefined
        : { entry: Decide.completed(step, json, cost, kept), blobs: kept?.blobs }
    }, (entry) => {
      if (entry !== undefined) return made(entry)
      if (json !== undefined && step.phase === "running") {
        Pass.setPhase(this.run.pass, step, "done")
        // Nothing of a success that the store has undone has happened.
        this.conclude(
          step,
          json._tag === "Failure"
            ? json
            : this.outcome(step, Exit.die(new Error("the store undid the step, which had succeeded"))),
          cost,
          kept
        )
      }
      this.run.loop.wake()
    })
    return true
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
): Omit<Extract<ReadyItem, { readonly _tag: "Outcome" }>, "cost" | "kept"> => {
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
const late = (
  { attempt, key }: StepAttempt,
  exit: Exit.Exit<unknown, unknown>,
  isCut: boolean,
  scrub: Scrub | undefined
): ReadyItem => {
  // A probe answers with an option.
  const told = Exit.isSuccess(exit) && Option.isOption(exit.value)
    ? Option.getOrUndefined(exit.value)
    : Exit.isSuccess(exit)
    ? exit.value
    : undefined
  const value = scrub === undefined ? told : scrub.json(told)
  const came = isCut
    ? "has ended"
    : Exit.isSuccess(exit)
    ? `has succeeded${value === undefined ? "" : ` with ${StoredJson.show(value)}`}; that is not taken`
    : `has failed (${
      FailureText.ofCause(ExitJson.causeToJson(scrub === undefined ? exit.cause : scrub.cause(exit.cause)))
    }); that is not taken`
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
