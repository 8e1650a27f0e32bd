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
import * as Signal from "../Signal.ts"
import * as Expression from "./Expression.ts"
import { type Execute, fieldOf, record, render } from "./RecordedStep.ts"
import { StepFailure } from "./StepFailure.ts"

/** The name of the signal by which a run gets an event that it has subscribed to. */
export const eventSignal = (event: string): string => `event:${event}`

/** Waits for an event that fits. */
export const wait = (step: Contract.StepOf<"wait">): Execute => {
  const { event, timeout, where } = step
  const signal = Signal.make(eventSignal(event), { schema: Schema.Json })
  const keep = record(step)
  /** An event that the condition cannot cope with is one that it does not want: anybody may send one. */
  const wants = (scope: Expression.Scope, payload: Schema.Json): Effect.Effect<boolean> =>
    where === undefined
      ? Effect.succeed(true)
      : Expression.evaluateCondition(where, { ...scope, event: payload }).pipe(
        Effect.catch((error) => Effect.as(Effect.logWarning(`step "${step.id}" passes over an event "${event}": ${error.message}`), false))
      )
  const next = Effect.fnUntraced(function*(scope: Expression.Scope, passedOver: Array<Schema.Json>) {
    for (let index = 0; index < passedOver.length; index++) {
      if (yield* wants(scope, passedOver[index]!)) return passedOver.splice(index, 1)[0]!
    }
    while (true) {
      const payload = yield* Signal.receive(signal)
      if (yield* wants(scope, payload)) return payload
      passedOver.push(payload)
    }
  })
  return Effect.fnUntraced(function*(scope, memory) {
    const passedOver = memory.passedOver.get(event) ?? []
    memory.passedOver.set(event, passedOver)
    const taken = next(scope, passedOver)
    const payload = yield* timeout === undefined ? Effect.asSome(taken) : Effect.timeoutOption(taken, timeout.ms)
    if (Option.isSome(payload)) return { output: yield* keep(scope, Result.succeed(payload.value)), next: step.next }
    if (timeout?.next !== undefined) return { output: yield* keep(scope, Result.succeed(null)), next: timeout.next }
    const late = new StepFailure({ reason: "timeout", message: `no event "${event}" came within ${timeout?.ms} ms`, retryable: false })
    return { output: yield* keep(scope, Result.fail(late)), next: null }
  })
}

const decodeTexts = Schema.decodeUnknownResult(Schema.Array(Schema.NonEmptyString))

/** Asks people. */
export const approval = (step: Contract.StepOf<"approval">): Execute => {
  const keep = record(step)
  const { onTimeout } = step
  return Effect.fnUntraced(function*(scope) {
    const place = yield* CurrentRun
    if (place === undefined) return yield* Effect.die(new Error("a contract runs only in a run"))
    const question = yield* render({ prompt: step.prompt, approvers: step.approvers, choices: step.choices ?? [], args: step.args ?? null }, scope)
    if (Result.isFailure(question)) return { output: yield* keep(scope, question), next: null }
    const prompt = fieldOf(question.success, "prompt") ?? ""
    const args = fieldOf(question.success, "args") ?? null
    const approvers = decodeTexts(fieldOf(question.success, "approvers"))
    const choices = decodeTexts(fieldOf(question.success, "choices"))
    if (Result.isFailure(approvers) || Result.isFailure(choices)) {
      const unclear = new StepFailure({ reason: "expression", message: "its approvers or choices did not come out as texts", retryable: false })
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
        const late = new StepFailure({ reason: "timeout", message: `nobody answered within ${step.timeout?.ms} ms`, retryable: false })
        return { output: yield* keep(scope, Result.fail(late)), next: null }
      }
    }
  })
}
