/** The `approval` step: asks people in the body of the workflow, and records their answer as its outcome. */
import * as StoredJson from "@fermata/core/StoredJson"
import * as Approval from "@fermata/engine/Approval"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { fieldOf, record, render } from "../../RecordedStep.ts"
import type { StandardStep } from "../../StandardShapes.ts"
import { StepFailure } from "../../StepFailure.ts"
import * as StepKind from "../../StepKind.ts"
import type { Execute } from "../../StepKind.ts"
import { approval } from "./Approval.ts"

const run = (step: StandardStep<"approval">): Execute => {
  const keep = record(step)
  const { onTimeout } = step
  return Effect.fnUntraced(function*({ scope, within }) {
    const question = yield* render({
      prompt: step.prompt,
      approvers: step.approvers,
      choices: step.choices ?? [],
      notBy: step.notBy === undefined ? [] : typeof step.notBy === "string" ? [step.notBy] : step.notBy,
      escalate: step.escalate ?? [],
      args: step.args ?? null
    }, scope)
    if (Result.isFailure(question)) return { output: yield* keep(scope, question), next: null }
    const prompt = fieldOf(question.success, "prompt") ?? ""
    const args = fieldOf(question.success, "args") ?? null
    const approvers = decodeTexts(fieldOf(question.success, "approvers"))
    const choices = decodeTexts(fieldOf(question.success, "choices"))
    const notBy = decodeTexts(fieldOf(question.success, "notBy"))
    const escalate = decodeStages(fieldOf(question.success, "escalate"))
    if (
      Result.isFailure(approvers) || Result.isFailure(choices) || Result.isFailure(notBy) || Result.isFailure(escalate)
    ) {
      const unclear = new StepFailure({
        reason: "expression",
        message: "its approvers, choices, or who else may or may not answer, did not come out as texts",
        retryable: false
      })
      return { output: yield* keep(scope, Result.fail(unclear)), next: null }
    }
    const result = yield* Approval.askJson(`${within}${step.id}`, {
      prompt: typeof prompt === "string" ? prompt : StoredJson.textOf(prompt),
      approvers: approvers.success,
      choices: choices.success,
      quorum: step.quorum?.approvals ?? 1,
      of: step.quorum?.of,
      editable: step.editable,
      args: step.args === undefined ? undefined : args,
      notBy: step.preventSelfApproval ? ["requester", ...notBy.success] : notBy.success,
      escalate: escalate.success,
      remind: step.remind,
      deadlineMs: step.timeout?.ms,
      // Where the run goes when nobody has answered is the contract's matter; to the journal it is an end without an answer.
      onTimeout: typeof onTimeout === "string" ? onTimeout : "fail"
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

/** How the kind `approval` runs. */
export const approvalKind = StepKind.make({ ...approval, run })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const decodeTexts = Schema.decodeUnknownResult(Schema.Array(Schema.NonEmptyString))
const decodeStages = Schema.decodeUnknownResult(
  Schema.Array(Schema.Struct({ afterMs: Schema.Int, to: Schema.Array(Schema.NonEmptyString) }))
)
