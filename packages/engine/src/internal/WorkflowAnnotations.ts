/**
 * What the definition of a workflow may say of its runs, as annotations of an
 * `effect/workflow` `Workflow`. `Workflows` makes them public.
 */
import * as Context from "effect/Context"
import type * as Schema from "effect/Schema"
import type { Limits as LimitValues } from "./run/RunHost.ts"
import type { Signal } from "./SignalDeclaration.ts"

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
 * What a run is about, in a few words that are made of its payload and shown in
 * lists. Without it a run is told by its key.
 *
 * @example
 * ```ts
 * const Purchase = Workflow.make("purchase", { ... }).annotate(
 *   Workflows.Title,
 *   ({ order }: { readonly order: string }) => `order ${order}`
 * )
 * ```
 */
export const Title: Context.Reference<((payload: never) => string) | undefined> = Context.Reference<
  ((payload: never) => string) | undefined
>("@fermata/engine/Workflows/Title", { defaultValue: () => undefined })

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
