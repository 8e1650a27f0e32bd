/** What an event that starts a run leaves in the run. */
import * as Schema from "effect/Schema"

/** The event that a run was started by. */
export const Trigger = Schema.Struct({
  /** Its name. */
  event: Schema.String,
  id: Schema.String,
  /** Whoever published it, where that is known: who asked for the run, as far as nobody else did. */
  by: Schema.optionalKey(Schema.String)
})
export interface Trigger extends Schema.Schema.Type<typeof Trigger> {}
