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
  /** When it last said that it lives, ms since the epoch. */
  lastSeenAt: Schema.Finite,
  /** How many runs it has. */
  runs: Schema.Int,
  /** Whether it takes up any due run that it serves. */
  worker: Schema.Boolean,
  /** What it says of itself: pid, host, version. */
  info: Schema.Record(Schema.String, Schema.Unknown),
  /** What it serves, as it said last. */
  serves: Serves
})
export interface Owner extends Schema.Schema.Type<typeof Owner> {}

/** Counts of runs by status, without those of the engine's own that lists do not show, of runs that a process has, and of messages on their way. */
export const Census = Schema.Struct({
  byStatus: Schema.Record(Schema.String, Schema.Int),
  /** Of the suspended. */
  byReason: Schema.Record(Schema.String, Schema.Int),
  owned: Schema.Int,
  inbox: Schema.Int,
  outbox: Schema.Int
})
export interface Census extends Schema.Schema.Type<typeof Census> {}

/** How long (ms) a process has to have given no sign of life for its runs to be reaped, where nobody says. */
export const defaultStaleMs = 300_000

/** How the runs of dead processes are reaped. */
export const ReapOptions = Schema.Struct({
  /** Only of processes that have given no sign of life for so long (ms); 5 min when absent. */
  staleMs: Schema.optionalKey(Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0))),
  /** Whether the runs go on (`resume`, when absent) or fail. */
  then: Schema.optionalKey(Schema.Literals(["resume", "fail"])),
  by: Schema.optionalKey(Schema.String)
})
export interface ReapOptions extends Schema.Schema.Type<typeof ReapOptions> {}

/** A run that a dead process had. */
export const Reaped = Schema.Struct({
  run: Schema.String,
  workflow: Schema.String,
  /** The process, which is listed no more. */
  owner: Schema.String,
  /** When it last said that it lives, ms since the epoch. */
  lastSeenAt: Schema.Finite
})
export interface Reaped extends Schema.Schema.Type<typeof Reaped> {}
