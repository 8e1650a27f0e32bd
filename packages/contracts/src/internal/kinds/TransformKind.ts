/** The `transform` step: evaluates in its body, so that the values stand in the journal, and writes them into `state`. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import * as Expression from "../../Expression.ts"
import { recorded, refused } from "../../RecordedStep.ts"
import type { StandardStep } from "../../StandardShapes.ts"
import * as StepKind from "../../StepKind.ts"
import type { Execute } from "../../StepKind.ts"
import { transform } from "./Transform.ts"

const run = (step: StandardStep<"transform">): Execute => {
  const evaluate = recorded({
    step,
    body: ({ scope }) => Effect.mapError(Expression.evaluate(step.set, scope), refused)
  })
  return Effect.fnUntraced(function*({ change, scope }) {
    const output = yield* evaluate(scope, Result.succeed(null))
    yield* change(output as Schema.JsonObject)
    return { output, next: step.next }
  })
}

/** How the kind `transform` runs. */
export const transformKind = StepKind.make({ ...transform, run })
