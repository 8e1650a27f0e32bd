/**
 * Chunks as they are stored: a line each, of JSON, or the word for what is
 * missing in its place.
 */
import type * as Position from "@fermata/core/Position"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

/**
 * Why something is missing in the place of a chunk.
 * - `chunk`: it was larger than a row may be, or no JSON.
 * - `stream`: the step has said more than is kept; nothing follows.
 * - `store`: the store failed for too long; nothing follows.
 * - `unreadable`: what is stored is damaged, or of a newer build.
 */
export const Cut = Schema.Literals(["chunk", "stream", "store", "unreadable"])
export type Cut = typeof Cut.Type

/** Something that a step said. */
export interface Chunk {
  /** `seq` is the entry that requested the step; `chunk` counts from 0. */
  readonly position: Position.ChunkPosition
  /** Null where it is missing. */
  readonly value: Schema.Json
  /** Why it is missing; absent where it is not. */
  readonly cut?: Cut
}

/** No JSON begins so. */
const mark = "!"

/** The line of a value, or why it has none. */
export const of = (value: unknown): Result.Result<string, StoredJson.Unstorable> =>
  Result.map(StoredJson.of(value), ({ text }) => text.includes("\n") ? compact(text) : text)

/** The line of a value, or of the word for one that has none. */
export const orCut = (value: unknown): string => Result.getOrElse(of(value), () => cut("chunk"))

/** The line that says what is missing. */
export const cut = (why: Cut): string => `${mark}${why}`

/** The lines of a row. */
export const split = (text: string): ReadonlyArray<string> => text.split("\n")

/** The text of a row. */
export const join = (lines: ReadonlyArray<string>): string => lines.join("\n")

/** What a line holds. One that cannot be read is missing, and not the reader's end. */
export const read = (line: string): { readonly value: Schema.Json; readonly cut?: Cut } => {
  if (line.startsWith(mark)) return { value: null, cut: Option.getOrElse(readCut(line.slice(1)), () => "unreadable") }
  return Option.match(readJson(line), {
    onNone: () => ({ value: null, cut: "unreadable" }),
    onSome: (value) => ({ value })
  })
}

/** Bytes of a text in UTF-8. */
export const bytes = (text: string): number => encoder.encode(text).length

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const encoder = new TextEncoder()

const readCut = Schema.decodeUnknownOption(Cut)
const readJson = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Json))

/** Text that somebody has laid out over several lines, as one. */
const compact = (text: string): string => StoredJson.textOf(JSON.parse(text))
