/**
 * Which configuration has last worked on the runs of a workflow, kept in a file
 * beside the database, so that an answer given from another folder goes on with
 * the same tasks and the same model.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs"

/** The configuration of this workflow, or the last of any when none is named. Nothing when it is not there any more. */
export const recall = (db: string, workflow?: string): Effect.Effect<string | undefined> =>
  Effect.sync(() => {
    const known = read(db)
    const file = workflow === undefined ? Object.values(known).at(-1) : known[workflow]
    return file !== undefined && existsSync(file) ? file : undefined
  })

/** Keeps the configuration of this workflow. Where that is not possible, nothing is kept: it is a convenience. */
export const remember = (db: string, workflow: string, file: string): Effect.Effect<void> =>
  Effect.ignore(Effect.try(() => {
    const { [workflow]: before, ...others } = read(db)
    const known = { ...others, [workflow]: file }
    if (before === file && Object.keys(read(db)).at(-1) === workflow) return
    const temporary = `${fileOf(db)}.${process.pid}`
    writeFileSync(temporary, `${JSON.stringify(known, undefined, 2)}\n`, { mode: 0o600 })
    renameSync(temporary, fileOf(db))
  }))

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const fileOf = (db: string): string => `${db}-configs.json`

const decode = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Record(Schema.String, Schema.String)))

/** Workflow names to absolute paths, the last used at the end. A file that cannot be read counts as empty. */
const read = (db: string): Readonly<Record<string, string>> => {
  const file = fileOf(db)
  if (!existsSync(file)) return {}
  return Option.getOrElse(decode(readFileSync(file, "utf8")), () => ({}))
}
