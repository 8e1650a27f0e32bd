/** Rules that people have let stand, as SQL. */
import type { StandingFilter } from "@fermata/core/StandingRule"
import type { StandingRow } from "@fermata/engine/Backend"
import type { DatabaseSync } from "node:sqlite"
import { number, prepare, type Row, text } from "./Rows.ts"

/** What is written. To be called inside a write transaction. */
export const changes = (db: DatabaseSync) => {
  const add = prepare(
    db,
    `INSERT INTO standing (id, agent, workspace, rule, by, at, run, key) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (id) DO NOTHING`
  )
  const remove = prepare(db, "DELETE FROM standing WHERE id = ?")
  return {
    add: ({ agent, at, by, id, key, rule, runId, workspace }: StandingRow): void => {
      add.run(id, agent, workspace, rule, by, at, runId, key)
    },
    /** Whether it was there. */
    remove: (id: string): boolean => remove.run(id) > 0
  }
}

/** The rules that stand, the oldest first. */
export const read = (db: DatabaseSync) => {
  const all = prepare(
    db,
    `SELECT id, agent, workspace, rule, by, at, run, key FROM standing
     WHERE (?1 IS NULL OR agent = ?1) AND (?2 IS NULL OR workspace = ?2) ORDER BY arrival`
  )
  const ofScope = prepare(
    db,
    `SELECT id, agent, workspace, rule, by, at, run, key FROM standing
     WHERE agent = ? AND workspace = ? ORDER BY arrival`
  )
  return ({ agent, workspace }: StandingFilter): ReadonlyArray<StandingRow> =>
    (agent === undefined || workspace === undefined
      ? all.all(agent ?? null, workspace ?? null)
      : ofScope.all(agent, workspace)).map(toRow)
}

// ---------------------------------------------------------------------------
// internal
// ---------------------------------------------------------------------------

const toRow = (row: Row): StandingRow => ({
  id: text(row, "id"),
  agent: text(row, "agent"),
  workspace: text(row, "workspace"),
  rule: text(row, "rule"),
  by: text(row, "by"),
  at: number(row, "at"),
  runId: text(row, "run"),
  key: text(row, "key")
})
