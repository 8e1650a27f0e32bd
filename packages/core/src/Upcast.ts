/**
 * The one place where stored shapes of journal entries become today's.
 *
 * A stored entry leaves out what goes without saying, and reading puts it back:
 * its `seq`, which is that of its row; an `epoch` of 0 at the start and of 1
 * behind it; the first `attempt` of a step; a step's name that is its key. It
 * may carry `v`, the format in which it took its shape; without it
 * it is as in format 1. A format newer than this build is refused, since
 * guessing at a newer shape could repeat work.
 */
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as SchemaJITCompiler from "effect/schema/SchemaJITCompiler"
import * as JournalEntry from "./JournalEntry.ts"

/** An entry that this build cannot read: damaged, or written by a newer build. */
export class EntryCorrupt extends Schema.TaggedError<EntryCorrupt>()("EntryCorrupt", {
  runId: Schema.String,
  seq: Schema.Int,
  problem: Schema.String
}, { httpApiStatus: 500 }) {
  override get message(): string {
    return `Entry ${this.seq} of run ${this.runId} cannot be read: ${this.problem}`
  }
}

/** What makes an entry of each format one of the next. */
const steps: Record<number, (entry: Record<string, unknown>) => Record<string, unknown>> = {
  1: (entry) => entry["_tag"] === "Note" ? fromNote(entry) : entry,
  // Entries of a new kind, and none that has another shape.
  2: (entry) => entry
}

/** In format 1, what steers a replay or a recovery was a note of a certain kind. */
const fromNote = (note: Record<string, unknown>): Record<string, unknown> => {
  const { data, kind, text, ...place } = note
  const about = typeof data === "object" && data !== null ? data as Record<string, unknown> : {}
  const refused = (kind: unknown, why: string, more: Record<string, unknown> = {}) => ({
    ...place,
    _tag: "MessageRefused",
    kind,
    why,
    text,
    ...more
  })
  switch (kind) {
    case "patch":
      return { ...place, _tag: "PatchTaken", name: text }
    case "workflow":
      return { ...place, _tag: "UnwindStarted" }
    case "step-released":
      return { ...place, _tag: "StepReleased", key: text }
    case "step-let-go":
      return { ...place, _tag: "BodyLetGo", key: about["key"], text }
    case "answer-late":
      return refused("answer", "late", about)
    case "answer-refused":
      return refused("answer", "refused", about)
    case "inbox-late":
      return refused(about["kind"] ?? "unknown", "late", about)
    case "settle-refused":
      return refused("settle", "refused")
    case "inbox-refused": {
      const [, id, unread] = /^inbox row (.*) of kind "(.*)" cannot be read$/s.exec(String(text)) ?? []
      return unread === undefined ? refused("signal", "refused") : refused(unread, "unreadable", { id })
    }
    default:
      return note
  }
}

/** Every entry as a row holds it: what goes without saying may be left out. */
const StoredEntry = Schema.Union(
  JournalEntry.JournalEntry.members.map((member) => {
    const fields: Schema.Struct.Fields = member.fields
    const optional = (name: string) => name in fields ? { [name]: Schema.optionalKey(fields[name]!) } : {}
    const stored = { ...fields, ...optional("seq"), ...optional("epoch") }
    return Schema.Struct(
      member === JournalEntry.StepRequested
        ? { ...stored, ...optional("attempt"), ...optional("name") }
        : member === JournalEntry.StepCompleted
        ? { ...stored, ...optional("attempt") }
        : stored
    )
  })
)

SchemaJITCompiler.enable(StoredEntry.ast)
const decode = Schema.decodeUnknownExit(StoredEntry as Schema.Schema<unknown> as Schema.Codec<Stored>)

const isStored = Schema.is(StoredEntry as Schema.Schema<unknown> as Schema.Codec<Stored>)

type Stored = {
  -readonly [K in keyof JournalEntry.EntryOf<"StepRequested">]?: JournalEntry.EntryOf<"StepRequested">[K]
}

/** Puts back what a row leaves out, into the value that was read of it. */
const whole = (
  runId: string,
  seq: number,
  stored: Stored
): Exit.Exit<JournalEntry.JournalEntry, EntryCorrupt> => {
  if (stored.seq !== undefined && stored.seq !== seq) {
    return corrupt(runId, seq, `it says that it is entry ${stored.seq}`)
  }
  stored.seq = seq
  stored.epoch ??= seq === 0 ? 0 : 1
  const tag: JournalEntry.Tag | undefined = stored._tag
  if (tag === "StepRequested" || tag === "StepCompleted") stored.attempt ??= 1
  if (tag === "StepRequested" && stored.key !== undefined) stored.name ??= stored.key
  return Exit.succeed(stored as JournalEntry.JournalEntry)
}

/** Reads one stored entry, as far as it is without its blobs. The result is an `Exit` so that a long journal needs no effect per row. */
export const read = (runId: string, seq: number, text: string): Exit.Exit<JournalEntry.JournalEntry, EntryCorrupt> => {
  const parsed = parse(runId, seq, text)
  return Exit.isFailure(parsed) ? Exit.failCause(parsed.cause) : readValue(runId, seq, parsed.value)
}

/** The JSON of a stored entry, whatever its format. */
export const parse = (runId: string, seq: number, text: string): Exit.Exit<unknown, EntryCorrupt> => {
  try {
    return Exit.succeed(JSON.parse(text))
  } catch (error) {
    return corrupt(runId, seq, `not JSON (${String(error)})`)
  }
}

/**
 * The JSON of many stored entries at once, which is faster than one by one;
 * undefined where one of them is no JSON, which `parse` then tells.
 */
export const parsePage = (texts: ReadonlyArray<string>): ReadonlyArray<unknown> | undefined => {
  try {
    const page = JSON.parse(`[${texts.join(",")}]`) as ReadonlyArray<unknown>
    // A text that is no JSON by itself may be some between others.
    return page.length === texts.length ? page : undefined
  } catch {
    return undefined
  }
}

/** Reads one stored entry that has been parsed already. The value becomes the entry, without a copy where its shape is today's. */
export const readValue = (
  runId: string,
  seq: number,
  value: unknown
): Exit.Exit<JournalEntry.JournalEntry, EntryCorrupt> => {
  if (typeof value !== "object" || value === null) return corrupt(runId, seq, "not a JSON object")
  let record = value as Record<string, unknown>
  let version = typeof record["v"] === "number" ? record["v"] : 1
  if (version > JournalEntry.formatVersion) {
    const problem = `written in format ${version}, and this build reads up to ${JournalEntry.formatVersion}`
    return corrupt(runId, seq, problem)
  }
  for (; version < JournalEntry.formatVersion; version++) record = steps[version]!(record)
  if (!("v" in record) && isStored(record)) return whole(runId, seq, record)
  const decoded = decode(record)
  return Exit.isFailure(decoded) ? corrupt(runId, seq, String(decoded.cause)) : whole(runId, seq, decoded.value)
}

const corrupt = (runId: string, seq: number, problem: string): Exit.Exit<never, EntryCorrupt> =>
  Exit.fail(new EntryCorrupt({ runId, seq, problem }))
