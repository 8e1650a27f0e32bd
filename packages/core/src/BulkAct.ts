/**
 * One act on many runs: what is asked for, what it would act on, and what came
 * of it.
 */
import * as Schema from "effect/Schema"
import { ListFilter, RunSummary } from "./RunSummary.ts"

/** The workflow of the runs by which the engine acts on many. They are in no list that does not name it. */
export const bulkWorkflow = "engine.bulk"

/** The workflows of the engine's own runs. */
export const engineWorkflows: ReadonlyArray<string> = [bulkWorkflow]

/** What can be done to many runs. */
export const bulkActions = ["cancel", "pause", "resume", "retry", "confirm", "delete"] as const
/** Something that can be done to many runs. */
export type BulkAction = (typeof bulkActions)[number]

/** What can be done to many runs by who may operate; to delete them takes more than that. */
export const steeringActions = ["cancel", "pause", "resume", "retry", "confirm"] as const satisfies ReadonlyArray<
  BulkAction
>

/** More runs than this are only acted on by who says how many there are. */
export const mostUnconfirmed = 10_000

/** The most runs that may be named one by one. */
export const mostIds = 1_000

const { before: _before, limit: _limit, ...filterFields } = ListFilter.fields

/** Which runs, as lists are asked for them. Without a status: those to which it can be done. */
export const BulkFilter = Schema.Struct(filterFields)
export interface BulkFilter extends Schema.Schema.Type<typeof BulkFilter> {}

/** What is to be done to which runs: those that a filter finds, or those that are named. */
export const BulkRequest = Schema.Struct({
  action: Schema.Literals(bulkActions),
  filter: Schema.optionalKey(BulkFilter),
  /** Ids of runs, or the first characters of them (at least 4). */
  ids: Schema.optionalKey(Schema.Array(Schema.String).check(Schema.isMaxLength(mostIds))),
  /** Why they are cancelled, as recorded. */
  reason: Schema.optionalKey(Schema.String)
})
export interface BulkRequest extends Schema.Schema.Type<typeof BulkRequest> {}

/** What would be acted on. */
export const BulkPreview = Schema.Struct({
  /** How many runs there are now. */
  matched: Schema.Int,
  /** The first of them, the last started first; at most 20. */
  first: Schema.Array(RunSummary)
})
export interface BulkPreview extends Schema.Schema.Type<typeof BulkPreview> {}

/** The run of the engine's own that acts, or acted, on the others. */
export const BulkStarted = Schema.Struct({
  runId: Schema.String,
  /** It was started before under the same key, and nothing was started. */
  joined: Schema.Boolean,
  /** It was started before with another request than this one, which is not used. */
  otherInput: Schema.Boolean,
  /** How many runs there were when it was asked for. */
  matched: Schema.Int
})
export interface BulkStarted extends Schema.Schema.Type<typeof BulkStarted> {}

/** A run to which nothing was done, and why. */
export const BulkSkip = Schema.Struct({ run: Schema.String, why: Schema.String })
export interface BulkSkip extends Schema.Schema.Type<typeof BulkSkip> {}

/** What came of it: the output of the run that acted. */
export const BulkReport = Schema.Struct({
  action: Schema.Literals(bulkActions),
  /** To how many runs it was done. */
  done: Schema.Int,
  /** The first of the others; at most 100. */
  skipped: Schema.Array(BulkSkip),
  /** How many others there were in all. */
  skippedCount: Schema.Int
})
export interface BulkReport extends Schema.Schema.Type<typeof BulkReport> {}
