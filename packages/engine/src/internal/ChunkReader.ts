/**
 * A reader of what the steps of a run say: first what is stored, then what
 * waits in this process, each chunk once and those of a step in their order.
 */
import * as Position from "@fermata/core/Position"
import * as Effect from "effect/Effect"
import type { StorageFailed } from "../Backend.ts"
import type { ChunkBackend } from "../ChunkBackend.ts"
import type { Chunk } from "./ChunkLines.ts"
import * as ChunkLines from "./ChunkLines.ts"

/** What waits of one stream in this process. */
export interface Waiting {
  readonly entry: number
  readonly first: number
  readonly lines: ReadonlyArray<string>
}

interface Source {
  readonly backend: ChunkBackend
  readonly waiting: (run: string) => ReadonlyArray<Waiting>
}

/** Rows that are read at a time. */
const pageSize = 64

export class ChunkReader {
  /** The store may have what this reader has not seen. */
  stale = true
  private readonly source: Source
  private readonly run: string
  private readonly after: Position.Cursor
  /** By entry, the number of the first chunk that was not shown. */
  private readonly next = new Map<number, number>()

  constructor(source: Source, run: string, after: Position.Cursor) {
    this.source = source
    this.run = run
    this.after = after
  }

  /** What has come since the last time; while `stale` there may be more. */
  readonly pull: Effect.Effect<ReadonlyArray<Chunk>, StorageFailed> = Effect.suspend(() => {
    // Before the look into the store: what waits now and is stored meanwhile is seen there.
    const waiting = this.source.waiting(this.run)
    if (!this.stale && waiting.every(({ entry, first }) => first <= this.nextOf(entry))) {
      return Effect.succeed(this.take(waiting))
    }
    return Effect.map(this.stored, (chunks) => [...chunks, ...this.take(waiting)])
  })

  /** All that is there. */
  readonly all: Effect.Effect<ReadonlyArray<Chunk>, StorageFailed> = Effect.gen({ self: this }, function*() {
    const chunks: Array<Chunk> = []
    do {
      for (const chunk of yield* this.pull) chunks.push(chunk)
    } while (this.stale)
    return chunks.sort((a, b) => Position.compare(a.position, b.position))
  })

  private readonly stored: Effect.Effect<ReadonlyArray<Chunk>, StorageFailed> = Effect.gen(
    { self: this },
    function*() {
      const { backend } = this.source
      this.stale = false
      const chunks: Array<Chunk> = []
      for (const entry of yield* backend.entries(this.run)) {
        const from = this.nextOf(entry)
        if (from === Infinity) continue
        const rows = yield* backend.rows(this.run, entry, from, pageSize)
        for (const row of rows) chunks.push(...this.show(entry, row.first, ChunkLines.split(row.chunks)))
        this.stale ||= rows.length === pageSize
      }
      return chunks
    }
  )

  private take(waiting: ReadonlyArray<Waiting>): ReadonlyArray<Chunk> {
    return waiting.flatMap(({ entry, first, lines }) => this.show(entry, first, lines))
  }

  /** The lines that follow what was shown. Behind a gap nothing is shown: what is missing comes first. */
  private show(entry: number, first: number, lines: ReadonlyArray<string>): ReadonlyArray<Chunk> {
    const next = this.nextOf(entry)
    if (first > next || first + lines.length <= next) return []
    this.next.set(entry, first + lines.length)
    return lines.slice(next - first).map((line, index) => {
      const { cut, value } = ChunkLines.read(line)
      const position = { seq: entry, chunk: next + index }
      return cut === undefined ? { position, value } : { position, value, cut }
    })
  }

  private nextOf(entry: number): number {
    return this.next.get(entry) ?? Position.nextChunk(this.after, entry)
  }
}
