/** Which blobs an entry of a journal names: large fields of its own, and artifacts that its step keeps. */
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"

/** What stands in the text of each entry that names a blob, and of few others. */
export const marks = [`"blobs":`, `"artifacts":`] as const

/** The hashes that an entry names, as its text is stored. Where that cannot be read, all that could be one. */
export const of = (entry: string): ReadonlyArray<string> => {
  if (!marks.some((mark) => entry.includes(mark))) return []
  const read = decode(entry)
  if (Exit.isFailure(read)) return Array.from(entry.matchAll(anyHash), ([hash]) => hash)
  const { artifacts = [], blobs = {} } = read.value
  return [...Object.values(blobs), ...artifacts.map(({ hash }) => hash)]
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const decode = Schema.decodeUnknownExit(Schema.fromJsonString(Schema.Struct({
  blobs: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
  artifacts: Schema.optionalKey(Schema.Array(Schema.Struct({ hash: Schema.String })))
})))

const anyHash = /\b[0-9a-f]{64}\b/g
