/** The `emit` step: checks in its body that the event may be published, and publishes it after. */
import * as EventsModule from "@fermata/engine/Events"
import { Events } from "@fermata/engine/Events"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { allowed, recorded, render } from "../../RecordedStep.ts"
import type { StandardStep } from "../../StandardShapes.ts"
import { StepFailure } from "../../StepFailure.ts"
import * as StepKind from "../../StepKind.ts"
import type { Execute, Tools } from "../../StepKind.ts"
import { emit } from "./Emit.ts"

const run = (step: StandardStep<"emit">, { contract }: Tools): Execute => {
  const prepare = recorded({
    step,
    body: Effect.fnUntraced(function*({ scope }, input, { key }) {
      yield* allowed(contract, { kind: "event:emit", event: step.event })
      yield* Effect.mapError(EventsModule.check(step.event, input), unpublishable)
      return `${scope.run?.id}:emit:${key}`
    })
  })
  return Effect.fnUntraced(function*({ scope }) {
    const payload = yield* render(step.payload, scope)
    const id = yield* prepare(scope, payload)
    const events = yield* Events
    yield* events.emit(step.event, Result.getOrElse(payload, () => null), { id: String(id) }).pipe(
      Effect.catchTags({ EventRefused: (error) => Effect.fail(unpublishable(error)), StorageFailed: Effect.die })
    )
    return { output: id, next: step.next }
  })
}

/** How the kind `emit` runs. */
export const emitKind = StepKind.make({ ...emit, run })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const unpublishable = (error: EventsModule.EventRefused) =>
  new StepFailure({ reason: "event", message: error.message, retryable: false })
