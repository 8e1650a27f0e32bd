/** Rows of runs and processes as people list them. */
import type { KnownWorkflow } from "@fermata/core/KnownWorkflow"
import type { Owner } from "@fermata/core/Owner"
import type { RunSummary } from "@fermata/core/RunSummary"
import * as Tenant from "@fermata/core/Tenant"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { DefinitionRow, OwnerRow, RunRow } from "../Backend.ts"
import { isOver } from "./MemoryStore.ts"
import { standOf } from "./RunStand.ts"
import { declared } from "./SignalDeclaration.ts"

/** A run as it is listed. */
export const summary = (row: RunRow): RunSummary => ({
  id: row.id,
  ...tenantOf(row.id),
  workflow: row.workflow,
  version: row.version,
  kind: row.kind,
  ...(row.title === undefined ? {} : { title: row.title }),
  ...(row.labels === undefined ? {} : { labels: row.labels }),
  ...standOf(row),
  root: row.root,
  ...(row.parent === null ? {} : { parent: row.parent }),
  ...(row.owner === null ? {} : { owner: row.owner }),
  ...(row.dueAt === null ? {} : { dueAt: row.dueAt }),
  entries: row.length,
  ...(row.spent === undefined ? {} : { spent: row.spent }),
  ...(row.restored === undefined || isOver(row.status) ? {} : { restored: row.restored.from }),
  createdAt: row.createdAt,
  updatedAt: row.updatedAt
})

/** A workflow as its store knows it. */
export const known = ({ at, kind, name, schemas, version }: DefinitionRow): KnownWorkflow => {
  const signals = declared(schemas)?.map((signal) => signal.name)
  return { name, version, kind, ...(signals === undefined ? {} : { signals }), at }
}

/** A process as others see it, with this many runs; `now` is in ms since the epoch, by the host's clock. */
export const ownerOf = (row: OwnerRow, now: number, runs: number): Owner => {
  const { serves, ...info } = Option.getOrElse(decodeInfo(row.info), (): Record<string, unknown> => ({}))
  const leaseMs = typeof info["leaseMs"] === "number" ? info["leaseMs"] : 0
  return {
    id: row.id,
    alive: row.expiresAt >= now,
    expiresAt: row.expiresAt,
    lastSeenAt: row.expiresAt - leaseMs,
    runs,
    worker: row.worker,
    info,
    serves: Option.match(decodeServes(serves), {
      onNone: () => ({ programs: [], offers: {} }),
      onSome: ({ programs, ...offers }) => ({ programs, offers })
    })
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const tenantOf = (id: string): { readonly tenant?: string } => {
  const tenant = Tenant.of(id)
  return tenant === undefined ? {} : { tenant }
}

const decodeServes = Schema.decodeUnknownOption(
  Schema.StructWithRest(Schema.Struct({ programs: Schema.Array(Schema.String) }), [
    Schema.Record(Schema.String, Schema.Unknown)
  ])
)
const decodeInfo = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Record(Schema.String, Schema.Unknown)))
