/** Endpoints of webhooks in a memory store. */
import * as Tenant from "@fermata/core/Tenant"
import type { Answers, DropEndpointOp, EndpointOp, EndpointRow, EndpointRowFilter } from "../Backend.ts"
import type { MemoryChanges } from "./MemoryChanges.ts"
import type { MemoryStore } from "./MemoryStore.ts"

export const keep = (changes: MemoryChanges, { row, seen }: EndpointOp): Answers["endpoint"] => {
  const { endpoints } = changes.store
  const known = endpoints.get(row.name) ?? null
  if ((known?.version ?? null) !== seen) return { kept: false, row: known }
  const kept: EndpointRow = { ...row, version: (seen ?? 0) + 1 }
  changes.put(endpoints, row.name, kept)
  return { kept: true, row: kept }
}

export const drop = (changes: MemoryChanges, { name }: DropEndpointOp): Answers["dropEndpoint"] => {
  const dropped = changes.store.endpoints.has(name)
  changes.drop(changes.store.endpoints, name)
  return { dropped }
}

export const list = (
  { endpoints }: MemoryStore,
  { after, limit, tenant }: EndpointRowFilter
): ReadonlyArray<EndpointRow> =>
  [...endpoints.values()]
    .filter(({ name, run }) => run === null && (after === undefined || name > after) && Tenant.reaches(tenant, name))
    .sort((a, b) => a.name < b.name ? -1 : 1)
    .slice(0, Math.max(0, limit))

/** Whether any run's webhook is to be told of something yet. */
export const anyOfRun = ({ endpoints }: MemoryStore): boolean =>
  endpoints.values().some(({ isOpen, run }) => run !== null && isOpen)
