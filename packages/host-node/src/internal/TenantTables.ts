/**
 * Whose the rows of each table are, and how all that a tenant has is deleted.
 *
 * Every table of the database is in one of these two lists; a test holds that,
 * so that no table is forgotten when a tenant is.
 */
import type { Answers, ForgetOp } from "@fermata/engine/Backend"
import type { DatabaseSync } from "node:sqlite"
import { prepare } from "./Rows.ts"

/** A table with rows of tenants. */
interface TenantTable {
  readonly table: string
  /** The columns that tell its rows apart. */
  readonly key: string
  /** The column that has the tenant. */
  readonly column: string
  /** What stands behind the tenant there; absent where the column is the tenant alone. */
  readonly mark?: string
  /** Where another table has the column: how its rows are found, from a condition on that. */
  readonly by?: (condition: string) => string
}

/** Tables with rows of tenants beside those of their runs, in the order in which they are emptied. */
export const tenantTables: ReadonlyArray<TenantTable> = [
  // First, so that nobody of the tenant asks for anything more.
  { table: "access_tokens", key: "arrival", column: "tenant" },
  { table: "task_servers", key: "queue, owner", column: "queue", mark: "~" },
  { table: "endpoints", key: "name", column: "name", mark: "~" },
  { table: "schedules", key: "name", column: "name", mark: "~" },
  { table: "firings", key: "key", column: "schedule", mark: "~" },
  {
    table: "task_attempts",
    key: "task, attempt",
    column: "id",
    mark: "~",
    by: (condition) => `task IN (SELECT key FROM tasks WHERE ${condition})`
  },
  { table: "tasks", key: "key", column: "id", mark: "~" },
  { table: "lane_holds", key: "queue, lane", column: "queue", mark: "~" },
  { table: "lanes", key: "queue, lane, adapter", column: "queue", mark: "~" },
  { table: "queues", key: "name", column: "name", mark: "~" },
  { table: "sources", key: "name", column: "name", mark: "~" },
  { table: "sensors", key: "position", column: "sensor", mark: "~" },
  { table: "event_keys", key: "event, path, value, position", column: "event", mark: "~" },
  { table: "events", key: "position", column: "name", mark: "~" },
  { table: "event_paths", key: "event, path", column: "event", mark: "~" },
  { table: "event_floors", key: "event", column: "event", mark: "~" },
  { table: "early", key: "arrival", column: "run", mark: "~" },
  { table: "chunks", key: "arrival", column: "run", mark: "~" },
  { table: "standing", key: "arrival", column: "run", mark: "~" },
  { table: "spending", key: "workflow, day", column: "workflow", mark: "~" },
  { table: "day_raises", key: "arrival", column: "workflow", mark: "~" },
  { table: "requests", key: "caller, key", column: "caller", mark: "\n" },
  { table: "retention", key: "tenant, workflow, status", column: "tenant" },
  { table: "quotas", key: "tenant", column: "tenant" }
]

/** The other tables, and why nothing of a tenant is left in them. */
export const otherTables: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    [
      "runs",
      "journal",
      "places",
      "listeners",
      "inbox",
      "approvals",
      "findings",
      "event_waits",
      "subscriptions",
      "spent",
      "marks",
      "run_labels",
      "doubts",
      "removals",
      "gone",
      "blob_uses"
    ].map((table) => [table, "goes with its run"])
  ),
  blobs: "goes when no run names it any more",
  loose_blobs: "goes when no run names it any more",
  outbox: "is empty where no run is open, but for what is about to be handed on",
  audit:
    "stays, since a chain with a line taken out proves nothing; it has names and ids, and never what a run was given",
  placed: "has one number",
  definitions: "is of all",
  owners: "has processes",
  store: "is of all",
  restores: "is of all",
  bookmarks: "has positions"
}

/** To be called inside a write transaction. */
export const forget = (db: DatabaseSync): (op: ForgetOp) => Answers["forget"] => {
  const drops = tenantTables.map(({ by = (condition) => condition, column, key, mark, table }) => {
    const own = mark === undefined ? `${column} IN (?1, ?2)` : `${column} >= ?1 AND ${column} < ?2`
    const drop = prepare(
      db,
      `DELETE FROM ${table} WHERE (${key}) IN (SELECT ${key} FROM ${table} WHERE ${by(own)} LIMIT ?3)`
    )
    return (tenant: string, limit: number): number =>
      drop.run(tenant + (mark ?? ""), mark === undefined ? tenant : tenant + next(mark), limit)
  })
  return ({ limit, tenant }) => {
    let rows = 0
    for (const drop of drops) {
      if (rows >= limit) break
      rows += drop(tenant, limit - rows)
    }
    return { rows, left: rows >= limit }
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** The character behind this one. */
const next = (mark: string): string => String.fromCharCode(mark.charCodeAt(0) + 1)
