/**
 * How runs come to be: started, or forked from another.
 */
import * as Schema from "effect/Schema"
import { RunWebhook } from "./Webhook.ts"

/** How to start a run, beside its input. */
export const StartOptions = Schema.Struct({
  /** The highest that is registered when absent. */
  version: Schema.optionalKey(Schema.String),
  /** Runs of one workflow with one key are one run. */
  key: Schema.optionalKey(Schema.String),
  by: Schema.optionalKey(Schema.String),
  /** What the run is about, in a few words: shown in lists. When absent, what its workflow says, its key, or the first short text of its input. */
  title: Schema.optionalKey(Schema.String),
  /** By which it is found in lists: at most 20 names of up to 63 characters, with texts of up to 200. */
  labels: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
  /** The event that the run is to see as what started it: for documents that events start. Without a name, the one that its document names. */
  event: Schema.optionalKey(Schema.Struct({ name: Schema.optionalKey(Schema.String), payload: Schema.Unknown })),
  /** A new run in any case, even where the input has been run before. */
  new: Schema.optionalKey(Schema.Boolean),
  /** Who is told of the run that is started; that of a run which is joined stays as it is. */
  webhook: Schema.optionalKey(RunWebhook)
})
export interface StartOptions extends Schema.Schema.Type<typeof StartOptions> {}

/** The run that was started, or was there. */
export const Started = Schema.Struct({
  runId: Schema.String,
  /** There was such a run already, and nothing was started. */
  joined: Schema.Boolean,
  /** The run was started with another input than this one, which is not used. */
  otherInput: Schema.Boolean
})
export interface Started extends Schema.Schema.Type<typeof Started> {}

/** Where a fork leaves its original, and in what it is other. */
export const ForkOptions = Schema.Struct({
  /** The key of the step from which on the fork goes its own way. */
  at: Schema.String,
  /** Another input, where the shared part replays with it. */
  input: Schema.optionalKey(Schema.Unknown),
  /** Other outputs of steps in the shared part, by their keys. */
  set: Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown)),
  by: Schema.optionalKey(Schema.String)
})
export interface ForkOptions extends Schema.Schema.Type<typeof ForkOptions> {}

/** The run that goes on for one that has failed. */
export const Retried = Schema.Struct({
  runId: Schema.String,
  /** The run that has failed, which stays as it is. */
  from: Schema.String,
  /** The step that is tried anew; absent where the run failed outside of a step. */
  step: Schema.optionalKey(Schema.String),
  /** The child run of which the other run failed, and which is retried with it. */
  child: Schema.optionalKey(Schema.String),
  /** How many entries of the other run it shares. */
  shared: Schema.Int,
  /** It was retried before, by this run, and nothing was started. */
  joined: Schema.Boolean,
  /** Steps that the other run has executed because it had failed. The retry does not share them, and what they did stands. */
  after: Schema.Array(Schema.String)
})
export interface Retried extends Schema.Schema.Type<typeof Retried> {}

/** The new run that shares the history of another. */
export const Forked = Schema.Struct({
  runId: Schema.String,
  from: Schema.String,
  step: Schema.String,
  /** How many entries of its original it shares. */
  shared: Schema.Int
})
export interface Forked extends Schema.Schema.Type<typeof Forked> {}
