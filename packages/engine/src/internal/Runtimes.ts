/** The inside of each engine of this process, under the service that users have of it. */
import type { EngineRuntime } from "./EngineRuntime.ts"

export const runtimes = new WeakMap<object, EngineRuntime>()
