/** What the watchdog finds about runs, as SQL. To be called inside a write transaction. */
import type { Answers, ReportOp } from "@fermata/engine/Backend"
import type { DatabaseSync } from "node:sqlite"
import { isOver, number, numberOrNull, prepare, text } from "./Rows.ts"

/** Records a finding. `keyOf` finds the key of a run by its id. */
export const report = (db: DatabaseSync, keyOf: (id: string) => number | undefined) => {
  const standing = prepare(db, "SELECT epoch, status, owner, due_at FROM runs WHERE key = ?")
  const findingOf = prepare(db, "SELECT length FROM findings WHERE run = ? AND reason = ?")
  const find = prepare(
    db,
    "INSERT OR REPLACE INTO findings (run, reason, problem, length, woken, at) VALUES (?, ?, ?, ?, ?, ?)"
  )
  const makeDue = prepare(db, "UPDATE runs SET due_at = 0 WHERE key = ?")

  return ({ dueAt, epoch, row }: ReportOp): Answers["report"] => {
    const key = keyOf(row.run)
    const run = key === undefined ? undefined : standing.get(key)
    if (key === undefined || run === undefined) return { reported: false }
    const stands = !isOver(text(run, "status")) && run["owner"] === null && run["epoch"] === epoch &&
      numberOrNull(run, "due_at") === dueAt
    const known = stands ? findingOf.get(key, row.reason) : undefined
    if (!stands || (known !== undefined && number(known, "length") >= row.length)) return { reported: false }
    find.run(key, row.reason, row.problem, row.length, row.woken ? 1 : 0, row.at)
    if (row.woken) makeDue.run(key)
    return { reported: true }
  }
}
