/** The programs that this process serves, and those that the store knows of. */
import { engineWorkflows } from "@fermata/core/BulkAct"
import * as Effect from "effect/Effect"
import type { StorageFailed } from "../../Backend.ts"
import type { Backend } from "../../Backend.ts"
import { sha256Hex } from "../../Digest.ts"
import type { EngineProbe } from "../../EngineProbe.ts"
import * as Identity from "../Identity.ts"
import type { Registration } from "../run/RunHost.ts"
import { writtenAt } from "../WrittenAt.ts"
import type { HostRuntime } from "./HostRuntime.ts"
import type { Writer } from "./Writer.ts"

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

interface Parts {
  readonly backend: Backend
  readonly host: HostRuntime
  readonly writer: Writer
  readonly probe: EngineProbe
}

export class Programs {
  private readonly parts: Parts
  private readonly served = new Map<string, Registration>()

  constructor(parts: Parts) {
    this.parts = parts
  }

  /** Names and versions of those that are served here, as `name@version`. */
  get keys(): ReadonlyArray<string> {
    return Array.from(this.served.keys())
  }

  /** As `keys`, without the engine's own, which every process serves. */
  get told(): ReadonlyArray<string> {
    return Array.from(this.served.values(), ({ name, version }) => ({ name, key: `${name}@${version}` }))
      .filter(({ name }) => !engineWorkflows.includes(name)).map(({ key }) => key)
  }

  /** The program of this name and version, if it is served here. */
  get(name: string, version: string): Registration | undefined {
    return this.served.get(`${name}@${version}`)
  }

  /**
   * Serves a program here. The same definition may come again, with a newer body; another one of its name and version
   * may not, since which of them a run is of would be a matter of chance.
   */
  serve(registration: Registration): Effect.Effect<void> {
    return Effect.suspend(() => {
      const key = `${registration.name}@${registration.version}`
      const before = this.served.get(key)
      if (before !== undefined && before.workflow !== registration.workflow) {
        return Effect.die(new WorkflowRegisteredTwice(before, registration))
      }
      this.served.set(key, registration)
      this.parts.probe.serves(key, registration.limits)
      return Effect.void
    })
  }

  /** Serves it no more, if no newer body of it has come. */
  withdraw(registration: Registration): void {
    const key = `${registration.name}@${registration.version}`
    if (this.served.get(key) === registration) this.served.delete(key)
  }

  /** Tells the store what this process serves, so that others can list it and check input for it. */
  define({ name, schemas, version }: Registration) {
    const { host, writer } = this.parts
    return Effect.flatMap(sha256Hex(schemas), (hash) =>
      writer.write({
        op: "define",
        row: { name, version, kind: "program", hash, schemas, document: null, at: host.now() }
      }))
  }

  /** Whether it is served here, or has been by any host of the store. */
  isKnown(name: string, version: string): Effect.Effect<boolean, StorageFailed> {
    const { backend, writer } = this.parts
    return this.get(name, version) !== undefined
      ? Effect.succeed(true)
      : writer.patience.persist(Effect.map(backend.definition(name, version), (row) => row !== null))
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

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
