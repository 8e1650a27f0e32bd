/**
 * Processes that work on runs.
 */
import * as Schema from "effect/Schema"

/** What a process serves: programs as `name@version`, and what it has for runs of documents, as whoever executes them says it. */
export const Serves = Schema.Struct({
  programs: Schema.Array(Schema.String),
  offers: Schema.Record(Schema.String, Schema.Unknown)
})
export interface Serves extends Schema.Schema.Type<typeof Serves> {}

/** A process that works on runs. */
export const Owner = Schema.Struct({
  id: Schema.String,
  /** Whether its lease has not run out. */
  alive: Schema.Boolean,
  /** When its lease runs out, ms since the epoch. */
  expiresAt: Schema.Finite,
  /** Whether it takes up any due run that it serves. */
  worker: Schema.Boolean,
  /** What it says of itself: pid, host, version. */
  info: Schema.Record(Schema.String, Schema.Unknown),
  /** What it serves, as it said last. */
  serves: Serves
})
export interface Owner extends Schema.Schema.Type<typeof Owner> {}

/** Counts of runs by status, of runs that a process has, and of messages on their way. */
export const Census = Schema.Struct({
  byStatus: Schema.Record(Schema.String, Schema.Int),
  /** Of the suspended. */
  byReason: Schema.Record(Schema.String, Schema.Int),
  owned: Schema.Int,
  inbox: Schema.Int,
  outbox: Schema.Int
})
export interface Census extends Schema.Schema.Type<typeof Census> {}
