/**
 * What Fermata adds to the definition of a workflow: its version and limits,
 * as annotations of an `effect/workflow` `Workflow`.
 */
import * as StoredJson from "@fermata/core/StoredJson"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type { WorkflowInstance } from "effect/workflow/WorkflowEngine"
import type { Engine } from "./Engine.ts"
import * as NoteKinds from "./internal/NoteKinds.ts"
import { CurrentRun } from "./internal/run/RunPort.ts"

export { defaultLimits, Limits, Signals, Version } from "./internal/WorkflowAnnotations.ts"

/**
 * Whether this run goes the new way, in the body of a workflow that was changed
 * while runs of it are on their way.
 *
 * True for a run that comes here for the first time under the changed code, and
 * from then on at every replay; false for one that passed this place under the
 * code before.
 *
 * Once no run of the old way is left, delete the call and the old way: a marker
 * that nobody asks about any more is passed over.
 *
 * @example
 * ```ts
 * if (yield* Workflows.patched("check-fraud")) yield* checkFraud(order)
 * yield* charge(order)
 * ```
 */
export const patched = (id: string): Effect.Effect<boolean, never, Engine | WorkflowInstance> =>
  Effect.flatMap(CurrentRun, (place) =>
    place !== undefined && place.step === undefined
      ? place.run.acts.patch(id)
      : Effect.die(new Error(`Patch "${id}" is asked about in the body of a workflow, not in a step or outside a run`)))

/**
 * Records a note in the journal of the run, for people and for what counts
 * afterwards; nothing in the run follows from it. In the body of a workflow it
 * is recorded once however often that is replayed, in a step at every attempt,
 * at the latest with the attempt's outcome. Dies outside of a run, and for a
 * kind of notes that the engine makes itself.
 *
 * @param kind What sort of note it is, such as `usage`.
 * @param text What it says, or what it is about.
 * @param data More of it, as JSON; null where it cannot be stored.
 */
export const note = (kind: string, text: string, data?: unknown): Effect.Effect<void> =>
  Effect.flatMap(CurrentRun, (place) => {
    if (place === undefined) return Effect.die(new Error(`The note "${kind}" is made outside of a run`))
    if (NoteKinds.isOwn(kind)) return Effect.die(new Error(`Notes of the kind "${kind}" are the engine's own`))
    const stored = data === undefined ? undefined : Option.getOrNull(Result.getSuccess(StoredJson.of(data)))
    if (place.letGo !== true) place.run.acts.note(kind, text, stored, place.step !== undefined)
    return Effect.void
  })

/**
 * Whether the run that this is the body of has been told to stop, so that what
 * is interrupted now is interrupted for good.
 */
export const isStopping: Effect.Effect<boolean> = Effect.map(CurrentRun, (place) => place?.run.stopping === true)
