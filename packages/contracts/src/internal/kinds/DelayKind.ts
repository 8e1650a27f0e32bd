/** The `delay` step: a durable timer in the body of the workflow, and a record of when it was over. */
import * as DurableTime from "@fermata/core/DurableTime"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import { record, render } from "../../RecordedStep.ts"
import type { StandardStep } from "../../StandardShapes.ts"
import { StepFailure } from "../../StepFailure.ts"
import * as StepKind from "../../StepKind.ts"
import type { Execute } from "../../StepKind.ts"
import * as Moment from "../Moment.ts"
import { delay } from "./Delay.ts"

const run = (step: StandardStep<"delay">): Execute => {
  const keep = record(step)
  return Effect.fnUntraced(function*({ scope }) {
    const now = yield* Clock.currentTimeMillis
    const due = Result.flatMap(
      yield* render(step.for ?? step.until ?? null, scope),
      (value) =>
        step.for === undefined ? timeOf(value) : Result.flatMap(durationOf(value), (millis) => endOf(now, millis))
    )
    if (Result.isSuccess(due) && due.success > now) yield* Effect.sleep(due.success - now)
    const output = yield* keep(
      scope,
      Result.map(due, (time) => DateTime.formatIso(DateTime.makeUnsafe(Math.max(now, time))))
    )
    return { output, next: step.next }
  })
}

/** How the kind `delay` runs. */
export const delayKind = StepKind.make({ ...delay, run })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const refused = (message: string) => Result.fail(new StepFailure({ reason: "expression", message, retryable: false }))

const durationOf = (value: Schema.Json): Result.Result<number, StepFailure> => {
  const millis = Moment.millisOf(value)
  return millis === undefined
    ? refused(`its duration came out as ${StoredJson.show(value)}; what is needed is ${Moment.durations}`)
    : Result.succeed(millis)
}

const timeOf = (value: Schema.Json): Result.Result<number, StepFailure> => {
  const time = Moment.timeOf(value)
  return time === undefined
    ? refused(
      `its time came out as ${StoredJson.show(value)}; what is needed is ${Moment.times}, not after the year 9999`
    )
    : Result.succeed(time)
}

const endOf = (now: number, millis: number): Result.Result<number, StepFailure> => {
  const time = DurableTime.after(now, millis)
  return DurableTime.isTooLate(time)
    ? refused(`its duration of ${millis} ms ends after the year 9999, the last that can be stored`)
    : Result.succeed(time)
}
