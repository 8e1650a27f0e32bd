/**
 * What is put into the inboxes of runs, as SQL. Each must be called inside a write transaction.
 */
import { isFinal, runStatuses } from "@fermata/core/RunStatus"
import type { Answers, InboxOp } from "@fermata/engine/Backend"
import type { DatabaseSync } from "node:sqlite"
import * as EntrySql from "./EntrySql.ts"
import { isOver, number, prepare, type Row, text, textOrNull, toInbox } from "./Rows.ts"

export const make = (db: DatabaseSync) => {
  const target = prepare(db, "SELECT key, status, workflow, version FROM runs WHERE id = ?")
  const entries = EntrySql.read(db)
  /** Into the inbox of a run that is there and has not ended. */
  const put = prepare(
    db,
    `INSERT INTO inbox (run, id, kind, payload, at) SELECT key, ?2, ?3, ?4, ?5 FROM runs
     WHERE id = ?1 AND status NOT IN (${runStatuses.filter(isFinal).map((status) => `'${status}'`).join(", ")})
     ON CONFLICT (run, id) DO NOTHING`
  )
  const wake = prepare(
    db,
    `UPDATE runs SET inbox_count = inbox_count + 1, due_at = CASE WHEN owner IS NULL THEN 0 END WHERE id = ?
     RETURNING owner, inbox_count`
  )
  const keepEarly = prepare(
    db,
    "INSERT INTO early (run, id, kind, payload, at) VALUES (?, ?, ?, ?, ?) ON CONFLICT (run, id) DO NOTHING"
  )
  const earlyOf = prepare(db, "SELECT run, id, kind, payload, at FROM early WHERE run = ? ORDER BY arrival")
  const dropEarly = prepare(db, "DELETE FROM early WHERE run = ?")

  /** Whether the journal of the run holds the row already. */
  const holds = (id: string, { from, holds }: NonNullable<InboxOp["unless"]>): boolean => {
    const run = target.get(id)
    return run !== undefined && !isOver(text(run, "status")) && entries(run, from, Infinity).some(holds)
  }

  const add = ({ early, row, unless }: Pick<InboxOp, "early" | "row" | "unless">): Answers["inbox"] => {
    if (unless !== undefined && holds(row.run, unless)) return { result: "duplicate" }
    if (put.run(row.run, row.id, row.kind, row.payload, row.at) === 0) {
      const run = target.get(row.run)
      if (run !== undefined) return { result: isOver(text(run, "status")) ? "closed" : "duplicate" }
      if (early !== true) return { result: "unknown" }
      const kept = keepEarly.run(row.run, row.id, row.kind, row.payload, row.at) > 0
      return { result: kept ? "accepted" : "duplicate" }
    }
    const woken = wake.get(row.run)!
    const owner = textOrNull(woken, "owner")
    return number(woken, "inbox_count") === 1
      ? { result: "accepted", owner, alone: true }
      : { result: "accepted", owner }
  }

  return {
    put: add,
    /** `key` and `status` of the run; undefined where there is none. */
    stand: (run: string): Row | undefined => target.get(run),
    /** Puts what came before the run into its inbox. Whether that was anything. */
    putEarly: (run: string): boolean => {
      const rows = earlyOf.all(run).map(toInbox)
      dropEarly.run(run)
      return rows.filter((row) => add({ row }).result === "accepted").length > 0
    }
  }
}
