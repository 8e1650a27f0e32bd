/** The engine's inside, for the other services of this package. */
import * as Context from "effect/Context"
import type { EngineCore } from "./EngineCore.ts"

export class Core extends Context.Service<Core, EngineCore>()("@fermata/engine/internal/Core") {}
