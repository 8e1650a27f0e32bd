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
import * as JournalEntry from "./JournalEntry.ts"

/** An entry that this build cannot read: damaged, or written by a newer build. */
export class EntryCorrupt extends Schema.TaggedError<EntryCorrupt>()("EntryCorrupt", {
  runId: Schema.String,
  seq: Schema.Int,
  problem: Schema.String
}) {
  override get message(): string {
    return `Entry ${this.seq} of run ${this.runId} cannot be read: ${this.problem}`
  }
}

const steps: Record<number, (entry: Record<string, unknown>) => Record<string, unknown>> = {}

const decode = Schema.decodeUnknownExit(JournalEntry.JournalEntry)

/** Reads one stored entry. The result is an `Exit` so that a long journal needs no effect per row. */
export const read = (runId: string, seq: number, text: string): Exit.Exit<JournalEntry.JournalEntry, EntryCorrupt> => {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    return Exit.fail(new EntryCorrupt({ runId, seq, problem: `not JSON (${String(error)})` }))
  }
  if (typeof value !== "object" || value === null) {
    return Exit.fail(new EntryCorrupt({ runId, seq, problem: "not a JSON object" }))
  }
  let record = value as Record<string, unknown>
  record.seq ??= seq
  record.epoch ??= seq === 0 ? 0 : 1
  if (record._tag === "StepRequested") {
    record.name ??= record.key
    record.attempt ??= 1
  } else if (record._tag === "StepCompleted") record.attempt ??= 1
  let version = typeof record.v === "number" ? record.v : 1
  if (version > JournalEntry.formatVersion) {
    return Exit.fail(
      new EntryCorrupt({
        runId,
        seq,
        problem: `written in format ${version}, and this build reads up to ${JournalEntry.formatVersion}`
      })
    )
  }
  for (; version < JournalEntry.formatVersion; version++) record = steps[version]!(record)
  const decoded = decode(record)
  if (Exit.isFailure(decoded)) {
    return Exit.fail(new EntryCorrupt({ runId, seq, problem: String(decoded.cause) }))
  }
  if (decoded.value.seq !== seq) {
    return Exit.fail(new EntryCorrupt({ runId, seq, problem: `it says that it is entry ${decoded.value.seq}` }))
  }
  return Exit.succeed(decoded.value)
}
