/**
 * Which runs name a blob, as SQL, and the deletion of those that none does.
 *
 * Who names what is in the journal. The index of it is written only when blobs
 * are to be deleted, part after part, and a blob is deleted in a transaction in
 * which the index is complete.
 */
import * as BlobNames from "@fermata/core/BlobNames"
import type { DatabaseSync } from "node:sqlite"
import * as EntryLines from "./EntryLines.ts"
import { number, prepare, prepareLean, text } from "./Rows.ts"

/** Whether a row of the journal may name blobs. */
const names = BlobNames.marks.map((mark) => `instr(entries, '${mark}')`).join(" OR ")

/** The entries of a row of the journal where they may name blobs, else null. */
export const naming = `CASE WHEN ${names} THEN entries END`

/** To be called inside a write transaction. */
export const changes = (db: DatabaseSync) => {
  const ofRun = prepareLean(db, "SELECT hash FROM blob_uses WHERE run = ?")
  const loosen = prepare(db, "INSERT INTO loose_blobs (hash) VALUES (?) ON CONFLICT (hash) DO NOTHING")
  const seen = prepareLean(db, "SELECT blobs_seen FROM store")
  const see = prepare(db, "UPDATE store SET blobs_seen = ?")
  const unseen = prepareLean(
    db,
    `SELECT arrival, run, ${naming} FROM journal WHERE arrival > ? ORDER BY arrival LIMIT ?`
  )
  const use = prepare(db, "INSERT OR IGNORE INTO blob_uses (run, hash) SELECT key, ? FROM runs WHERE key = ?")
  const loose = prepare(
    db,
    `SELECT loose_blobs.hash, coalesce(octet_length(data), 0) AS bytes
     FROM loose_blobs LEFT JOIN blobs ON blobs.hash = loose_blobs.hash LIMIT ?`
  )
  const any = prepare(db, "SELECT 1 FROM loose_blobs LIMIT 1")
  const drop = prepare(
    db,
    "DELETE FROM blobs WHERE hash = ?1 AND NOT EXISTS (SELECT 1 FROM blob_uses WHERE hash = ?1)"
  )
  const settle = prepare(db, "DELETE FROM loose_blobs WHERE hash = ?")

  const loosenNamed = (entries: unknown): void => {
    for (const hash of namedIn(entries)) loosen.run(hash)
  }
  return {
    /** A run is deleted: what it is known to name is its no more. */
    loosenOf: (run: number): void => {
      for (const [hash] of ofRun.all(run)) loosen.run(hash as string)
    },
    /** The same of a row of its journal. */
    loosenNamed,
    /** A part of what is to be done; whether more is left. */
    clear: (limit: number): boolean => {
      if (any.get() === undefined) return false
      const rows = unseen.all(seen.get()![0] as number, limit)
      for (const [, run, entries] of rows) {
        for (const hash of namedIn(entries)) use.run(hash, run as number)
      }
      const last = rows.at(-1)
      if (last !== undefined) see.run(last[0] as number)
      if (rows.length === limit) return true
      let bytes = 0
      for (const row of loose.all(limit)) {
        // One that is larger goes alone.
        if (bytes > 0 && bytes + number(row, "bytes") > mostBytes) break
        const hash = text(row, "hash")
        if (drop.run(hash) > 0) bytes += number(row, "bytes")
        settle.run(hash)
      }
      return any.get() !== undefined
    }
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** Bytes of blobs that go at once: their pages are written. */
const mostBytes = 4 * 1024 * 1024

/** The blobs that the entries of a row name; none where they are null. */
const namedIn = (entries: unknown): ReadonlyArray<string> =>
  typeof entries === "string" ? EntryLines.decode(entries, undefined).flatMap(BlobNames.of) : []
