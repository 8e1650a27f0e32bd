/**
 * Chunks in memory. Connections to one store share it, as processes share a file.
 */
import * as Effect from "effect/Effect"
import type { ChunkBackend, ChunkRow } from "../ChunkBackend.ts"

interface Kept extends ChunkRow {
  readonly arrival: number
}

export class MemoryChunks implements ChunkBackend {
  readonly supports = { shared: true }
  /** Rows of a stream in their order, by run and entry. */
  private readonly kept = new Map<string, Map<number, Array<Kept>>>()
  private arrivals = 0

  readonly append: ChunkBackend["append"] = (row) =>
    Effect.sync(() => {
      const run = this.kept.get(row.run) ?? new Map<number, Array<Kept>>()
      const rows = run.get(row.entry) ?? []
      const next = nextOf(rows)
      if (next !== row.first) return { stored: false, next }
      rows.push({ ...row, arrival: ++this.arrivals })
      this.kept.set(row.run, run.set(row.entry, rows))
      return { stored: true, next: next + row.count }
    })

  readonly entries: ChunkBackend["entries"] = (run) =>
    Effect.sync(() => Array.from(this.kept.get(run)?.keys() ?? []).sort((a, b) => a - b))

  readonly rows: ChunkBackend["rows"] = (run, entry, from, limit) =>
    Effect.sync(() => {
      const rows = this.kept.get(run)?.get(entry) ?? []
      return rows.filter(({ count, first }) => first + count > from).slice(0, limit)
        .map(({ arrival: _, ...row }) => row)
    })

  readonly runs: ChunkBackend["runs"] = (after, limit) =>
    Effect.sync(() => Array.from(this.kept.keys()).filter((run) => run > after).sort(byText).slice(0, limit))

  readonly drop: ChunkBackend["drop"] = (run, entry) =>
    Effect.sync(() => {
      if (entry !== null) this.kept.get(run)?.delete(entry)
      if (entry === null || this.kept.get(run)?.size === 0) this.kept.delete(run)
    })

  readonly changes: ChunkBackend["changes"] = (after) =>
    Effect.sync(() => {
      const runs = new Set<string>()
      for (const streams of this.kept.values()) {
        for (const rows of streams.values()) for (const row of rows) if (row.arrival > after) runs.add(row.run)
      }
      return { at: this.arrivals, runs: Array.from(runs) }
    })
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const nextOf = (rows: ReadonlyArray<Kept>): number => {
  const last = rows.at(-1)
  return last === undefined ? 0 : last.first + last.count
}

const byText = (a: string, b: string): number => a < b ? -1 : a > b ? 1 : 0
