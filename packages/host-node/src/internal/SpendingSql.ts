/** What runs have spent, as SQL: in their rows, and in the sums of days. */
import type { DaySums } from "@fermata/core/SpentByDay"
import type { SpendingChange, SpendingFilter, SpendingRow } from "@fermata/engine/Backend"
import type { DatabaseSync } from "node:sqlite"
import { number, prepare, type Row, text } from "./Rows.ts"

/** What commits change. To be called inside their transactions. */
export const changes = (db: DatabaseSync) => {
  const setSpent = prepare(db, "INSERT OR REPLACE INTO spent (run, micros, tokens) VALUES (?, ?, ?)")
  const add = prepare(
    db,
    `INSERT INTO spending SELECT workflow, ?2, ${columns.map((_, index) => bounded(`?${index + 3}`)).join(", ")}
       FROM runs WHERE key = ?1
     ON CONFLICT DO UPDATE SET ${
      columns.map((column, index) => `${column} = ${bounded(`${column} + ?${index + 3}`)}`).join(", ")
    }
     RETURNING day, ${columns.join(", ")}`
  )

  /** The sums of the days behind it. */
  return (key: number, { days, spent }: SpendingChange): ReadonlyArray<DaySums> => {
    if (spent !== undefined) setSpent.run(key, spent.micros ?? 0, spent.tokens ?? 0)
    return days.map(({ day, micros, reservedMicros, reservedTokens, tokens }) =>
      toSums(add.get(key, day, micros, tokens, reservedMicros, reservedTokens)!)
    )
  }
}

/** The sums of days. */
export const read = (db: DatabaseSync) => {
  const all = prepare(
    db,
    "SELECT * FROM spending WHERE day >= ? AND day <= ? ORDER BY workflow, day"
  )
  const ofOne = prepare(
    db,
    "SELECT * FROM spending WHERE day >= ? AND day <= ? AND workflow = ? ORDER BY day"
  )
  return (
    { since = Number.MIN_SAFE_INTEGER, until = Number.MAX_SAFE_INTEGER, workflow }: SpendingFilter
  ): ReadonlyArray<SpendingRow> =>
    (workflow === undefined ? all.all(since, until) : ofOne.all(since, until, workflow)).map((row) =>
      Object.assign(toSums(row), { workflow: text(row, "workflow") })
    )
}

// ---------------------------------------------------------------------------
// internal
// ---------------------------------------------------------------------------

const columns = ["micros", "tokens", "reserved_micros", "reserved_tokens"]

/** SQLite has integers that JavaScript has not. */
const bounded = (sum: string): string => `min(max(${sum}, 0), ${Number.MAX_SAFE_INTEGER})`

const toSums = (row: Row): DaySums => ({
  day: number(row, "day"),
  micros: number(row, "micros"),
  tokens: number(row, "tokens"),
  reservedMicros: number(row, "reserved_micros"),
  reservedTokens: number(row, "reserved_tokens")
})
