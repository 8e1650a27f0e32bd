/**
 * Where a reader of a run stands, as text that it gives back to go on.
 *
 * | text | the place of |
 * |---|---|
 * | `17` | entry 17 of the journal |
 * | `17.4` | chunk 4 of what the step says that entry 17 requested |
 * | `17.4,19.0,21` | a reader of entries up to 21, while the steps of 17 and 19 still speak |
 *
 * The last is a cursor. A position alone is one too, and enough as long as one
 * step speaks at a time: where several do, what one of them says next stands
 * before what another has said already, so a reader keeps a place in each.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as StoredJson from "./StoredJson.ts"

/** The place of an entry or, with `chunk`, of a chunk of the step that it requested. Both count from 0. */
export interface Position {
  readonly seq: number
  readonly chunk?: number
}

/** The place of a chunk. */
export interface ChunkPosition extends Position {
  readonly chunk: number
}

/**
 * What a reader has seen, in ascending order and with at most one position for
 * each `seq`: entries up to the last of these; of chunks all up to the first,
 * and behind that those of each further one up to it.
 */
export type Cursor = ReadonlyArray<Position>

/** The text is no position. Nothing was read. */
export class PositionMalformed
  extends Schema.TaggedError<PositionMalformed>()("PositionMalformed", { text: Schema.String }, { httpApiStatus: 400 })
{
  override get message(): string {
    return `${StoredJson.show(this.text)} is no position: give the number of an entry, such as 17, `
      + `that of a chunk of the step which it requested, such as 17.4, or several with commas between, the lowest first`
  }
}

/** Reads one position. */
export const parse = (text: string): Result.Result<Position, PositionMalformed> => {
  const [, seq, chunk] = /^(\d{1,15})(?:\.(\d{1,15}))?$/.exec(text) ?? []
  if (seq === undefined) return Result.fail(new PositionMalformed({ text }))
  return Result.succeed(chunk === undefined ? { seq: Number(seq) } : { seq: Number(seq), chunk: Number(chunk) })
}

/** The text of a position, which `parse` reads. */
export const print = ({ chunk, seq }: Position): string => chunk === undefined ? `${seq}` : `${seq}.${chunk}`

/** Negative when `a` stands before `b`: an entry stands before the chunks of its step, and these before the next entry. */
export const compare = (a: Position, b: Position): number => a.seq - b.seq || (a.chunk ?? -1) - (b.chunk ?? -1)

/** Before everything that a step says: entry 0 requests none. */
export const start: Cursor = [{ seq: 0 }]

/** Reads a cursor. */
export const parseCursor = (text: string): Result.Result<Cursor, PositionMalformed> => {
  const cursor: Array<Position> = []
  for (const part of text.split(",")) {
    const parsed = parse(part)
    if (Result.isFailure(parsed) || parsed.success.seq <= (cursor.at(-1)?.seq ?? -1)) {
      return Result.fail(new PositionMalformed({ text }))
    }
    cursor.push(parsed.success)
  }
  return Result.succeed(cursor)
}

/** The text of a cursor, which `parseCursor` reads. */
export const printCursor = (cursor: Cursor): string => cursor.map(print).join(",")

/** The number of the first chunk of this step that a reader has not seen; infinite where it has seen all that it will be shown. */
export const nextChunk = (cursor: Cursor, seq: number): number => {
  const [first] = cursor
  if (first === undefined) return 0
  if (seq < first.seq) return Infinity
  return (cursor.find((position) => position.seq === seq)?.chunk ?? -1) + 1
}

/**
 * The cursor of a reader that has seen this too. `isOpen` says of which entries
 * the steps may still speak; a reader that does not know keeps them all.
 */
export const advance = (cursor: Cursor, seen: Position, isOpen: (seq: number) => boolean = () => true): Cursor => {
  const before = cursor.find(({ seq }) => seq === seen.seq)
  const place = before === undefined || compare(before, seen) < 0 ? seen : before
  const all = [...cursor.filter(({ seq }) => seq !== seen.seq), place].sort(compare)
  return all.filter(({ seq }, index) => index === all.length - 1 || isOpen(seq))
}
