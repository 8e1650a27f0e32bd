/** The inside of each engine of this process, under the service that users have of it. */
import type { EngineCore } from "./EngineCore.ts"

export const runtimes = new WeakMap<object, EngineCore>()
