/**
 * The one place where stored shapes of journal entries become today's.
 *
 * A stored entry leaves out what goes without saying, and reading puts it back:
 * its `seq`, which is that of its row; an `epoch` of 0 at the start and of 1
 * behind it; the first `attempt` of a step; a step's name that is its key. It
 * may carry `v`, the format version that wrote it; without it
 * the entry is of version 1. A version newer than this build is refused, since
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

const steps: Record<number, (entry: Record<string, unknown>) => Record<string, unknown>> = {}

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

type Stored = {
  -readonly [K in keyof JournalEntry.EntryOf<"StepRequested">]?: JournalEntry.EntryOf<"StepRequested">[K]
}

/** Puts back what a row leaves out, into the value that decoding has just made. */
const whole = (stored: Stored, seq: number): JournalEntry.JournalEntry => {
  stored.seq ??= seq
  stored.epoch ??= seq === 0 ? 0 : 1
  const tag: JournalEntry.Tag | undefined = stored._tag
  if (tag === "StepRequested" || tag === "StepCompleted") stored.attempt ??= 1
  if (tag === "StepRequested" && stored.key !== undefined) stored.name ??= stored.key
  return stored as JournalEntry.JournalEntry
}

/** Reads one stored entry. The result is an `Exit` so that a long journal needs no effect per row. */
export const read = (runId: string, seq: number, text: string): Exit.Exit<JournalEntry.JournalEntry, EntryCorrupt> => {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    return Exit.fail(new EntryCorrupt({ runId, seq, problem: `not JSON (${String(error)})` }))
  }
  return readValue(runId, seq, value)
}

/** Reads one stored entry that has been parsed already. */
export const readValue = (
  runId: string,
  seq: number,
  value: unknown
): Exit.Exit<JournalEntry.JournalEntry, EntryCorrupt> => {
  const corrupt = (problem: string) => Exit.fail(new EntryCorrupt({ runId, seq, problem }))
  if (typeof value !== "object" || value === null) return corrupt("not a JSON object")
  let record = value as Record<string, unknown>
  let version = typeof record["v"] === "number" ? record["v"] : 1
  if (version > JournalEntry.formatVersion) {
    return corrupt(`written in format ${version}, and this build reads up to ${JournalEntry.formatVersion}`)
  }
  for (; version < JournalEntry.formatVersion; version++) record = steps[version]!(record)
  const decoded = decode(record)
  if (Exit.isFailure(decoded)) return corrupt(String(decoded.cause))
  const stored = decoded.value
  if (stored.seq !== undefined && stored.seq !== seq) return corrupt(`it says that it is entry ${stored.seq}`)
  return Exit.succeed(whole(stored, seq))
}
