/**
 * The storage seam of what steps say: plain strings and numbers, as that of
 * runs. Schemas, batches and followers are added once, in `Chunks`.
 */
import type * as Effect from "effect/Effect"
import type { StorageFailed } from "./Backend.ts"

/** Chunks of one stream with numbers that follow each other: what is stored at a time. */
export interface ChunkRow {
  readonly run: string
  readonly entry: number
  /** The number of its first chunk. */
  readonly first: number
  readonly count: number
  /** A line each. */
  readonly chunks: string
}

/** What a database implements: rows in, rows out. Nothing of it is part of a transaction of the journal. */
export interface ChunkBackend {
  readonly supports: {
    /** Other processes may write to the same store. */
    readonly shared: boolean
  }
  /** Stores the row where its first chunk is the next of its stream, and changes nothing otherwise. `next` is the number of the one that follows now. */
  readonly append: (row: ChunkRow) => Effect.Effect<{ readonly stored: boolean; readonly next: number }, StorageFailed>
  /** The streams of a run, in ascending order. */
  readonly entries: (run: string) => Effect.Effect<ReadonlyArray<number>, StorageFailed>
  /** The rows of a stream from the one that holds this chunk on, in order, at most `limit`. */
  readonly rows: (
    run: string,
    entry: number,
    from: number,
    limit: number
  ) => Effect.Effect<ReadonlyArray<ChunkRow>, StorageFailed>
  /** Runs that have streams, in order of their ids, behind this one. */
  readonly runs: (after: string, limit: number) => Effect.Effect<ReadonlyArray<string>, StorageFailed>
  /** Deletes a stream, or with null all of the run. */
  readonly drop: (run: string, entry: number | null) => Effect.Effect<void, StorageFailed>
  /** The runs that have got rows since this mark, and the mark of now; cheap enough to be asked ten times a second. An infinite mark is behind all rows. */
  readonly changes: (
    after: number
  ) => Effect.Effect<{ readonly at: number; readonly runs: ReadonlyArray<string> }, StorageFailed>
}
