/** The schema of what a day says to an attempt for which it has no room. */
import * as Schema from "effect/Schema"
import { Amount } from "./Amount.ts"

/**
 * A day of a workflow had no room for what an attempt was to reserve, by how it
 * stood without that. Days count from the epoch, in UTC.
 */
export const DayRefusal = Schema.Struct({
  day: Schema.Int,
  /** What the attempt was to reserve. */
  wanted: Amount,
  /** By all runs of the workflow, on that day. */
  spent: Amount,
  /** By attempts in flight, beside what is spent. */
  reserved: Amount,
  /** What the day may cost, with what operators have raised that by. */
  limit: Amount,
  /** The first later day that has room for it, by what that was raised by until then; absent where none has. */
  next: Schema.optionalKey(Schema.Int)
})
export type DayRefusal = typeof DayRefusal.Type
