/**
 * The inside of an engine, for the other services of this package. Whoever
 * needs it asks for `Engine`, so that no public type shows more than that.
 */
import * as Effect from "effect/Effect"
import { Engine } from "../Engine.ts"
import type { EngineRuntime } from "./EngineRuntime.ts"
import { runtimes } from "./Runtimes.ts"

/** The inside of this engine. An engine that `Engine.layer` has not made has none, which is a defect. */
export const of = (engine: Engine["Service"]): EngineRuntime => {
  const runtime = runtimes.get(engine)
  if (runtime === undefined) {
    throw new Error("This Engine was not made by Engine.layer, which alone gives its services what they need")
  }
  return runtime
}

/** The inside of the engine at hand. */
export const current: Effect.Effect<EngineRuntime, never, Engine> = Effect.map(Engine, of)
