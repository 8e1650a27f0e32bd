/**
 * A backend with schemas: journals are read entry by entry through `Upcast`,
 * and large values live in blobs.
 */
import * as JournalEntry from "@fermata/core/JournalEntry"
import * as StoredJson from "@fermata/core/StoredJson"
import { EntryCorrupt } from "@fermata/core/Upcast"
import * as Upcast from "@fermata/core/Upcast"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import type { Backend, BlobRow, StorageFailed } from "./Backend.ts"
import { sha256Hex, sha256Now } from "./Digest.ts"
import * as ArtifactBytes from "./internal/ArtifactBytes.ts"
import * as MemoryBackend from "./MemoryBackend.ts"

/** Values whose JSON is longer than this many characters are kept in blobs. */
export const blobThreshold = 65_536

/** Small, so that the rows of a page are garbage before the collector moves them. */
const pageSize = 500

/** The store as the engine uses it: rows of a backend, decoded by schema, with spans. */
export class Store extends Context.Service<Store, {
  readonly backend: Backend
  /** The entries of a run from `from` on, in order, and at most `limit` of them. */
  readonly journal: (
    runId: string,
    from?: number,
    limit?: number
  ) => Effect.Effect<ReadonlyArray<JournalEntry.JournalEntry>, EntryCorrupt | StorageFailed>
  /** The entries that stand in these rows of a run, of which the first is that of `from`. */
  readonly read: (
    runId: string,
    from: number,
    rows: ReadonlyArray<string>
  ) => Effect.Effect<ReadonlyArray<JournalEntry.JournalEntry>, EntryCorrupt | StorageFailed>
  /** The bytes of an artifact that an entry names by this hash, or what has become of them. */
  readonly artifact: (hash: string) => Effect.Effect<Uint8Array | "missing" | "damaged", StorageFailed>
}>()("@fermata/engine/Store") {
  static readonly make = (backend: Backend): Store["Service"] => {
    const fill = Effect.fnUntraced(function*(runId: string, seq: number, entry: WithBlobs) {
      const filled: Record<string, unknown> = { ...entry }
      for (const [field, hash] of Object.entries(entry.blobs)) {
        const data = yield* backend.blob(hash)
        // A blob is named by what is in it, so one that is damaged has another name.
        if (data === null || (yield* sha256Hex(data)) !== hash) {
          const problem = `its blob ${hash} is ${data === null ? "missing" : "damaged"}`
          return yield* new EntryCorrupt({ runId, seq, problem })
        }
        filled[field] = JSON.parse(data)
      }
      return filled
    })
    const read: Store["Service"]["read"] = Effect.fnUntraced(function*(runId, from, rows) {
      const entries: Array<JournalEntry.JournalEntry> = []
      const page = Upcast.parsePage(rows)
      for (const [index, row] of rows.entries()) {
        const seq = from + index
        const parsed = page === undefined ? Upcast.parse(runId, seq, row) : Exit.succeed(page[index])
        if (Exit.isFailure(parsed)) return yield* Effect.failCause(parsed.cause)
        const { value } = parsed
        const read = Upcast.readValue(runId, seq, hasBlobs(value) ? yield* fill(runId, seq, value) : value)
        if (Exit.isFailure(read)) return yield* Effect.failCause(read.cause)
        entries.push(read.value)
      }
      return entries
    })
    return Store.of({
      backend,
      read,
      artifact: Effect.fn("Store.artifact")(function*(hash: string) {
        const data = yield* backend.blob(hash)
        return data === null ? "missing" : (yield* ArtifactBytes.read(data, hash)) ?? "damaged"
      }),
      journal: Effect.fnUntraced(function*(runId: string, from = 0, limit = Infinity): Effect.fn.Return<
        ReadonlyArray<JournalEntry.JournalEntry>,
        EntryCorrupt | StorageFailed
      > {
        const entries: Array<JournalEntry.JournalEntry> = []
        while (true) {
          const wanted = Math.min(pageSize, limit - entries.length)
          const rows = yield* backend.entries(runId, from + entries.length, wanted)
          for (const entry of yield* read(runId, from + entries.length, rows)) entries.push(entry)
          if (rows.length < wanted || entries.length >= limit) return entries
        }
      })
    })
  }

  /** A store over a backend that is there already. */
  static readonly layer = (backend: Backend): Layer.Layer<Store> => Layer.succeed(Store, Store.make(backend))

  /** A store in memory, gone with the layer. */
  static readonly layerMemory: Layer.Layer<Store> = Layer.sync(
    Store,
    () => Store.make(MemoryBackend.make(MemoryBackend.makeStore()))
  )
}

/** The stored form of entries. Synchronous unless a field is large and the platform has no synchronous digest. */
export const encodeEntries = (
  entries: ReadonlyArray<JournalEntry.JournalEntry>
):
  | { readonly rows: Array<string>; readonly blobs: Array<BlobRow> }
  | Effect.Effect<{ readonly rows: Array<string>; readonly blobs: Array<BlobRow> }> =>
{
  const rows: Array<string> = []
  let large = false
  for (const entry of entries) {
    const text = textOf(entry)
    large ||= text.length > blobThreshold
    rows.push(text)
  }
  if (!large) return { rows, blobs: [] }
  const encoded = encodeLarge(entries, rows)
  return sha256Now === undefined ? encoded : Effect.runSync(encoded)
}

/** As `encodeEntries`, without waiting for anything: where there is no synchronous digest, large fields stay where they are. */
export const encodeNow = (
  entries: ReadonlyArray<JournalEntry.JournalEntry>
): { readonly rows: Array<string>; readonly blobs: Array<BlobRow> } => {
  const encoded = encodeEntries(entries)
  return Effect.isEffect(encoded)
    ? { rows: entries.map(textOf), blobs: [] }
    : encoded
}

const encodeLarge = Effect.fnUntraced(
  function*(entries: ReadonlyArray<JournalEntry.JournalEntry>, rows: Array<string>) {
    const blobs: Array<BlobRow> = []
    for (let index = 0; index < rows.length; index++) {
      if (rows[index]!.length <= blobThreshold) continue
      const small: Record<string, unknown> = {}
      const moved: Record<string, string> = {}
      for (const [field, value] of Object.entries(entries[index]!)) {
        const data = textOfField(field, value)
        if (typeof value !== "object" && typeof value !== "string" || data.length <= blobThreshold) {
          small[field] = value
          continue
        }
        const hash = yield* sha256Hex(data)
        blobs.push({ hash, data })
        moved[field] = hash
        small[field] = placeholder(data)
      }
      rows[index] = textOf({ ...small, blobs: moved })
    }
    return { rows, blobs }
  }
)

/** The text of an entry. What goes without saying is not stored; `Upcast` puts it back. */
const textOf = (entry: Readonly<Record<string, unknown>>): string => {
  const { _tag, attempt, key, seq } = entry
  const firstAttempt = (_tag === "StepRequested" || _tag === "StepCompleted") && attempt === 1
  let text = ""
  // A copy without some of its fields would cost as much again as the text.
  for (const field in entry) {
    const value = entry[field]
    if (
      value === undefined || field === "seq" ||
      (field === "epoch" && value === usualEpoch(seq)) ||
      (firstAttempt && (field === "attempt" || (field === "name" && value === key)))
    ) continue
    text += `${text === "" ? "{" : ","}"${field}":${textOfField(field, value)}`
  }
  const format = JournalEntry.formats[_tag as JournalEntry.Tag]
  return format === undefined ? `${text}}` : `${text},"v":${format}}`
}

interface WithBlobs {
  readonly blobs: Readonly<Record<string, string>>
}

/** Whether large fields of a stored entry are elsewhere. A `blobs` that names none is left to the schema of the entry. */
const hasBlobs = (value: unknown): value is WithBlobs =>
  Predicate.hasProperty(value, "blobs") && Predicate.isObject(value.blobs) &&
  Object.values(value.blobs).every(Predicate.isString)

/** What is text already is spliced in, also inside an exit. */
const textOfField = (field: string, value: unknown): string =>
  field === "exit" && typeof value === "object" && value !== null && !(value instanceof StoredJson.StoredJson)
    ? StoredJson.compose(value as Readonly<Record<string, unknown>>).text
    : StoredJson.textOf(value)

const usualEpoch = (seq: unknown) => seq === 0 ? 0 : 1

/** Keeps the shape that the entry's schema wants in the place of a moved value. */
const placeholder = (data: string): unknown =>
  data.startsWith("[")
    ? []
    : data.startsWith("\"")
    ? ""
    : data.startsWith("{\"_tag\":\"Failure\"")
    ? { _tag: "Failure", cause: [] }
    : data.startsWith("{\"_tag\":")
    ? { _tag: "Success" }
    : null
