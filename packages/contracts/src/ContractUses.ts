/**
 * Which steps of a contract have used the output of another, by what their
 * expressions mention.
 */
import * as Result from "effect/Result"
import type * as Contract from "./Contract.ts"
import * as Expression from "./Expression.ts"
import * as CalledRun from "./internal/CalledRun.ts"
import { standardShapes } from "./StandardShapes.ts"
import * as StepShape from "./StepShape.ts"
import type { StepShapes } from "./StepShape.ts"
import { stepsOf } from "./StepTree.ts"
import { stepOfKey } from "./Submission.ts"

/**
 * Those of `between` (ids in the order in which they ran) that have used the
 * output of `step`, by name, by way of another, or by way of the state that one
 * of them has changed.
 */
export const dependents = (
  contract: Contract.Contract,
  step: string,
  between: ReadonlyArray<string>,
  shapes: StepShapes = standardShapes
): ReadonlyArray<string> => {
  const changed = new Set([step])
  let isStateChanged = false
  const steps = stepsOf(contract, shapes)
  return between.filter((id) => {
    const found = stepAt(steps, id, shapes)
    if (found === undefined) return false
    const uses = usesOf(found, shapes)
    if (!uses.steps.some((used) => changed.has(used)) && !(isStateChanged && uses.state)) return false
    changed.add(id)
    isStateChanged ||= StepShape.needsOf(shapes, found).writesState === true
    return true
  })
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** The step that a key stands for. What a call has recorded before it waits is a part of the call. */
const stepAt = (
  steps: ReadonlyArray<StepShape.AnyStep>,
  key: string,
  shapes: StepShapes
): StepShape.AnyStep | undefined => {
  const named = (key: string) => steps.find(({ id }) => id === stepOfKey(key))
  const calling = CalledRun.callOf(key)
  const call = calling === undefined ? undefined : named(calling)
  return call !== undefined && StepShape.needsOf(shapes, call).calls !== undefined ? call : named(key)
}

interface Uses {
  readonly steps: ReadonlyArray<string>
  /** Whether it reads the state; where all of the scope is read, it does too. */
  readonly state: boolean
}

const usesOf = (step: StepShape.AnyStep, shapes: StepShapes): Uses => {
  const places = StepShape.of(shapes, step)?.check.expressions(step as object as StepShape.Loose) ?? []
  const sources = places
    .flatMap(({ path, whole = false }) => Expression.sourcesIn(StepShape.at(step, ...path), whole))
    .map(({ source }) => Result.flatMap(Result.mapError(source, () => undefined), Expression.compile))
    .filter(Result.isSuccess)
  return {
    steps: sources.flatMap(({ success }) => success.steps.map(({ name }) => name)),
    state: sources.some(({ success }) => success.names.some(({ name }) => name === "state"))
  }
}
