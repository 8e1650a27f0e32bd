/** Workflows as a store knows them, whether their code is at hand or not. */
import * as Schema from "effect/Schema"

/** A version of a workflow. */
export const KnownWorkflow = Schema.Struct({
  name: Schema.String,
  version: Schema.String,
  /** `program`, or the kind of its document, such as `contract`. */
  kind: Schema.String,
  /** The names of the signals that it takes; absent where it does not say. */
  signals: Schema.optionalKey(Schema.Array(Schema.String)),
  /** When it was registered, ms since the epoch. */
  at: Schema.Finite
})
export interface KnownWorkflow extends Schema.Schema.Type<typeof KnownWorkflow> {}
