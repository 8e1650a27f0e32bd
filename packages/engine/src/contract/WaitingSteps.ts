/**
 * The step kinds that wait in the body of the workflow, `wait` and `approval`.
 * What came is recorded as the step's outcome.
 */
import type * as Contract from "@fermata/core/contract/Contract"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { CurrentRun } from "../internal/ExecutorTypes.ts"
import * as Questions from "../internal/Questions.ts"
import * as EventCondition from "./EventCondition.ts"
import * as Expression from "./Expression.ts"
import { type Execute, fieldOf, record, render } from "./RecordedStep.ts"
import { StepFailure } from "./StepFailure.ts"

/**
 * Waits for an event that fits. One that is taken is recorded as the step's
 * outcome by the run itself; events that an earlier build journaled as signals
 * are judged here, in their order, as that build did.
 */
export const wait = (step: Contract.StepOf<"wait">): Execute => {
  const { event, timeout, where } = step
  const condition = where === undefined ? undefined : EventCondition.of(where)
  const keep = record(step)
  /** An event that the condition cannot cope with is one that it does not want: anybody may send one. */
  const wants = (scope: Expression.Scope, payload: Schema.Json): Effect.Effect<boolean> =>
    where === undefined
      ? Effect.succeed(true)
      : Expression.evaluateCondition(where, { ...scope, event: payload }).pipe(
        Effect.catch((error) =>
          Effect.as(Effect.logWarning(`step "${step.id}" passes over an event "${event}": ${error.message}`), false)
        )
      )
  const next = Effect.fnUntraced(function*(scope: Expression.Scope, passedOver: Array<Schema.Json>) {
    for (let index = 0; index < passedOver.length; index++) {
      if (yield* wants(scope, passedOver[index]!)) {
        return { isRecorded: false, payload: passedOver.splice(index, 1)[0]! }
      }
    }
    const place = yield* CurrentRun
    if (place === undefined) return yield* Effect.die(new Error(`step "${step.id}" waits outside of a run`))
    const asker = yield* Effect.context<never>()
    const equality = EventCondition.equalityIn(condition, scope)
    const detail = detailOf(step, condition?.place, equality?.value)
    while (true) {
      const answer = yield* place.executor.askEvent({
        step: step.id,
        event,
        equality,
        detail,
        asker,
        wants: (payload) => wants(scope, payload as Schema.Json)
      })
      const payload = answer.payload as Schema.Json
      if (answer._tag === "Taken") return { isRecorded: true, payload }
      if (yield* wants(scope, payload)) return { isRecorded: false, payload }
      passedOver.push(payload)
    }
  })
  return Effect.fnUntraced(function*(scope, memory) {
    const passedOver = memory.passedOver.get(event) ?? []
    memory.passedOver.set(event, passedOver)
    const taken = next(scope, passedOver)
    const answer = yield* timeout === undefined ? Effect.asSome(taken) : Effect.timeoutOption(taken, timeout.ms)
    if (Option.isSome(answer)) {
      const { isRecorded, payload } = answer.value
      return { output: isRecorded ? payload : yield* keep(scope, Result.succeed(payload)), next: step.next }
    }
    if (timeout?.next !== undefined) return { output: yield* keep(scope, Result.succeed(null)), next: timeout.next }
    const late = new StepFailure({
      reason: "timeout",
      message: `no event "${event}" came within ${timeout?.ms} ms`,
      retryable: false
    })
    return { output: yield* keep(scope, Result.fail(late)), next: null }
  })
}

/** What the step waits for, in words. */
const detailOf = (
  { event, where }: Contract.StepOf<"wait">,
  place: string | undefined,
  value: string | undefined
): string => {
  const what = `an event "${event}"`
  if (where === undefined) return what
  const short = where.length > mostOfWhere ? `${where.slice(0, mostOfWhere - 1)}…` : where
  return `${what} where ${short}${place === undefined || value === undefined ? "" : ` (${place} = ${value})`}`
}

const mostOfWhere = 200

const decodeTexts = Schema.decodeUnknownResult(Schema.Array(Schema.NonEmptyString))

/** Asks people. */
export const approval = (step: Contract.StepOf<"approval">): Execute => {
  const keep = record(step)
  const { onTimeout } = step
  return Effect.fnUntraced(function*(scope) {
    const place = yield* CurrentRun
    if (place === undefined) return yield* Effect.die(new Error("a contract runs only in a run"))
    const question = yield* render({
      prompt: step.prompt,
      approvers: step.approvers,
      choices: step.choices ?? [],
      args: step.args ?? null
    }, scope)
    if (Result.isFailure(question)) return { output: yield* keep(scope, question), next: null }
    const prompt = fieldOf(question.success, "prompt") ?? ""
    const args = fieldOf(question.success, "args") ?? null
    const approvers = decodeTexts(fieldOf(question.success, "approvers"))
    const choices = decodeTexts(fieldOf(question.success, "choices"))
    if (Result.isFailure(approvers) || Result.isFailure(choices)) {
      const unclear = new StepFailure({
        reason: "expression",
        message: "its approvers or choices did not come out as texts",
        retryable: false
      })
      return { output: yield* keep(scope, Result.fail(unclear)), next: null }
    }
    const result = yield* place.executor.askApproval({
      name: step.id,
      key: undefined,
      prompt: typeof prompt === "string" ? prompt : StoredJson.textOf(prompt),
      approvers: approvers.success,
      choices: choices.success,
      quorum: step.quorum?.approvals ?? 1,
      of: step.quorum?.of,
      editable: step.editable,
      args: step.args === undefined ? undefined : args,
      hash: yield* Questions.hashOf(args, (digest) => place.executor.digests.await(digest)),
      preventSelfApproval: step.preventSelfApproval,
      deadlineMs: step.timeout?.ms,
      // Where the run goes when nobody has answered is the contract's matter; to the journal it is an end without an answer.
      onTimeout: typeof onTimeout === "string" ? onTimeout : "fail",
      problemOf: () => undefined
    })
    switch (result._tag) {
      case "Approved": {
        const given = {
          decision: "approved",
          by: result.by,
          choice: result.choice ?? null,
          note: result.note ?? null,
          args: (result.edit as Schema.Json | undefined) ?? args
        }
        return { output: yield* keep(scope, Result.succeed(given)), next: step.nextOnApproved }
      }
      case "Denied": {
        const given = { decision: "denied", by: [result.by], note: result.note ?? null, timedOut: result.timedOut }
        return { output: yield* keep(scope, Result.succeed(given)), next: step.nextOnDenied }
      }
      case "TimedOut": {
        if (typeof onTimeout !== "string") {
          const given = { decision: "timeout", by: [], timedOut: true }
          return { output: yield* keep(scope, Result.succeed(given)), next: onTimeout.next }
        }
        const late = new StepFailure({
          reason: "timeout",
          message: `nobody answered within ${step.timeout?.ms} ms`,
          retryable: false
        })
        return { output: yield* keep(scope, Result.fail(late)), next: null }
      }
    }
  })
}
