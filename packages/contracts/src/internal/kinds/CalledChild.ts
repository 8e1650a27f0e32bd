/**
 * A run that a step starts as a child: which one is settled in a step of its
 * own, so that no version that is added later changes that; then it is waited
 * for, and what it came to is recorded.
 */
import * as ChildRuns from "@fermata/engine/ChildRuns"
import * as Step from "@fermata/engine/Step"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import { allowed, record, type Recordable, recorded } from "../../RecordedStep.ts"
import { StepFailure } from "../../StepFailure.ts"
import type { Services, Tools, Visit } from "../../StepKind.ts"
import type { Call } from "../../StepShape.ts"
import * as CalledRun from "../CalledRun.ts"

/** What differs between the kinds of steps that start runs. */
export interface Options {
  /** What the run is given, made of what the step is given; `id` is the same for every replay. The same when absent. */
  readonly payload?: (input: Schema.Json, id: string) => Schema.Json
  /** What the step comes to, made of what the run came to. The same when absent. */
  readonly output?: (value: Schema.Json) => Result.Result<Schema.Json, StepFailure>
}

/** Has a step run this workflow, with an input that may have failed before. */
export const of = (step: Recordable, { workflow, version }: Call, { contract }: Tools, options: Options = {}) => {
  const { output = Result.succeed, payload = (input: Schema.Json) => input } = options
  const keep = record({ id: step.id, kind: step.kind })
  const start = recorded({
    step: { id: CalledRun.inner, kind: step.kind },
    body: Effect.fnUntraced(function*({ scope }, input, { key }) {
      yield* allowed(contract, { kind: "workflow:call", workflow })
      const id = `${scope.run?.id}/${key}`
      const request = yield* Effect.mapError(
        ChildRuns.request(workflow, payload(input, id), { version, key: id }),
        ({ message }) => new StepFailure({ reason: "call", message, retryable: false })
      )
      return request as object as Schema.JsonObject
    })
  })
  return Effect.fnUntraced(function*(
    { key, scope }: Visit,
    input: Result.Result<Schema.Json, StepFailure>
  ): Effect.fn.Return<Schema.Json, StepFailure, Services> {
    const started = yield* Effect.result(Step.within(start(scope, input), CalledRun.within(key)))
    const request = Result.flatMap(started, CalledRun.decode)
    const outcome = Result.isFailure(request)
      ? Result.fail(request.failure)
      : Result.flatMap(CalledRun.outcomeOf(request.success, yield* ChildRuns.run(request.success)), output)
    return yield* keep(scope, outcome)
  })
}
