/**
 * A store that was put back from a backup. What its runs did between the last
 * commit of the backup and that moment has happened in the world, and no journal
 * knows of it.
 */
import * as Schema from "effect/Schema"

/** The fields of a restore; times are ms since the epoch. */
export const restoreFields = {
  /** Names it: the id of the store from then on. */
  id: Schema.String,
  /** Who said so. */
  by: Schema.String,
  /** When the backup had its last commit. */
  from: Schema.Finite,
  /** When somebody said that it had been put back. */
  to: Schema.Finite
}

/** A restore, as a store keeps it. */
export const Restore = Schema.Struct(restoreFields)
export interface Restore extends Schema.Schema.Type<typeof Restore> {}
