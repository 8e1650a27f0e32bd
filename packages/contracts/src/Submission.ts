/**
 * The two halves of a task that runs elsewhere: what a step records when the
 * work has been handed over, and what completes it later.
 */
import * as FailureText from "@fermata/core/FailureText"
import type { Definitions } from "@fermata/engine/Extension"
import { engineSource } from "@fermata/engine/StartRequest"
import * as Exit from "effect/Exit"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"

/**
 * The recorded outcome of a step whose task was handed over. `stepId` is the
 * key under which the completion must come back; `attempt` counts from 1.
 */
export const Submission = Schema.Struct({
  _tag: Schema.tag("TaskSubmitted"),
  task: Schema.String,
  stepId: Schema.String,
  attempt: Schema.Int
})
export type Submission = typeof Submission.Type

/** Whether this outcome says that the work was handed over and not that it is done. */
export const isSubmission = (output: unknown): output is Submission =>
  Predicate.hasProperty(output, "_tag") && output._tag === "TaskSubmitted"

/** What the one who has done the work says: its output, or an error. */
export const Completion = Schema.Struct({
  output: Schema.optionalKey(Schema.Json),
  error: Schema.optionalKey(Schema.Json)
})
export type Completion = typeof Completion.Type

const prefix = "step:"

/** The name of the signal that completes a step. */
export const signalName = (stepId: string): string => `${prefix}${stepId}`

/** The key of the step that a signal of this name completes, if it is one. */
export const stepOfSignal = (name: string): string | undefined =>
  name.startsWith(prefix) ? name.slice(prefix.length) : undefined

/**
 * The id of a step in its contract, from its key in the run: `poll~2` is the
 * second time of `poll`, and `each[3]/charge` the `charge` inside the fourth
 * item of `each`. No id holds any of these signs.
 */
export const stepOfKey = (key: string): string => key.slice(key.lastIndexOf("/") + 1).replace(/~\d+$/, "")

/**
 * What is told about an entry of a run of a contract in place of what is told of
 * programs: a task that runs elsewhere is not complete when it has been handed
 * over, but when its completion arrives.
 */
export const tell: NonNullable<Definitions["tell"]> = (run, entry) => {
  if (entry._tag === "StepCompleted" && isSubmission(entry.output)) return []
  if (entry._tag !== "SignalReceived") return undefined
  const stepId = stepOfSignal(entry.name)
  const completion = stepId === undefined ? undefined : decodeCompletion(entry.payload)
  if (completion === undefined || Exit.isFailure(completion)) return []
  const { error, output } = completion.value
  const cause = error === undefined ? undefined : [{ _tag: "Fail" as const, error }]
  return [{
    id: `${run.id}:${entry.seq}`,
    name: cause === undefined ? "engine.step.completed" : "engine.step.failed",
    payload: {
      runId: run.id,
      workflow: run.workflow,
      stepId,
      ...(cause === undefined ? { output: output ?? null } : { error: FailureText.ofCause(cause), cause })
    },
    correlationId: run.id,
    source: engineSource
  }]
}

const decodeCompletion = Schema.decodeUnknownExit(Completion)
