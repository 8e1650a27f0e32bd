/**
 * What steps say, in the SQLite file of the host, in a table of its own.
 *
 * A row is a transaction by itself, on the connection of the journal but never
 * inside a transaction of it. It does not wait for the disk: a loss of power may
 * take the last moments, which a reader then does not see, and nothing else.
 */
import { StorageFailed } from "@fermata/engine/Backend"
import type { ChunkBackend, ChunkRow } from "@fermata/engine/Chunks"
import * as Effect from "effect/Effect"
import type { DatabaseSync } from "node:sqlite"
import { number, prepare, type Row, text } from "./internal/Rows.ts"
import type { Sqlite } from "./Sqlite.ts"

/** How the table is written. */
export interface Options {
  /** Called before each write; throws where there is no room for it. */
  readonly guard?: (() => void) | undefined
  /** Nothing may be written. */
  readonly readOnly?: boolean | undefined
}

/** The chunks of an open database. */
export const make = ({ attempt, db }: Pick<Sqlite, "attempt" | "db">, options: Options = {}): ChunkBackend => {
  const append = prepare(
    db,
    `INSERT INTO chunks (run, entry, last, count, chunks)
    SELECT ?1, ?2, ?3 + ?4 - 1, ?4, ?5 WHERE ${nextOf} = ?3`
  )
  const next = prepare(db, `SELECT ${nextOf} AS next`)
  const entries = prepare(
    db,
    `WITH RECURSIVE streams (entry) AS (
      SELECT min(entry) FROM chunks WHERE run = ?1
      UNION ALL
      SELECT (SELECT min(entry) FROM chunks WHERE run = ?1 AND entry > streams.entry) FROM streams WHERE entry IS NOT NULL
    ) SELECT entry FROM streams WHERE entry IS NOT NULL`
  )
  const rows = prepare(
    db,
    "SELECT last, count, chunks FROM chunks WHERE run = ?1 AND entry = ?2 AND last >= ?3 ORDER BY last LIMIT ?4"
  )
  const runs = prepare(
    db,
    `WITH RECURSIVE named (run, left) AS (
      SELECT min(run), ?2 FROM chunks WHERE run > ?1
      UNION ALL
      SELECT (SELECT min(run) FROM chunks WHERE run > named.run), left - 1 FROM named WHERE run IS NOT NULL AND left > 1
    ) SELECT run FROM named WHERE run IS NOT NULL`
  )
  const dropStream = prepare(db, "DELETE FROM chunks WHERE run = ?1 AND entry = ?2")
  const dropRun = prepare(db, "DELETE FROM chunks WHERE run = ?1")
  const changed = prepare(db, "SELECT DISTINCT run FROM chunks WHERE arrival > ?1")
  const mark = prepare(db, "SELECT max(arrival) AS at FROM chunks")
  const unhurried = unhurriedOn(db)

  const write = <A>(operation: string, work: () => A) =>
    options.readOnly === true
      ? Effect.fail(new StorageFailed({ operation, problem: "it was opened for reading only" }))
      : attempt(operation, () => {
        if (db.isTransaction) throw new Error(insideTransaction)
        options.guard?.()
        return unhurried(work)
      })

  return {
    supports: { shared: true },
    append: (row) =>
      write("store what a step says", () => {
        const stored = append.run(row.run, row.entry, row.first, row.count, row.chunks) > 0
        return { stored, next: stored ? row.first + row.count : number(next.get(row.run, row.entry) ?? {}, "next") }
      }),
    entries: (run) => attempt("read", () => entries.all(run).map((found) => number(found, "entry"))),
    rows: (run, entry, from, limit) =>
      attempt("read", () => rows.all(run, entry, from, limit).map((row) => toRow(run, entry, row))),
    runs: (after, limit) => attempt("read", () => runs.all(after, limit).map((row) => text(row, "run"))),
    drop: (run, entry) =>
      write("drop what a step said", () => void (entry === null ? dropRun.run(run) : dropStream.run(run, entry))),
    changes: (after) =>
      attempt("read", () => ({
        runs: after === Infinity ? [] : changed.all(after).map((row) => text(row, "run")),
        // Rows are dropped, and their numbers never used again: the mark stays where it was.
        at: Math.max(after === Infinity ? 0 : after, Number(mark.get()?.["at"] ?? 0))
      }))
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const insideTransaction =
  "chunks are stored outside of transactions, and a step with onCrash \"commit-together\" runs inside one"

/** The number of the chunk that follows in the stream. */
const nextOf = "coalesce((SELECT max(last) FROM chunks WHERE run = ?1 AND entry = ?2), -1) + 1"

const toRow = (run: string, entry: number, row: Row): ChunkRow => {
  const count = number(row, "count")
  return { run, entry, first: number(row, "last") - count + 1, count, chunks: text(row, "chunks") }
}

/** Does work whose transaction need not have reached the disk when it is over. The database is consistent all the same. */
const unhurriedOn = (db: DatabaseSync): <A>(work: () => A) => A => {
  const full = 2
  if (Number(db.prepare("PRAGMA synchronous").get()?.["synchronous"]) < full) return (work) => work()
  const relax = prepare(db, "PRAGMA synchronous = NORMAL")
  const restore = prepare(db, "PRAGMA synchronous = FULL")
  return (work) => {
    relax.run()
    try {
      return work()
    } finally {
      restore.run()
    }
  }
}
