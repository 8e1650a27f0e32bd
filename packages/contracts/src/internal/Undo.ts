/** What a step has done is undone when its run fails or is cancelled: in reverse, what was done last first. */
import * as Effect from "effect/Effect"
import * as Workflow from "effect/workflow/Workflow"
import type { StepFailure } from "../StepFailure.ts"
import type { Inside, Services, Settled, Visit } from "../StepKind.ts"
import * as StepShape from "../StepShape.ts"

/**
 * Has what the step does undone when the run does not complete: once, after what
 * was done later. `scopeOf` tells what the steps that undo it see, which is what
 * the run sees then. When one of them fails it stands in the journal, and the
 * rest is undone all the same.
 */
export const registered = <R>(
  step: Effect.Effect<Settled, StepFailure, R>,
  visit: Visit,
  undo: Inside,
  scopeOf: (settled: Settled) => Visit["scope"]
): Effect.Effect<Settled, StepFailure, R | Services> =>
  // Compensations belong to the run, which closes their scope.
  Workflow.withCompensation(step, (settled) =>
    Effect.suspend(() =>
      Effect.asVoid(undo({ ...visit, scope: scopeOf(settled) }, StepShape.undo.label, {}))
    ).pipe(
      Effect.catchCause((cause) => Effect.logWarning(`what undoes step "${visit.key}" failed`, cause))
    )) as Effect.Effect<Settled, StepFailure, R | Services>
