/** The audit, and the requests that were answered, as SQL. */
import type { Records } from "@fermata/engine/AuditChain"
import type { AuditFilter, AuditRow, RequestRow } from "@fermata/engine/Backend"
import type { DatabaseSync } from "node:sqlite"
import { number, prepare, type Row, text, textOrNull } from "./Rows.ts"

/** How acts are kept. To be called inside a write transaction, so that all processes make one chain. */
export const records = (db: DatabaseSync): Records => {
  const request = prepare(db, oneRequest)
  const remember = prepare(
    db,
    "INSERT OR REPLACE INTO requests (caller, key, route, hash, answer, at) VALUES (?, ?, ?, ?, ?, ?)"
  )
  const forget = prepare(
    db,
    `DELETE FROM requests WHERE (caller, key) IN
       (SELECT caller, key FROM requests WHERE at <= ? ORDER BY at LIMIT ?)`
  )
  const last = prepare(db, "SELECT n, hash FROM audit ORDER BY n DESC LIMIT 1")
  const add = prepare(
    db,
    `INSERT INTO audit (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
  )
  return {
    request: (caller, key) => toRequest(request.get(caller, key)),
    remember: ({ answer, at, caller, hash, key, route }) => void remember.run(caller, key, route, hash, answer, at),
    forget: (until, limit) => void forget.run(until, limit),
    last: () => {
      const row = last.get()
      return row === undefined ? null : { n: number(row, "n"), hash: text(row, "hash") }
    },
    add: ({ action, at, detail, hash, how, n, prev, target, tenant, who }) =>
      void add.run(n, at, who, how, action, target, detail, prev, hash, tenant ?? null)
  }
}

/** What is read. */
export const reads = (db: DatabaseSync) => {
  const wanted = `n < ?1 AND at >= ?2 AND (?3 IS NULL OR who = ?3) AND (?4 IS NULL OR action = ?4)
     AND (?5 IS NULL OR substr(action, 1, length(?5)) = ?5)`
  const ofTenant = prepare(
    db,
    `SELECT ${columns} FROM audit WHERE ${wanted} AND tenant = ?7
     AND (?8 IS NULL OR target = ?8 OR (target > ?8 || '/' AND target < ?8 || '0')) ORDER BY n DESC LIMIT ?6`
  )
  const all = prepare(db, `SELECT ${columns} FROM audit WHERE ${wanted} ORDER BY n DESC LIMIT ?6`)
  // The sign behind "/" is "0".
  const ofRun = prepare(
    db,
    `SELECT ${columns} FROM audit
     WHERE ${wanted} AND n IN (
       SELECT n FROM audit WHERE target = ?7 UNION ALL SELECT n FROM audit WHERE target > ?7 || '/' AND target < ?7 || '0'
     ) ORDER BY n DESC LIMIT ?6`
  )
  const chain = prepare(db, `SELECT ${columns} FROM audit WHERE n > ? ORDER BY n LIMIT ?`)
  const request = prepare(db, oneRequest)
  return {
    audit: (
      { action, before = Number.MAX_SAFE_INTEGER, limit, run, since = Number.MIN_SAFE_INTEGER, tenant, who }:
        AuditFilter
    ): ReadonlyArray<AuditRow> => {
      const begins = action?.endsWith(".*") === true ? action.slice(0, -1) : null
      const values = [before, since, who ?? null, begins === null ? action ?? null : null, begins, atMost(limit)]
      if (tenant !== undefined) return ofTenant.all(...values, tenant, run ?? null).map(toLine)
      return (run === undefined ? all.all(...values) : ofRun.all(...values, run)).map(toLine)
    },
    auditChain: (after: number, limit: number): ReadonlyArray<AuditRow> => chain.all(after, atMost(limit)).map(toLine),
    request: (caller: string, key: string): RequestRow | null => toRequest(request.get(caller, key))
  }
}

// ---------------------------------------------------------------------------
// internal
// ---------------------------------------------------------------------------

/** SQLite takes a negative limit for none at all, and knows no infinite one. */
const atMost = (limit: number): number => Math.min(Math.max(0, limit), Number.MAX_SAFE_INTEGER)

const columns = "n, at, who, how, action, target, detail, prev, hash, tenant"

const oneRequest = "SELECT caller, key, route, hash, answer, at FROM requests WHERE caller = ? AND key = ?"

const toLine = (row: Row): AuditRow => ({
  ...(row["tenant"] === null ? {} : { tenant: text(row, "tenant") }),
  n: number(row, "n"),
  at: number(row, "at"),
  who: text(row, "who"),
  how: text(row, "how"),
  action: text(row, "action"),
  target: text(row, "target"),
  detail: text(row, "detail"),
  prev: text(row, "prev"),
  hash: text(row, "hash")
})

const toRequest = (row: Row | undefined): RequestRow | null =>
  row === undefined ? null : {
    caller: text(row, "caller"),
    key: text(row, "key"),
    route: text(row, "route"),
    hash: text(row, "hash"),
    answer: textOrNull(row, "answer"),
    at: number(row, "at")
  }
