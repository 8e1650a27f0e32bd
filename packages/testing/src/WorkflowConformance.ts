/**
 * The `effect/workflow` programming model as tests that any `WorkflowEngine`
 * must pass: black box, on the test clock, without sleeps.
 */
import { describe } from "@effect/vitest"
import { activities } from "./workflow/Activities.ts"
import { children } from "./workflow/Children.ts"
import { childTrees } from "./workflow/ChildTrees.ts"
import { clocks } from "./workflow/Clocks.ts"
import { compensations } from "./workflow/Compensations.ts"
import { concurrency } from "./workflow/Concurrency.ts"
import { deferredRaces } from "./workflow/DeferredRaces.ts"
import { deferreds } from "./workflow/Deferreds.ts"
import type { Engine } from "./workflow/Harness.ts"
import { interrupts } from "./workflow/Interrupts.ts"
import { proxy } from "./workflow/Proxy.ts"
import { durableQueues } from "./workflow/Queues.ts"
import { results } from "./workflow/Results.ts"
import { runs } from "./workflow/Runs.ts"
import { strict } from "./workflow/Strict.ts"

/** What the engine promises beyond the model. */
export interface Options {
  /**
   * Adds what an engine with ordered replay promises and Effect's in-memory
   * engine does not: a body in flight is never repeated, code keeps its order
   * over passes, waiting and closing finalize nothing, and an interrupt takes
   * effect at once. Default `false`.
   */
  readonly strict?: boolean | undefined
}

/**
 * Registers the suite for one engine. The layer is built anew for each test
 * and must take its time from the `Clock` of the fiber that builds it.
 */
export const suite = (name: string, layer: Engine, options?: Options): void => {
  describe(`workflow conformance: ${name}`, () => {
    for (const group of groups) group(layer)
    if (options?.strict) strict(layer)
  })
}

const groups = [
  runs,
  results,
  interrupts,
  compensations,
  activities,
  concurrency,
  deferreds,
  deferredRaces,
  clocks,
  durableQueues,
  children,
  childTrees,
  proxy
]
