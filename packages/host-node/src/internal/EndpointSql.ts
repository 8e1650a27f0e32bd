/** Endpoints of webhooks, as SQL. */
import type { Answers, DropEndpointOp, EndpointOp, EndpointRow, EndpointRowFilter } from "@fermata/engine/Backend"
import type { DatabaseSync } from "node:sqlite"
import { number, prepare, type Row, text, textOrNull } from "./Rows.ts"

/** What applies the operations. To be called inside a write transaction. */
export const changes = (db: DatabaseSync) => {
  const find = prepare(db, `SELECT ${columns} FROM endpoints WHERE name = ?`)
  const put = prepare(
    db,
    `INSERT OR REPLACE INTO endpoints (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
  )
  const drop = prepare(db, "DELETE FROM endpoints WHERE name = ?")
  return {
    endpoint: ({ row, seen }: EndpointOp): Answers["endpoint"] => {
      const found = find.get(row.name)
      const known = found === undefined ? null : toRow(found)
      if ((known?.version ?? null) !== seen) return { kept: false, row: known }
      const { by, createdAt, health, isOpen, name, run, settings, since, updatedAt } = row
      const version = (seen ?? 0) + 1
      put.run(name, run, isOpen ? 1 : 0, settings, health, since, by, createdAt, updatedAt, version)
      return { kept: true, row: { ...row, version } }
    },
    dropEndpoint: ({ name }: DropEndpointOp): Answers["dropEndpoint"] => ({ dropped: drop.run(name) > 0 })
  }
}

/** What is read. */
export const reads = (db: DatabaseSync) => {
  const one = prepare(db, `SELECT ${columns} FROM endpoints WHERE name = ?`)
  const some = prepare(
    db,
    `SELECT ${columns} FROM endpoints INDEXED BY endpoints_named
     WHERE run IS NULL AND name > ?1 AND (?2 IS NULL OR tenant = ?2) ORDER BY name LIMIT ?3`
  )
  const any = prepare(db, "SELECT EXISTS (SELECT 1 FROM endpoints WHERE run IS NOT NULL AND open = 1) AS found")
  return {
    endpoint: (name: string): EndpointRow | null => {
      const row = one.get(name)
      return row === undefined ? null : toRow(row)
    },
    endpoints: ({ after, limit, tenant }: EndpointRowFilter): ReadonlyArray<EndpointRow> =>
      some.all(after ?? "", tenant ?? null, Math.max(0, limit)).map(toRow),
    anyRunEndpoint: (): boolean => number(any.get()!, "found") === 1
  }
}

// ---------------------------------------------------------------------------
// internal
// ---------------------------------------------------------------------------

const columns = "name, run, open, settings, health, since, by, created_at, updated_at, version"

const toRow = (row: Row): EndpointRow => ({
  name: text(row, "name"),
  run: textOrNull(row, "run"),
  isOpen: number(row, "open") === 1,
  settings: text(row, "settings"),
  health: text(row, "health"),
  since: textOrNull(row, "since"),
  by: text(row, "by"),
  createdAt: number(row, "created_at"),
  updatedAt: number(row, "updated_at"),
  version: number(row, "version")
})
