/** The `branch` step: decides in its body, so that the decision stands in the journal. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Expression from "../../Expression.ts"
import { recorded, refused } from "../../RecordedStep.ts"
import type { StandardStep } from "../../StandardShapes.ts"
import * as StepKind from "../../StepKind.ts"
import type { Execute } from "../../StepKind.ts"
import { branch } from "./Branch.ts"

const run = (step: StandardStep<"branch">): Execute => {
  const decide = recorded({
    step,
    body: Effect.fnUntraced(function*({ scope }) {
      for (let index = 0; index < step.cases.length; index++) {
        if (yield* Effect.mapError(Expression.evaluateCondition(step.cases[index]!.when, scope), refused)) {
          return index + 1
        }
      }
      return null
    })
  })
  return Effect.fnUntraced(function*({ scope }) {
    const output = yield* decide(scope, Result.succeed(null))
    const taken = typeof output === "number" ? step.cases[output - 1] : undefined
    return { output, next: taken === undefined ? step.default : taken.next }
  })
}

/** How the kind `branch` runs. */
export const branchKind = StepKind.make({ ...branch, run })
