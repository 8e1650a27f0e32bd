/**
 * Pages of the file that nobody needs any more. They are used again first; of a
 * database that this build has made, or that was put back from a backup of this
 * build, the rest is given back to the file system in parts.
 */
import type { DatabaseSync } from "node:sqlite"
import { prepareLean } from "./Rows.ts"

/**
 * Before the first table is made, or a copy: what can be given back in parts. Of a database that is so already it does
 * nothing, since to say so again would be a write, for which there may be no room and no right.
 */
export const prepare = (db: DatabaseSync): void => {
  const [mode] = Object.values(db.prepare("PRAGMA auto_vacuum").get() ?? {})
  if (mode !== incremental) db.exec("PRAGMA auto_vacuum = INCREMENTAL")
}

/**
 * What is deleted is overwritten, in the file and in what is written of it: it is
 * what somebody wanted gone. Neither this nor the pointers that `prepare` has it keep
 * can be measured on the path of a step or of a run.
 */
export const overwriting = "PRAGMA secure_delete = ON"

export const make = (db: DatabaseSync) => {
  const mode = prepareLean(db, "PRAGMA auto_vacuum")
  const free = prepareLean(db, "PRAGMA freelist_count")
  const all = prepareLean(db, "PRAGMA page_count")
  const one = (query: typeof free) => query.get()![0] as number
  /** Pages that may go. Some stay, so that the file does not shrink and grow with every run. */
  const surplus = () => one(mode) !== incremental ? 0 : one(free) - Math.max(leastKept, Math.ceil(one(all) / 10))
  return {
    /** Whether any may go. */
    some: (): boolean => surplus() > 0,
    /** Gives back so many, inside a write transaction. Whether more may go. */
    giveBack: (limit: number): boolean => {
      const pages = surplus()
      if (pages <= 0) return false
      db.exec(`PRAGMA incremental_vacuum(${Math.min(pages, limit)})`)
      return pages > limit
    }
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** The mode as SQLite numbers it. */
const incremental = 2

/** 1 MiB. */
const leastKept = 256
