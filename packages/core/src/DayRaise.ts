/** An act by which an operator lets all runs of a workflow together spend more on one day. */
import * as Schema from "effect/Schema"
import { Amount } from "./Amount.ts"

/** What was recorded of it. An agent is a workflow. */
export const DayRaise = Schema.Struct({
  /** Unique in its store. */
  id: Schema.String,
  workflow: Schema.String,
  /** A UTC day, such as `2026-11-30`. */
  day: Schema.String,
  raised: Amount,
  by: Schema.String,
  /** Why, for people. */
  note: Schema.optionalKey(Schema.String),
  /** ms since the epoch. */
  at: Schema.Finite
})
export interface DayRaise extends Schema.Schema.Type<typeof DayRaise> {}

/** What is said back. `raised` is the sum of all raises of the day; `duplicate` when this one had been recorded before. */
export const DayRaised = Schema.Struct({
  workflow: Schema.String,
  day: Schema.String,
  result: Schema.Literals(["accepted", "duplicate"]),
  raised: Amount,
  /** The runs that are told of it: those that wait for a larger budget, and those that are on their way. */
  told: Schema.Array(Schema.String)
})
export interface DayRaised extends Schema.Schema.Type<typeof DayRaised> {}
