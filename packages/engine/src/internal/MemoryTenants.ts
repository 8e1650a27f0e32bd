/** Tenants of a memory store. */
import { engineWorkflows } from "@fermata/core/BulkAct"
import type { Census } from "@fermata/core/Owner"
import * as Tenant from "@fermata/core/Tenant"
import type { Answers, QuotaOp, TenantRow } from "../Backend.ts"
import type { MemoryChanges } from "./MemoryChanges.ts"
import { isOver, type MemoryStore } from "./MemoryStore.ts"

export const set = (changes: MemoryChanges, { row, tenant }: QuotaOp): Answers["quota"] => {
  const { quotas } = changes.store
  const before = quotas.get(tenant) ?? null
  if (row === null) changes.drop(quotas, tenant)
  else changes.put(quotas, tenant, row)
  return { before }
}

/** The number of open runs that a tenant may have, where that leaves no room for this run. */
export const full = (store: MemoryStore, run: string): number | undefined => {
  const tenant = Tenant.of(run)
  const most = tenant === undefined ? null : store.quotas.get(tenant)?.openRuns ?? null
  return most === null || openRuns(store, tenant!) < most ? undefined : most
}

export const tenants = (store: MemoryStore, name: string | undefined): ReadonlyArray<TenantRow> => {
  const names = new Set(store.quotas.keys())
  for (const id of store.runs.keys()) {
    const tenant = Tenant.of(id)
    if (tenant !== undefined) names.add(tenant)
  }
  return [...names].filter((tenant) => name === undefined || tenant === name).toSorted().map((tenant) => ({
    tenant,
    quota: store.quotas.get(tenant) ?? null,
    openRuns: openRuns(store, tenant),
    runs: runsOf(store, tenant).length
  }))
}

export const census = (
  { runs }: Pick<MemoryStore, "runs">,
  tenant?: string
): Pick<Census, "byReason" | "byStatus"> => {
  const byStatus: Record<string, number> = {}
  const byReason: Record<string, number> = {}
  for (const { row: { id, reason, status, workflow } } of runs.values()) {
    if (!Tenant.reaches(tenant, id) || engineWorkflows.includes(workflow)) continue
    byStatus[status] = (byStatus[status] ?? 0) + 1
    if (status === "suspended" && reason !== null) byReason[reason] = (byReason[reason] ?? 0) + 1
  }
  return { byStatus, byReason }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const runsOf = ({ runs }: MemoryStore, tenant: string) =>
  [...runs.values()].filter(({ row }) => Tenant.of(row.id) === tenant)

const openRuns = (store: MemoryStore, tenant: string): number =>
  runsOf(store, tenant).filter(({ row }) => !isOver(row.status)).length
