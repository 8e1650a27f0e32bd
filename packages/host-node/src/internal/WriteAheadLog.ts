/**
 * The size of the write-ahead log.
 *
 * SQLite takes the log into the database by itself every 1,000 pages, and begins
 * it anew when nobody reads from it any more. Whoever keeps a read transaction
 * open prevents that, so the log grows with every write. It stops at a limit:
 * writes are then refused as on a full disk, and taken again once the reader is
 * gone and the log has been taken in.
 */
import { statSync } from "node:fs"
import type { DatabaseSync } from "node:sqlite"
import { prepare } from "./Rows.ts"

/** Bytes to which SQLite cuts the log when it begins it anew. */
export const keptBytes = 64 * 1024 * 1024

/** Bytes of the log at which writes wait, when nothing else is said: 1 GiB. */
export const defaultLimit = 1024 * 1024 * 1024

/** The log has reached its limit, because somebody keeps reading from it. */
export class LogFull extends Error {
  override readonly name = "LogFull"
  constructor(bytes: number, limit: number) {
    super(
      `its write-ahead log has ${mebibytes(bytes)}, and the limit is ${
        mebibytes(limit)
      }: a read transaction that stays open keeps SQLite from taking the log into the database`
    )
  }
}

export class WriteAheadLog {
  private readonly path: string
  private readonly limit: number
  private readonly takeIn: ReturnType<typeof prepare>
  /** Transactions until the size is looked at. */
  private left = 0

  constructor(db: DatabaseSync, file: string, limit: number) {
    this.path = `${file}-wal`
    this.limit = limit
    db.exec(`PRAGMA journal_size_limit = ${Math.min(keptBytes, limit)}`)
    this.takeIn = prepare(db, "PRAGMA wal_checkpoint(TRUNCATE)")
  }

  /** To be called before a transaction; throws `LogFull` when there is no room for it. */
  guard(): void {
    if (this.left > 0) {
      this.left--
      return
    }
    if (this.bytes >= this.limit) {
      this.takeIn.get()
      const { bytes } = this
      // Looked at before every transaction, until there is room again.
      if (bytes >= this.limit) throw new LogFull(bytes, this.limit)
    }
    this.left = between
  }

  /** Takes the log in and cuts it, where nobody reads: nothing of what was deleted is left in it. */
  cut(): void {
    this.takeIn.get()
  }

  private get bytes(): number {
    return statSync(this.path, { throwIfNoEntry: false })?.size ?? 0
  }
}

// ---------------------------------------------------------------------------
// internal
// ---------------------------------------------------------------------------

/** A look costs a few microseconds, which is shared by so many transactions. */
const between = 32

const mebibytes = (bytes: number) => `${(bytes / (1024 * 1024)).toFixed(bytes < 1024 * 1024 ? 2 : 0)} MiB`
