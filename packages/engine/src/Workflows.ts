/**
 * What Fermata adds to the definition of a workflow: its version and limits,
 * as annotations of an `effect/workflow` `Workflow`.
 */
import * as StoredJson from "@fermata/core/StoredJson"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import type { WorkflowInstance } from "effect/workflow/WorkflowEngine"
import type { Engine } from "./Engine.ts"
import { CurrentRun, type Limits as LimitValues } from "./internal/ExecutorTypes.ts"
import * as NoteKinds from "./internal/NoteKinds.ts"
import type { Signal } from "./Signal.ts"

export type Limits = LimitValues

/**
 * The version of a program, "1" unless annotated. A run goes on only in a
 * process that serves its version; several may be registered side by side.
 *
 * @example
 * ```ts
 * const Purchase2 = Purchase.annotate(Workflows.Version, "2")
 * ```
 */
export const Version: Context.Reference<string> = Context.Reference<string>("@fermata/engine/Workflows/Version", {
  defaultValue: () => "1"
})

const day = 86_400_000

/** The limits of a workflow that names none: 365 days in all, 30 minutes of work, 1,000,000 steps. */
export const defaultLimits: Limits = { maxRunMs: 365 * day, maxActiveMs: 30 * 60_000, maxSteps: 1_000_000 }

/**
 * Limits of every run of a workflow. `maxRunMs` counts waiting too,
 * `maxActiveMs` only the time in which a step ran; both in ms. Going past one
 * fails the run with `LimitExceeded`, after its compensations. `Infinity` is no
 * limit; a number that is none cannot be registered.
 */
export const Limits: Context.Reference<Partial<Limits>> = Context.Reference<Partial<Limits>>(
  "@fermata/engine/Workflows/Limits",
  { defaultValue: () => ({}) }
)

/**
 * The signals that runs of a workflow receive. Where they are declared, a signal
 * of another name, or with what its schema does not take, is refused by those
 * who send it by name; a command shows a sample of what one carries.
 *
 * @example
 * ```ts
 * const Purchase = Workflow.make("purchase", { ... }).annotate(Workflows.Signals, [Paid, Shipped])
 * ```
 */
export const Signals: Context.Reference<ReadonlyArray<Signal<Schema.Top>> | undefined> = Context.Reference<
  ReadonlyArray<Signal<Schema.Top>> | undefined
>(
  "@fermata/engine/Workflows/Signals",
  { defaultValue: () => undefined }
)

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
      ? place.executor.askPatch(id)
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
    if (place.letGo !== true) place.executor.note(kind, text, stored, place.step !== undefined)
    return Effect.void
  })

/**
 * Whether the run that this is the body of has been told to stop, so that what
 * is interrupted now is interrupted for good.
 */
export const isStopping: Effect.Effect<boolean> = Effect.map(CurrentRun, (place) => place?.executor.stopping === true)
