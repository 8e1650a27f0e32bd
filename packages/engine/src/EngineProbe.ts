/**
 * What a test hears of an engine as it happens. `@fermata/testing` is built on
 * it; programs need not know it.
 */
import type { Amount } from "@fermata/core/Spent"
import * as Context from "effect/Context"
import type { Limits } from "./internal/run/RunHost.ts"

/** What the engine tells those that watch it closely, such as a simulator. */
export interface EngineProbe {
  /** The body of a step is about to begin: its run, its key in it, and the attempt, from 1. Called at once, so it must be short and never throw. */
  readonly bodyBegins: (runId: string, key: string, attempt: number) => void
  /** The body of a step says that it has spent this much, at this moment. As short. */
  readonly bodySpends: (runId: string, key: string, amount: Amount) => void
  /** This process serves a program from now on, as `name@version`, with the limits of its runs. */
  readonly serves: (program: string, limits: Limits) => void
}

/** Provide it to the layer of an engine. By default nobody listens. */
export const EngineProbe: Context.Reference<EngineProbe> = Context.Reference<EngineProbe>(
  "@fermata/engine/EngineProbe",
  { defaultValue: () => ({ bodyBegins: () => {}, bodySpends: () => {}, serves: () => {} }) }
)

export { type Fold, journals, type Recorded } from "./internal/JournalFold.ts"
