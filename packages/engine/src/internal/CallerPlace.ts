/** Who calls the engine: a body, the body of a step, or a program outside of any run. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Handover from "./Handover.ts"
import { CurrentRun, type Place } from "./run/RunPort.ts"
import { StepLetGo } from "./StepLimit.ts"

/** The run of a caller, as errors name it. */
export const byOf = (place: Place | undefined) => place === undefined ? undefined : Handover.giver(place.run.row)

/** The caller, as it is named to people. */
export const asker = Effect.map(CurrentRun, (place) => place?.run.row.id ?? "program")

/** The run and step of the caller; undefined for a body that its run no longer waits for. */
export const current = Effect.flatMap(
  CurrentRun,
  (place) =>
    place?.letGo === true ? Effect.die(new StepLetGo("A durable operation", place.step)) : Effect.succeed(place)
)

/** As `current`, for what only a run can do: a defect outside of one. */
export const inRun = Effect.flatMap(current, (place) =>
  place === undefined
    ? Effect.die(new Error("This needs a run: it works only inside a workflow that this engine executes"))
    : Effect.succeed(place))

/**
 * Leaves a child when the scope that it was asked for in closes inside a body
 * that is told to stop. Behind the body `effect/workflow` does so itself.
 */
export const leaveWith = ({ run }: Place, child: string): Effect.Effect<void> =>
  Effect.flatMap(Effect.serviceOption(Scope.Scope), (scope) =>
    Option.isNone(scope)
      ? Effect.void
      : Scope.addFinalizer(
        scope.value,
        Effect.sync(() => {
          if (run.stopping && !run.finalizing) run.children.leave(child)
        })
      ))
