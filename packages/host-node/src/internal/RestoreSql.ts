/** A database that was put back from a backup, as SQL. */
import type { Restore } from "@fermata/core/Restore"
import { type Answers, epochsAhead, type RestoreOp } from "@fermata/engine/Backend"
import type { DatabaseSync } from "node:sqlite"
import { number, prepare, type Row, text } from "./Rows.ts"

/** What is written. To be called inside a write transaction. */
export const changes = (db: DatabaseSync) => {
  const open = "status IN ('queued', 'running', 'suspended')"
  const newest = prepare(
    db,
    `SELECT max(coalesce((SELECT max(updated_at) FROM runs), 0), coalesce((SELECT max(at) FROM events), 0),
       coalesce((SELECT max(at) FROM marks), 0)) AS at`
  )
  const add = prepare(db, "INSERT INTO restores (id, by, last_at, at) VALUES (?, ?, ?, ?)")
  const doubt = prepare(db, `INSERT OR REPLACE INTO doubts SELECT key, ? FROM runs WHERE ${open}`)
  // What a run has asked for before it ended may be on its way, and may have come there before.
  const doubtSenders = prepare(
    db,
    `INSERT OR REPLACE INTO doubts SELECT key, ?1 FROM outbox
     CROSS JOIN runs ON runs.id IN (json_extract(payload, '$.parent'), json_extract(payload, '$.correlationId'))
     WHERE outbox.kind IN ('start', 'event') AND json_valid(payload)`
  )
  const fence = prepare(
    db,
    `UPDATE runs SET epoch = epoch + ${epochsAhead}, owner = NULL, due_at = CASE WHEN owner IS NULL THEN due_at ELSE 0 END
     WHERE ${open}`
  )
  // Numbers of rows stay what they were, so a place is the same one of the other store.
  const moveBookmarks = prepare(
    db,
    "UPDATE bookmarks SET until = 0, position = ? || substr(position, instr(position, '-')) WHERE position IS NOT NULL"
  )
  const forget = prepare(db, "DELETE FROM owners")
  const rename = prepare(db, "UPDATE store SET id = ?, copied_at = NULL")
  const copied = prepare(db, "SELECT copied_at FROM store")
  const inherit = prepare(
    db,
    "INSERT INTO doubts SELECT ?1, restore FROM runs CROSS JOIN doubts ON doubts.run = runs.key WHERE runs.id = ?2"
  )
  const settle = prepare(db, "DELETE FROM doubts WHERE run = ?")

  return {
    restore: ({ at, by, from, id }: RestoreOp): Answers["restore"] => {
      const known = from ?? (copied.get()?.["copied_at"] as number | null | undefined) ??
        (number(newest.get()!, "at") || at)
      const restore: Restore = { id, by, from: known, to: at }
      const key = add.insert(id, by, known, at)
      const runs = doubt.run(key)
      doubtSenders.run(key)
      fence.run()
      forget.run()
      moveBookmarks.run(id)
      rename.run(id)
      return { restore, runs }
    },
    /** The run is in doubt since the one is that has asked for it. */
    inherit: (key: number, askedBy: string): void => void inherit.run(key, askedBy),
    /** The run is in doubt no longer. */
    settle: (key: number): void => void settle.run(key)
  }
}

/** The restores, the latest last. */
export const read = (db: DatabaseSync) => {
  const all = prepare(db, "SELECT id, by, last_at, at FROM restores ORDER BY key")
  return (): ReadonlyArray<Restore> => all.all().map(toRestore)
}

// ---------------------------------------------------------------------------
// internal
// ---------------------------------------------------------------------------

const toRestore = (row: Row): Restore => ({
  id: text(row, "id"),
  by: text(row, "by"),
  from: number(row, "last_at"),
  to: number(row, "at")
})
