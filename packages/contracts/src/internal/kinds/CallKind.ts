/** The `call` step: runs another workflow as its child, and records what that came to. */
import * as Effect from "effect/Effect"
import { render } from "../../RecordedStep.ts"
import type { StandardStep } from "../../StandardShapes.ts"
import * as StepKind from "../../StepKind.ts"
import type { Execute, Tools } from "../../StepKind.ts"
import { call } from "./Call.ts"
import * as CalledChild from "./CalledChild.ts"

const run = (step: StandardStep<"call">, tools: Tools): Execute => {
  const child = CalledChild.of(step, step, tools)
  return Effect.fnUntraced(function*(visit) {
    return { output: yield* child(visit, yield* render(step.input, visit.scope)), next: step.next }
  })
}

/** How the kind `call` runs. */
export const callKind = StepKind.make({ ...call, run })
