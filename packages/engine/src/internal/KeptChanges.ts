/** The last changes that a process has read, for those who are close behind. */
import { type Change, type Changes, hasEntries, hasEvent } from "../ChangeLog.ts"

/** What is kept: changes, and characters of their entries and events. */
const most = { changes: 2_000, characters: 8_000_000 }

/** Changes behind a position, in order and without a gap. */
export class KeptChanges {
  private readonly rows: Array<Change> = []
  private characters = 0
  /** What is behind it is here, as far as it has been read. */
  private start = ""

  /** Forgets all, to go on behind this position. */
  begin(position: string): void {
    this.rows.length = 0
    this.characters = 0
    this.start = position
  }

  add(rows: ReadonlyArray<Change>): void {
    for (const row of rows) {
      this.rows.push(row)
      this.characters += sizeOf(row)
    }
    let dropped = 0
    while (this.rows.length - dropped > most.changes || this.characters > most.characters) {
      const row = this.rows[dropped++]!
      this.characters -= sizeOf(row)
      this.start = row.position
    }
    this.rows.splice(0, dropped)
  }

  /** At most `limit` changes behind the position; undefined where that is not known here. */
  behind(position: string, limit: number): Changes | undefined {
    const from = this.placeOf(position)
    if (from === undefined) return undefined
    const rows = this.rows.slice(from, from + limit)
    return { rows, next: rows.at(-1)?.position ?? position }
  }

  private placeOf(position: string): number | undefined {
    if (position === this.start) return 0
    // Positions of one store sort as texts.
    let low = 0
    let high = this.rows.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.rows[middle]!.position < position) low = middle + 1
      else high = middle
    }
    return this.rows[low]?.position === position ? low + 1 : undefined
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const sizeOf = (change: Change): number =>
  hasEntries(change)
    ? change.entries.reduce((size, entry) => size + entry.length, 0)
    : hasEvent(change)
    ? change.event.payload.length
    : 0
