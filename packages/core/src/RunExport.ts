/**
 * A run as one JSON document, with all that was asked for below it: rows,
 * journals, the large values and artifacts that they name, and the definitions
 * that they are pinned to. Secrets are references, so none travels.
 */
import * as Schema from "effect/Schema"
import { runStatuses } from "./RunStatus.ts"

/** The version of the document. */
export const format = "fermata-run/1"

/** The most runs and entries of a document, and the most characters of all its entries and blobs: they are one transaction. */
export const most = { runs: 1_000, entries: 100_000, characters: 67_108_864 } as const

/** One run. Times are ms since the epoch. */
export const ExportedRun = Schema.Struct({
  id: Schema.NonEmptyString,
  workflow: Schema.NonEmptyString,
  version: Schema.String,
  /** `program`, or the kind of its document. */
  kind: Schema.NonEmptyString,
  /** The hash of its document; null for a program. */
  definition: Schema.NullOr(Schema.String),
  /** The run above it; null for the one at the top. */
  parent: Schema.NullOr(Schema.String),
  status: Schema.Literals(runStatuses),
  title: Schema.optionalKey(Schema.String),
  labels: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
  createdAt: Schema.Finite,
  updatedAt: Schema.Finite,
  /** Its journal, entry by entry, as it is stored. */
  entries: Schema.Array(Schema.Record(Schema.String, Schema.Unknown)).check(Schema.isMinLength(1)),
  /** SHA-256, in lower-case hex, of the JSON texts of the entries with a line feed between them. */
  hash: Schema.String
})
export interface ExportedRun extends Schema.Schema.Type<typeof ExportedRun> {}

/** A workflow of which some process has served runs. */
export const ExportedDefinition = Schema.Struct({
  name: Schema.NonEmptyString,
  version: Schema.String,
  kind: Schema.NonEmptyString,
  hash: Schema.String,
  /** JSON of its schemas, and its document: null for a program. */
  schemas: Schema.String,
  document: Schema.NullOr(Schema.String)
})
export interface ExportedDefinition extends Schema.Schema.Type<typeof ExportedDefinition> {}

/** The document. */
export const RunExport = Schema.Struct({
  format: Schema.Literal(format),
  exportedAt: Schema.Finite,
  /** Each behind the one above it; the first is at the top of the others. */
  runs: Schema.Array(ExportedRun).check(Schema.isMinLength(1), Schema.isMaxLength(most.runs)),
  /** By their SHA-256, in lower-case hex: what the entries name in `blobs` and `artifacts`. */
  blobs: Schema.Record(Schema.String, Schema.String),
  definitions: Schema.Array(ExportedDefinition)
})
export interface RunExport extends Schema.Schema.Type<typeof RunExport> {}

/** What came of an import. */
export const Imported = Schema.Struct({
  /** The run at the top. */
  runId: Schema.String,
  runs: Schema.Int,
  /** How many of them have not ended: each is paused until somebody resumes it. */
  paused: Schema.Int
})
export interface Imported extends Schema.Schema.Type<typeof Imported> {}

/** The run cannot be exported. */
export class ExportRefused extends Schema.TaggedError<ExportRefused>()("ExportRefused", {
  runId: Schema.String,
  problem: Schema.String
}, { httpApiStatus: 409 }) {
  override get message(): string {
    return `Run ${this.runId} cannot be exported: ${this.problem}`
  }
}

/** The document cannot be imported. Nothing of it was. */
export class ImportRefused extends Schema.TaggedError<ImportRefused>()("ImportRefused", {
  problem: Schema.String
}, { httpApiStatus: 422 }) {
  override get message(): string {
    return `Nothing was imported: ${this.problem}`
  }
}
