/**
 * The store of runs did not do what it was asked for.
 */
import * as Schema from "effect/Schema"

/** The database could not do it: locked for too long, full, damaged or of another version. */
export class StorageFailed extends Schema.TaggedError<StorageFailed>()("StorageFailed", {
  operation: Schema.String,
  problem: Schema.String,
  /** The disk is full and nothing was stored: the same write succeeds once there is space. Absent when that is not certain. */
  noRoom: Schema.optionalKey(Schema.Boolean),
  cause: Schema.optionalKey(Schema.Defect())
}, { httpApiStatus: 503 }) {
  override get message(): string {
    return `The store could not ${this.operation}: ${this.problem}`
  }
}
