/** What starts a run by itself leaves in the run: an event, or a slot of a schedule. */
import * as Schema from "effect/Schema"

/** A slot of a schedule, as a run has it that was started for it. */
export const ScheduleSlot = Schema.Struct({
  /** The schedule, with its tenant before it. */
  name: Schema.String,
  /** ms since the epoch. */
  slot: Schema.Int,
  /** How many slots before it passed while nothing was at work. */
  missed: Schema.Int
})
export interface ScheduleSlot extends Schema.Schema.Type<typeof ScheduleSlot> {}

/** The event that a run was started by; of a schedule, that it has fired. */
export const Trigger = Schema.Struct({
  /** Its name. */
  event: Schema.String,
  id: Schema.String,
  /** Whoever published it, where that is known: who asked for the run, as far as nobody else did. */
  by: Schema.optionalKey(Schema.String),
  /** The slot that it was started for, where a schedule has started it. */
  schedule: Schema.optionalKey(ScheduleSlot)
})
export interface Trigger extends Schema.Schema.Type<typeof Trigger> {}
