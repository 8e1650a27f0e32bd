/** The entries of runs, as SQL. */
import type { DatabaseSync } from "node:sqlite"
import * as EntryLines from "./EntryLines.ts"
import { damaged, journalRows, type LeanQuery, number, placedRows, prepareLean, type Row, text } from "./Rows.ts"

/** Reads entries from `from` on, `limit` at most, of the run of a row with its `key`, `workflow` and `version`. */
export const read = (db: DatabaseSync) => {
  const journal = { placed: prepareLean(db, placedRows), all: prepareLean(db, journalRows) }
  return (run: Row, from: number, limit: number): ReadonlyArray<string> => {
    const workflow = EntryLines.workflowOf({ workflow: text(run, "workflow"), version: text(run, "version") })
    return entriesOf(journal, number(run, "key"), workflow, from, limit)
  }
}

// ---------------------------------------------------------------------------
// internal
// ---------------------------------------------------------------------------

/**
 * The entries from `from` on, out of rows that hold several. Most hold two or
 * more, so half as many rows as entries are asked for at a time. Those without
 * a place in the index come last, and are looked for when there are no others.
 */
const entriesOf = (
  journal: Record<"placed" | "all", LeanQuery>,
  key: number,
  workflow: string | undefined,
  from: number,
  limit: number
): ReadonlyArray<string> => {
  const found: Array<string> = []
  for (let query = journal.placed; found.length < limit;) {
    const wanted = Math.ceil(Math.min(limit - found.length, mostRows) / 2)
    const rows = query.all(key, from + found.length, wanted)
    for (const [last, text] of rows) {
      if (typeof last !== "number" || typeof text !== "string") throw damaged("entries")
      const lines = EntryLines.decode(text, workflow)
      const first = last + 1 - lines.length
      const next = from + found.length
      if (first > next) throw new Error(`entries are missing from the journal: those from ${next} up to ${first - 1}`)
      for (let index = next - first; index < lines.length; index++) found.push(lines[index]!)
    }
    if (rows.length === wanted) continue
    if (query === journal.all) break
    query = journal.all
  }
  return found.length > limit ? found.slice(0, limit) : found
}

const mostRows = 10_000
