/** The programs of this process, and those that the store knows of. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { StorageFailed } from "../Backend.ts"
import { sha256Hex } from "../Digest.ts"
import type { EngineCore } from "./EngineCore.ts"
import * as Identity from "./Identity.ts"
import type { Registration } from "./run/RunHost.ts"
import { writtenAt } from "./WrittenAt.ts"

/** Two definitions of one name and version are registered in one process. A defect. */
export class WorkflowRegisteredTwice extends Error {
  override readonly name = "WorkflowRegisteredTwice"
  constructor(before: Registration, now: Registration) {
    super(
      `Workflow "${now.name}" version ${now.version} is registered twice, by two definitions: one takes ${
        toldOf(before)
      }, the other ${toldOf(now)}. `
        + `Give one of them another name, or another version with Workflows.Version`
    )
  }
}

/** Serves a program here. The same definition may come again, with a newer body; another one of its name and version may not, since which of them a run is of would be a matter of chance. */
export const serve = (core: EngineCore, registration: Registration): Effect.Effect<void> =>
  Effect.suspend(() => {
    const key = `${registration.name}@${registration.version}`
    const before = core.programs.get(key)
    if (before !== undefined && before.workflow !== registration.workflow) {
      return Effect.die(new WorkflowRegisteredTwice(before, registration))
    }
    core.programs.set(key, registration)
    core.probe.serves(key, registration.limits)
    return Effect.void
  })

/** What a definition takes, and where it is: the one function that every definition has, its `idempotencyKey`, knows. */
const toldOf = (registration: Registration): string => {
  const place = writtenAt(Identity.keyOf(registration.workflow))
  return payloadOf(registration) + (place === undefined ? "" : ` (its idempotencyKey is at ${place})`)
}

const payloadOf = ({ workflow }: Registration): string => {
  const { payloadSchema } = workflow
  const fields = "fields" in payloadSchema && typeof payloadSchema.fields === "object" && payloadSchema.fields !== null
    ? Object.keys(payloadSchema.fields)
    : []
  return fields.length === 0 ? "nothing" : `{ ${fields.join(", ")} }`
}

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
