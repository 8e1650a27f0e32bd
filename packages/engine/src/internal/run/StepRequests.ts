/**
 * The steps that the code of a run asks for.
 */
import * as ExitJson from "@fermata/core/ExitJson"
import * as Spent from "@fermata/core/Spent"
import type * as StoredJson from "@fermata/core/StoredJson"
import type { Wait } from "@fermata/core/Wait"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import type * as Handover from "../Handover.ts"
import { DayLimit, InPlaceOf, unfit } from "../Reserved.ts"
import { StepKeyConflict } from "../StepKeyConflict.ts"
import * as StepKeys from "../StepKeys.ts"
import * as Answer from "./Answer.ts"
import type { StepDefinition, StepOutcome } from "./Ask.ts"
import * as Pass from "./Pass.ts"
import * as Phase from "./Phase.ts"
import type { RunCore } from "./RunCore.ts"
import type { StepPort } from "./RunPort.ts"
import type { StepCourse } from "./StepCourse.ts"

export class StepRequests implements StepPort {
  private readonly run: RunCore
  private readonly course: StepCourse

  constructor(run: RunCore, course: StepCourse) {
    this.run = run
    this.course = course
  }

  isRecorded(name: string, key: string | undefined, input: Handover.Input): boolean {
    const { pass, phase } = this.run
    if (phase !== Phase.replaying) return false
    const record = StepKeys.foreseen(pass, name, key)
    return record !== undefined && !pass.steps.has(record.key) &&
      input.find(record, key === undefined ? StepKeys.next(pass, name) : 0)
  }

  ask(definition: StepDefinition): Effect.Effect<StepOutcome> {
    return this.run.ask((resume, refuse) => {
      const { ledger, pass, registration, replayer, row } = this.run
      const key = StepKeys.keyOf(pass, definition)
      const record = ledger.steps.get(key)
      let input: StoredJson.StoredJson | null = null
      let same = record !== undefined && definition.input?.recordedBy === record
      if (!same) {
        const handed = definition.input?.handed
        if (handed !== undefined && Result.isFailure(handed)) return refuse(handed.failure)
        const stored = handed?.success.stored
        if (stored !== undefined && stored.text !== "null") input = stored
        same = record !== undefined && replayer.same(record.input, input, input === null ? null : handed?.success.json)
      }
      const verdict = Answer.step(pass, replayer, key, definition, input, same, registration.limits.maxSteps)
      if (typeof verdict === "object") return this.run.diverge(verdict)
      let step: Pass.AskedStep
      switch (verdict) {
        case "conflict": {
          const conflict = Cause.die(new StepKeyConflict(row.id, key))
          return resume({ _tag: "Done", key, exit: { _tag: "Failure", cause: ExitJson.causeToJson(conflict) } })
        }
        case "over limit":
          return this.run.push({
            _tag: "Stop",
            id: "limit:maxSteps",
            kind: "limit",
            by: "engine",
            reason: `more than ${registration.limits.maxSteps} steps (maxSteps)`
          })
        case "joined":
          step = pass.steps.get(key)!
          break
        case "recorded":
          step = Pass.addStep(pass, record!, definition)
          if (record!.outcome !== undefined && replayer.isPast(record!.outcome)) {
            step.phase = "delivered"
            step.delivered = Pass.outcomeOf(record!.outcome)
          }
          break
        case "new": {
          const { asker, reserved, title } = definition
          const problem = reserved === undefined ? undefined : Spent.problemOf(reserved)
          if (problem !== undefined) return refuse(unfit(`What is reserved for step "${key}"`, problem))
          const doubt = this.course.doubtOf(definition)
          const limit = reserved === undefined ? undefined : Context.get(asker, DayLimit)
          const unlimited = limit === undefined ? undefined : Spent.problemOf(limit)
          if (unlimited !== undefined) return refuse(unfit(`What a day of step "${key}" may cost`, unlimited))
          this.run.append({
            _tag: "StepRequested",
            key,
            name: definition.name,
            attempt: 1,
            onCrash: definition.onCrash,
            ...(input === null ? {} : { input }),
            ...(definition.onCrash === "rerun-keyed"
              ? { idempotencyKey: StepKeys.idempotencyKey(row.id, Context.get(asker, InPlaceOf) ?? key) }
              : {}),
            ...(definition.nested ? { nested: true } : {}),
            ...(definition.label === undefined ? {} : { label: definition.label }),
            ...(title === undefined ? {} : { title }),
            ...(doubt === undefined ? reserved === undefined ? {} : { reserved } : doubt.probe ? { probe: true } : {})
          })
          if (doubt !== undefined) this.run.append({ _tag: "StepDoubted", key, from: doubt.from })
          step = Pass.addStep(pass, ledger.steps.get(key)!, definition)
          if (doubt === undefined || doubt.probe) this.course.queue(step)
          else Pass.setPhase(pass, step, "unknown")
        }
      }
      const asked = step
      if (asked.delivered !== undefined) return resume(Pass.copied(asked.delivered))
      asked.waiters = Pass.added(asked.waiters, resume)
      if (asked.phase === "abandoned" || (this.run.phase.isLive && asked.phase === "recorded")) {
        this.course.askAgain(asked)
      }
      return () => {
        asked.waiters = Pass.without(asked.waiters, resume)
        if (asked.waiters.length === 0 && asked.delivered === undefined) this.course.abandon(asked)
      }
    })
  }

  unreadable(key: string, problem: string, what = `outcome of step "${key}"`): Effect.Effect<void> {
    return this.run.ask((resume) => {
      if (this.run.phase.isLive) return resume(undefined)
      this.run.diverge({ key, detail: `the recorded ${what} does not fit its schema: ${problem}` })
    })
  }

  inStep<A>(key: string, wait: Wait, effect: Effect.Effect<A>): Effect.Effect<A> {
    const change = (act: (waits: ReadonlyArray<Wait>) => ReadonlyArray<Wait>) =>
      Effect.sync(() => {
        const step = this.run.pass.steps.get(key)
        if (step === undefined) return
        step.bodyWaits = act(step.bodyWaits)
        this.run.loop.wake()
      })
    return Effect.acquireUseRelease(
      change((waits) => Pass.added(waits, wait)),
      () => effect,
      (_, exit) =>
        Effect.andThen(
          change((waits) => Pass.without(waits, wait)),
          // Cut off by the body itself, as by a timeout, and not by its end.
          Exit.isFailure(exit) ? Effect.sync(() => this.run.loop.wake()) : Effect.void
        )
    )
  }

  hasLeft(key: string): boolean {
    const { pass, phase } = this.run
    if (pass.stop === undefined) return false
    return phase.isGone ? phase === Phase.ended : pass.steps.get(key)?.phase === "abandoned"
  }
}
