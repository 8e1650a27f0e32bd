/** Tenants, as SQL: what they may have, and what they have. */
import type { Census } from "@fermata/core/Owner"
import * as Tenant from "@fermata/core/Tenant"
import type { Answers, QuotaOp, QuotaRow, RunRow, StartOp, TenantRow } from "@fermata/engine/Backend"
import type { DatabaseSync } from "node:sqlite"
import { number, numberOrNull, ownWorkflows, prepare, type Row, text } from "./Rows.ts"

/** What is written, and looked at for that. To be called inside a write transaction. */
export const changes = (db: DatabaseSync) => {
  const one = prepare(db, `SELECT ${columns} FROM quotas WHERE tenant = ?`)
  const put = prepare(db, `INSERT OR REPLACE INTO quotas (${columns}) VALUES (?, ?, ?, ?, ?)`)
  const drop = prepare(db, "DELETE FROM quotas WHERE tenant = ?")
  // Steps from workflow to workflow in the index, and looks at open runs alone.
  const used = prepare(
    db,
    `WITH RECURSIVE found (workflow) AS (
       SELECT min(workflow) FROM runs INDEXED BY runs_tenant WHERE tenant = ?1
       UNION ALL
       SELECT (SELECT min(workflow) FROM runs INDEXED BY runs_tenant WHERE tenant = ?1 AND workflow > found.workflow)
       FROM found WHERE workflow IS NOT NULL
     )
     SELECT count(*) AS used FROM (
       SELECT 1 FROM found CROSS JOIN runs INDEXED BY runs_tenant
         ON runs.tenant = ?1 AND runs.workflow = found.workflow AND runs.status IN (${open})
       LIMIT ?2
     )`
  )
  const quotaOf = (tenant: string): QuotaRow | null => {
    const row = one.get(tenant)
    return row === undefined ? null : toQuota(row)
  }
  return {
    set: ({ row, tenant }: QuotaOp): Answers["quota"] => {
      const before = quotaOf(tenant)
      if (row === null) drop.run(tenant)
      else put.run(tenant, row.openRuns, row.streams, row.by, row.at)
      return { before }
    },
    /** What is answered to a start for which the quota of its tenant has no room. */
    refused: ({ run }: StartOp): Answers["start"] | undefined => {
      const tenant = Tenant.of(run.id)
      const full = tenant === undefined ? null : quotaOf(tenant)?.openRuns ?? null
      if (tenant === undefined || full === null || number(used.get(tenant, full)!, "used") < full) return undefined
      return { ...notStarted({ run }), full }
    }
  }
}

/** What is answered to a start that is refused. */
export const notStarted = ({ run }: Pick<StartOp, "run">): { readonly started: false; readonly run: RunRow } => ({
  started: false,
  run: { ...unstarted, ...run }
})

/** What is read. */
export const reads = (db: DatabaseSync) => {
  const names = prepare(
    db,
    `WITH RECURSIVE found (tenant) AS (
       SELECT min(tenant) FROM runs INDEXED BY runs_tenant WHERE tenant IS NOT NULL
       UNION ALL
       SELECT (SELECT min(tenant) FROM runs INDEXED BY runs_tenant WHERE tenant > found.tenant)
       FROM found WHERE tenant IS NOT NULL
     )
     SELECT tenant FROM found WHERE tenant IS NOT NULL UNION SELECT tenant FROM quotas ORDER BY tenant`
  )
  const quota = prepare(db, `SELECT ${columns} FROM quotas WHERE tenant = ?`)
  const byStatus = prepare(
    db,
    `SELECT status, sum(runs) AS runs FROM (
       SELECT status, count(*) AS runs FROM runs INDEXED BY runs_tenant WHERE tenant = ? GROUP BY workflow, status
     ) GROUP BY status`
  )
  const byStatusListed = prepare(
    db,
    `SELECT status, sum(runs) AS runs FROM (
       SELECT workflow, status, count(*) AS runs FROM runs INDEXED BY runs_tenant WHERE tenant = ? GROUP BY workflow, status
     ) WHERE workflow NOT IN (${ownWorkflows}) GROUP BY status`
  )
  const byReason = prepare(
    db,
    `SELECT reason, runs - own AS runs FROM (
       SELECT reason, count(*) AS runs, (
         SELECT count(*) FROM runs AS own INDEXED BY runs_tenant
         WHERE own.tenant = ?1 AND own.workflow IN (${ownWorkflows}) AND own.status = 'suspended'
           AND own.reason = runs.reason
       ) AS own FROM runs INDEXED BY runs_tenant_reason WHERE tenant = ?1 AND reason IS NOT NULL GROUP BY reason
     ) WHERE runs > own`
  )
  const counted = (rows: ReadonlyArray<Row>, column: string): Record<string, number> =>
    Object.fromEntries(rows.map((row) => [text(row, column), number(row, "runs")]))
  return {
    quota: (tenant: string): QuotaRow | null => {
      const row = quota.get(tenant)
      return row === undefined ? null : toQuota(row)
    },
    tenants: (name?: string): ReadonlyArray<TenantRow> =>
      (name === undefined ? names.all().map((row) => text(row, "tenant")) : [name]).flatMap((tenant) => {
        const own = quota.get(tenant)
        const counts = counted(byStatus.all(tenant), "status")
        const runs = Object.values(counts).reduce((sum, count) => sum + count, 0)
        const { queued = 0, running = 0, suspended = 0 } = counts
        return own === undefined && runs === 0 ? [] : [{
          tenant,
          quota: own === undefined ? null : toQuota(own),
          openRuns: queued + running + suspended,
          runs
        }]
      }),
    censusOf: (tenant: string): Pick<Census, "byReason" | "byStatus"> => ({
      byStatus: counted(byStatusListed.all(tenant), "status"),
      byReason: counted(byReason.all(tenant), "reason")
    })
  }
}

// ---------------------------------------------------------------------------
// internal
// ---------------------------------------------------------------------------

/** A row of a run that was not started. */
const unstarted = { length: 0, epoch: 0, takeovers: 0, updatedAt: 0, waits: null, reason: null }

const columns = "tenant, open_runs, streams, by, at"

const open = "'queued', 'running', 'suspended'"

const toQuota = (row: Row): QuotaRow => ({
  tenant: text(row, "tenant"),
  openRuns: numberOrNull(row, "open_runs"),
  streams: numberOrNull(row, "streams"),
  by: text(row, "by"),
  at: number(row, "at")
})
