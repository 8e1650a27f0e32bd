/**
 * The `task` step: hands work to the task runtime, and waits for the one who
 * has taken it when it is done elsewhere.
 */
import * as StoredJson from "@fermata/core/StoredJson"
import * as Signal from "@fermata/engine/Signal"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import { allowed, recorded, render } from "../../RecordedStep.ts"
import type { StandardStep } from "../../StandardShapes.ts"
import { StepFailure } from "../../StepFailure.ts"
import * as StepKind from "../../StepKind.ts"
import type { Execute, Tools } from "../../StepKind.ts"
import { Completion, isSubmission, signalName, type Submission } from "../../Submission.ts"
import { TaskRuntime } from "../../TaskRuntime.ts"
import * as Retries from "../Retries.ts"
import { task } from "./Task.ts"

const run = (step: StandardStep<"task">, { contract }: Tools): Execute => {
  const made = new Map<number, ReturnType<typeof submitting>>()
  const submitting = (attempts: number) =>
    recorded({
      step,
      attempts,
      onCrash: step.onCrash,
      body: Effect.fnUntraced(function*({ scope }, input, { attempt, idempotencyKey, key }) {
        yield* allowed(contract, { kind: "task:run", task: step.task })
        const runtime = yield* TaskRuntime
        const { labels, task } = step
        const request = { runId: scope.run?.id ?? "", stepId: key, task, input, attempt, idempotencyKey, labels }
        const reply = yield* Effect.mapError(runtime.submit(request), (error) =>
          new StepFailure({
            reason: "task",
            message: error.message,
            retryable: error._tag === "TaskFailed" && error.retryable,
            ...(error._tag === "TaskFailed" && error.data !== undefined ? { data: error.data } : {}),
            ...(error._tag === "TaskFailed" && error.trace !== undefined ? { trace: error.trace } : {})
          }))
        if (reply._tag === "Submitted") {
          return { _tag: "TaskSubmitted", task, stepId: key, attempt } satisfies Submission
        }
        if (!isSubmission(reply.output)) return reply.output
        return yield* new StepFailure({
          reason: "task",
          message: `task "${task}" returned what only the engine may record`,
          retryable: false
        })
      })
    })
  const submit = (attempts: number) => {
    const known = made.get(attempts) ?? submitting(attempts)
    made.set(attempts, known)
    return known
  }
  return Effect.fnUntraced(function*({ scope }) {
    const input = yield* render(step.input, scope)
    // A task that was handed over and failed there is handed over again under a new key, as long as attempts are left.
    for (let used = 0;;) {
      const output = yield* submit((step.retry?.maxAttempts ?? 1) - used)(scope, input)
      if (!isSubmission(output)) return { output, next: step.next }
      used += output.attempt
      const result = yield* completion(output, step.timeoutMs)
      if (Result.isSuccess(result)) return { output: result.success, next: step.next }
      if (step.retry === undefined || used >= step.retry.maxAttempts) return yield* result.failure
      yield* Effect.sleep(yield* Retries.pauseAfter(step.retry, used))
    }
  })
}

/** How the kind `task` runs. */
export const taskKind = StepKind.make({ ...task, run })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** Waits until the one who has the work says what came of it. */
const completion = Effect.fnUntraced(function*(submission: Submission, timeoutMs: number | undefined) {
  const { stepId, task } = submission
  const received = Signal.receive(Signal.make(signalName(stepId), { schema: Completion }))
  const told = yield* timeoutMs === undefined ? Effect.asSome(received) : Effect.timeoutOption(received, timeoutMs)
  if (Option.isNone(told)) {
    return Result.fail(
      new StepFailure({
        reason: "timeout",
        message: `task "${task}" was not completed within ${timeoutMs} ms`,
        retryable: true
      })
    )
  }
  const { error, output = null } = told.value
  if (error === undefined) return Result.succeed(output)
  const said = typeof error === "string"
    ? error
    : Predicate.hasProperty(error, "message") && typeof error.message === "string"
    ? error.message
    : StoredJson.textOf(error)
  return Result.fail(
    new StepFailure({ reason: "task", message: `task "${task}" failed: ${said}`, retryable: true, data: error })
  )
})
