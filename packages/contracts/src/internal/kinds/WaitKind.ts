/** The `wait` step: waits in the body of the workflow for an event, which is recorded as its outcome. */
import * as EventWaits from "@fermata/engine/EventWaits"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import * as Expression from "../../Expression.ts"
import { record } from "../../RecordedStep.ts"
import type { StandardStep } from "../../StandardShapes.ts"
import { StepFailure } from "../../StepFailure.ts"
import * as StepKind from "../../StepKind.ts"
import type { Execute, Visit } from "../../StepKind.ts"
import * as EventCondition from "../EventCondition.ts"
import { wait } from "./Wait.ts"

/**
 * Waits for an event that fits. One that is taken is recorded as the step's
 * outcome by the run itself; events that an earlier build journaled as signals
 * are judged here, in their order, as that build did.
 */
const run = (step: StandardStep<"wait">): Execute => {
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
  const next = Effect.fnUntraced(function*({ scope, within }: Visit, passedOver: Array<Schema.Json>) {
    for (let index = 0; index < passedOver.length; index++) {
      if (yield* wants(scope, passedOver[index]!)) {
        return { isRecorded: false, payload: passedOver.splice(index, 1)[0]! }
      }
    }
    const equality = EventCondition.equalityIn(condition, scope)
    const detail = detailOf(step, condition?.place, equality?.value)
    while (true) {
      const answer = yield* EventWaits.take({
        step: `${within}${step.id}`,
        event,
        equality,
        detail,
        wants: (payload) => wants(scope, payload as Schema.Json)
      })
      const payload = answer.payload as Schema.Json
      if (answer._tag === "Taken") return { isRecorded: true, payload }
      if (yield* wants(scope, payload)) return { isRecorded: false, payload }
      passedOver.push(payload)
    }
  })
  return Effect.fnUntraced(function*(visit) {
    const { memory, scope } = visit
    const passedOver = memory.passedOver.get(event) ?? []
    memory.passedOver.set(event, passedOver)
    const taken = next(visit, passedOver)
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

/** How the kind `wait` runs. */
export const waitKind = StepKind.make({ ...wait, run })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** What the step waits for, in words. */
const detailOf = (
  { event, where }: StandardStep<"wait">,
  place: string | undefined,
  value: string | undefined
): string => {
  const what = `an event "${event}"`
  if (where === undefined) return what
  const short = where.length > mostOfWhere ? `${where.slice(0, mostOfWhere - 1)}…` : where
  return `${what} where ${short}${place === undefined || value === undefined ? "" : ` (${place} = ${value})`}`
}

const mostOfWhere = 200
