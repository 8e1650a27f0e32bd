/**
 * A task that a run does: it listens for the end of that run, which is then its own.
 *
 * Who begins the run begins it with the task as its keeper, and then says of the
 * task that it was handed over. That may come behind the end of the run, or be
 * said by whoever takes the task up after a crash, so the task listens from then
 * on once more, and is told at once of a run that has ended.
 */
import * as FailureText from "@fermata/core/FailureText"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Task from "@fermata/core/Task"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type { OutboxRow, SettleTaskOp, TaskOutcome } from "../../Backend.ts"

const prefix = "task:"

/** As whom a task listens for the end of the run that does it. */
export const listenerOf = (task: string): string => `${prefix}${task}`

/** The task that listens, where a listener is one. */
export const taskOfListener = (listener: string): string | undefined =>
  listener.startsWith(prefix) ? listener.slice(prefix.length) : undefined

/** What is told of a run that is not there, as one that was deleted. */
export const gone = StoredJson.textOf({ exit: null })

/** The message that tells a task how its run has ended. */
export const endedRow = (task: string, run: string, ended: string): OutboxRow => ({
  id: `ended:${task}:${run}`,
  kind: "ended",
  payload: StoredJson.compose({ task, run, ended: new StoredJson.StoredJson(ended) }).text
})

/** The message by which a task listens for the end of a run. */
export const listenRow = (task: string, run: string): OutboxRow => ({
  id: `listen:${task}:${run}`,
  kind: "listen",
  payload: StoredJson.textOf({ run, listener: listenerOf(task) })
})

/** What `listenRow` asks for. */
export const Listen = Schema.fromJsonString(Schema.Struct({ run: Schema.String, listener: Schema.String }))

/** What `endedRow` tells. */
export const Ended = Schema.fromJsonString(Schema.Struct({
  task: Schema.String,
  run: Schema.String,
  ended: Schema.Struct({ exit: Schema.Unknown })
}))

/** The end of a task that is the end of its run. */
export const settling = ({ ended, run, task }: typeof Ended.Type, now: number): SettleTaskOp => ({
  op: "settleTask",
  task,
  by: { run },
  now,
  outcome: outcomeOf(run, ended.exit)
})

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const outcomeOf = (run: string, exit: unknown): TaskOutcome => {
  if (!Predicate.hasProperty(exit, "_tag")) return failed("gone", `its run ${run} is not there any more`, true)
  if (exit._tag === "Success") {
    const result = StoredJson.textOf((exit as { readonly value?: unknown }).value ?? null)
    return result.length <= Task.mostBytes
      ? { _tag: "Completed", result }
      : failed(
        "too-large",
        `the output of its run ${run} has ${result.length} characters of JSON; a task has at most ${Task.mostBytes}`,
        true
      )
  }
  const cause = (exit as { readonly cause?: unknown }).cause
  const error = Array.isArray(cause)
    ? cause.find((reason): reason is { readonly error: unknown } => Predicate.isTagged(reason, "Fail"))?.error
    : undefined
  const problem = `its run ${run} has failed: ${FailureText.ofCause(cause)}`
  // Somebody has stopped it, or it has died of what another attempt would find too.
  if (error === undefined) return failed("run-failed", problem, true)
  const { _tag, code, retryAfterMs, retryable } = Predicate.isObject(error) ? error as Record<string, unknown> : {}
  return {
    ...failed(
      typeof code === "string" ? code : typeof _tag === "string" ? _tag : "run-failed",
      problem,
      retryable === false
    ),
    ...(typeof retryAfterMs === "number" && retryAfterMs >= 0 ? { retryAfterMs } : {})
  }
}

const failed = (
  code: string,
  message: string,
  isFinal: boolean
): Extract<TaskOutcome, { readonly _tag: "Failed" }> => ({
  _tag: "Failed",
  error: StoredJson.textOf({ code, message }),
  isFinal
})
