/**
 * The `call` step: settles in a step of its own which run it starts, so that no
 * version that is added later changes that, waits for the run as its child, and
 * records what it came to.
 */
import * as ChildRuns from "@fermata/engine/ChildRuns"
import * as Step from "@fermata/engine/Step"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import { allowed, record, recorded, render } from "../../RecordedStep.ts"
import type { StandardStep } from "../../StandardShapes.ts"
import { StepFailure } from "../../StepFailure.ts"
import * as StepKind from "../../StepKind.ts"
import type { Execute, Tools } from "../../StepKind.ts"
import * as CalledRun from "../CalledRun.ts"
import { call } from "./Call.ts"

const run = (step: StandardStep<"call">, { contract }: Tools): Execute => {
  const { next, version, workflow } = step
  const keep = record(step)
  const start = recorded({
    step: { id: CalledRun.inner, kind: step.kind },
    body: Effect.fnUntraced(function*({ scope }, input, { key }) {
      yield* allowed(contract, { kind: "workflow:call", workflow })
      const request = yield* Effect.mapError(
        ChildRuns.request(workflow, input, { version, key: `${scope.run?.id}/${key}` }),
        ({ message }) => new StepFailure({ reason: "call", message, retryable: false })
      )
      return request as object as Schema.JsonObject
    })
  })
  return Effect.fnUntraced(function*({ key, scope }) {
    const input = yield* render(step.input, scope)
    const started = yield* Effect.result(Step.within(start(scope, input), CalledRun.within(key)))
    const request = Result.flatMap(started, CalledRun.decode)
    const outcome = Result.isFailure(request)
      ? Result.fail(request.failure)
      : CalledRun.outcomeOf(request.success, yield* ChildRuns.run(request.success))
    return { output: yield* keep(scope, outcome), next }
  })
}

/** How the kind `call` runs. */
export const callKind = StepKind.make({ ...call, run })
