/** Activities of `effect/workflow` as steps. */
import * as ExitJson from "@fermata/core/ExitJson"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Schema from "effect/Schema"
import type * as Activity from "effect/workflow/Activity"
import * as Workflow from "effect/workflow/Workflow"
import { WorkflowInstance } from "effect/workflow/WorkflowEngine"
import * as Handover from "./Handover.ts"
import { outcomeCodec } from "./JsonCodec.ts"
import type { StepDefinition } from "./run/Ask.ts"
import type { Place } from "./run/RunPort.ts"

/** What an activity is to the run that it is asked of. */
export const of = (
  activity: Activity.Any,
  attempt: number,
  instance: WorkflowInstance["Service"],
  context: Context.Context<never>,
  place: Place
): StepDefinition => {
  const suspendOnFailure = Context.get(instance.workflow.annotations, Workflow.SuspendOnFailure)
  return {
    name: activity.name,
    // The identity that `effect/workflow` gives an activity: its name and attempt, whatever the order.
    key: `${activity.name}#${attempt}`,
    onCrash: "rerun",
    input: undefined,
    label: undefined,
    nested: place.step !== undefined,
    inside: place.inside,
    parkOnFailure: suspendOnFailure,
    asker: context,
    retry: undefined,
    problemOf: () => undefined,
    sample: () => undefined,
    body: () => {
      const own = WorkflowInstance.initial(instance.workflow, instance.executionId)
      own.interrupted = instance.interrupted
      const effect = activity.executeEncoded.pipe(
        Workflow.intoResult,
        Effect.flatMap((result) =>
          result._tag === "Complete"
            ? result.exit as Exit.Exit<unknown, unknown>
            : Effect.failCause(
              result.cause ?? ExitJson.causeFromJson([{ _tag: "Die", defect: "the activity asked to be suspended" }])
            )
        ),
        Effect.provideService(WorkflowInstance, own),
        Effect.flatMap((value) => Effect.orDie(readBack(activity, value, place)))
      )
      return effect as Effect.Effect<unknown, unknown>
    }
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** The outcome of an activity as text, which its schema reads back. */
const readBack = (activity: Activity.Any, value: unknown, place: Place) =>
  Effect.suspend(() => {
    const codec = outcomeCodec((activity as Activity.Activity<Schema.Top, Schema.Top, never>).successSchema)
    return Effect.map(
      Effect.fromResult(Handover.through(
        `outcome of activity "${activity.name}"`,
        "outcome",
        { encode: Exit.succeed, decode: (json) => codec.decode(json) },
        value,
        Handover.giver(place.run.row)
      )),
      ({ stored }) => stored
    )
  })
