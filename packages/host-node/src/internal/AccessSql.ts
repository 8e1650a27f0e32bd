/** Tokens, as SQL. */
import type { AccessTokenRow, Answers, IssueOp, UsedOp, WithdrawOp } from "@fermata/engine/Backend"
import type { DatabaseSync } from "node:sqlite"
import { number, numberOrNull, prepare, type Row, text, textOrNull } from "./Rows.ts"

/** What is written. To be called inside a write transaction. */
export const changes = (db: DatabaseSync) => {
  const sweep = prepare(db, "DELETE FROM access_tokens WHERE parent IS NOT NULL AND expires_at <= ?")
  const add = prepare(
    db,
    `INSERT INTO access_tokens (id, hash, name, scopes, groups, by, created_at, expires_at, parent, tenant)
     SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10
     WHERE ?9 IS NULL OR EXISTS (SELECT 1 FROM access_tokens WHERE id = ?9) ON CONFLICT (id) DO NOTHING`
  )
  const remove = prepare(db, "DELETE FROM access_tokens WHERE id = ?")
  const removeLogins = prepare(db, "DELETE FROM access_tokens WHERE parent = ?")
  const use = prepare(db, "UPDATE access_tokens SET used_at = ? WHERE id = ?")
  return {
    issue: ({ row }: IssueOp): Answers["issue"] => {
      sweep.run(row.createdAt)
      const { by, createdAt, expiresAt, groups, hash, id, name, parent, scopes, tenant } = row
      return { issued: add.run(id, hash, name, scopes, groups, by, createdAt, expiresAt, parent, tenant) > 0 }
    },
    withdraw: ({ id }: WithdrawOp): Answers["withdraw"] => {
      removeLogins.run(id)
      return { withdrawn: remove.run(id) > 0 }
    },
    used: ({ at, id }: UsedOp): Answers["used"] => {
      use.run(at, id)
      return {}
    }
  }
}

/** What is read. */
export const reads = (db: DatabaseSync) => {
  const columns = "id, hash, name, scopes, groups, by, created_at, expires_at, used_at, parent, tenant"
  const one = prepare(db, `SELECT ${columns} FROM access_tokens WHERE id = ?`)
  const some = prepare(
    db,
    `SELECT ${columns} FROM access_tokens WHERE parent IS NULL AND arrival > ?1 AND (?3 IS NULL OR tenant = ?3)
     ORDER BY arrival LIMIT ?2`
  )
  const arrival = prepare(db, "SELECT arrival FROM access_tokens WHERE id = ?")
  return {
    accessToken: (id: string): AccessTokenRow | null => {
      const row = one.get(id)
      return row === undefined ? null : toRow(row)
    },
    accessTokens: (limit: number, after?: string, tenant?: string): ReadonlyArray<AccessTokenRow> => {
      const last = after === undefined ? undefined : arrival.get(after)
      if (after !== undefined && last === undefined) return []
      return some.all(last === undefined ? 0 : number(last, "arrival"), Math.max(0, limit), tenant ?? null).map(toRow)
    }
  }
}

// ---------------------------------------------------------------------------
// internal
// ---------------------------------------------------------------------------

const toRow = (row: Row): AccessTokenRow => ({
  id: text(row, "id"),
  hash: text(row, "hash"),
  name: text(row, "name"),
  scopes: text(row, "scopes"),
  groups: text(row, "groups"),
  by: text(row, "by"),
  createdAt: number(row, "created_at"),
  expiresAt: numberOrNull(row, "expires_at"),
  usedAt: numberOrNull(row, "used_at"),
  parent: textOrNull(row, "parent"),
  tenant: textOrNull(row, "tenant")
})
