/**
 * What a connection knows of runs: their keys, the lengths of their journals,
 * and the row of the journal that came last. And the index of the rows of runs,
 * which is written in batches.
 */
import type { DatabaseSync } from "node:sqlite"
import { lastOf, number, prepare, prepareLean } from "./Rows.ts"

/** How many rows get their places in the index at once. Whoever reads a row looks through those that have none. */
export const batch = 100

export const make = (db: DatabaseSync) => {
  const findKey = prepare(db, "SELECT key FROM runs WHERE id = ?")
  const lastIn = prepareLean(db, `SELECT ${lastOf("?1")}`)
  const latest = prepareLean(db, "SELECT coalesce(max(arrival), 0) FROM journal")
  const since = prepareLean(db, "SELECT run, last FROM journal WHERE arrival > ?")
  const placedUpTo = prepareLean(db, "SELECT upto FROM placed")
  const place = prepare(
    db,
    "INSERT OR IGNORE INTO places SELECT run, last, arrival FROM journal WHERE arrival > ? AND arrival <= ? ORDER BY run, last"
  )
  const placeUpTo = prepare(db, "UPDATE placed SET upto = ?")

  // Keys never change, so a run that was found once is found without its index, until one is deleted.
  const keys = new Map<string, number>()
  /** By key, as of `arrived`. */
  const lengths = new Map<number, number>()
  /** The last row that has its place in the index, as far as this connection knows. */
  let placed = 0

  const forgetRuns = () => {
    keys.clear()
    lengths.clear()
  }

  const known = {
    /** By id. */
    keys: keys as ReadonlyMap<string, number>,
    /** By key. */
    lengths: lengths as ReadonlyMap<number, number>,
    /** The row of the journal that came last. */
    arrived: 0,
    /** How many rows have no place in the index. */
    get unplaced() {
      return known.arrived - placed
    },
    keyOf: (id: string): number | undefined => {
      const there = keys.get(id)
      if (there !== undefined) return there
      const row = findKey.get(id)
      if (row === undefined) return undefined
      const key = number(row, "key")
      known.setKey(id, key)
      return key
    },
    lengthOf: (key: number): number => {
      const there = lengths.get(key)
      if (there !== undefined) return there
      const length = ((lastIn.get(key)![0] as number | null) ?? -1) + 1
      known.setLength(key, length)
      return length
    },
    setKey: (id: string, key: number): void => void bounded(keys).set(id, key),
    setLength: (key: number, length: number): void => void bounded(lengths).set(key, length),
    /** A run is deleted by this connection. */
    drop: (id: string, key: number): void => {
      keys.delete(id)
      lengths.delete(key)
    },
    /** Takes in what others have appended. A row of run 0 says that runs were deleted. To be called at the start of a transaction. */
    catchUp: (): void => {
      const now = latest.get()![0] as number
      if (now === known.arrived) return
      if (now - known.arrived > mostToCatchUp) forgetRuns()
      if (keys.size > 0) {
        for (const [run, last] of since.all(known.arrived)) {
          if (run === 0) forgetRuns()
          else if (lengths.has(run as number)) lengths.set(run as number, last as number + 1)
        }
      }
      known.arrived = now
    },
    /** Gives rows their places in the index, where there are so many without. */
    placeRows: (least = batch): void => {
      if (known.arrived - placed < least) return
      placed = placedUpTo.get()![0] as number
      if (known.arrived - placed < least) return
      place.run(placed, known.arrived)
      placeUpTo.run(known.arrived)
      placed = known.arrived
    },
    /** Of a transaction that was rolled back nothing is there. */
    forget: (): void => {
      forgetRuns()
      known.arrived = 0
      placed = 0
    }
  }
  return known
}

// ---------------------------------------------------------------------------
// internal
// ---------------------------------------------------------------------------

/** Rows that a connection reads again to keep its lengths: for more, that would cost more than it saves. */
const mostToCatchUp = 5_000

/** Makes room in a map that only saves questions. */
const bounded = <K, V>(map: Map<K, V>): Map<K, V> => {
  if (map.size >= 10_000) map.clear()
  return map
}
