/** The programs that the store knows of. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { StorageFailed } from "../Backend.ts"
import { sha256Hex } from "./Digest.ts"
import type { EngineCore } from "./EngineCore.ts"
import type { Registration } from "./ExecutorTypes.ts"

/** Tells the store what this process serves, so that others can list it and check input for it. */
export const define = (core: EngineCore, { name, schemas, version }: Registration) =>
  Effect.flatMap(sha256Hex(schemas), (hash) =>
    core.write({
      op: "define",
      row: { name, version, kind: "program", hash, schemas, document: null, at: core.now() }
    }))

/** Whether it is served here, or has been by any host of the store. */
export const isKnown = (core: EngineCore, name: string, version: string): Effect.Effect<boolean, StorageFailed> =>
  Option.isSome(core.program(name, version))
    ? Effect.succeed(true)
    : core.patience.persist(Effect.map(core.backend.definition(name, version), (row) => row !== null))
