/**
 * What an operator says to a run, and what is said back.
 */
import * as Schema from "effect/Schema"

/** What is recorded now. `duplicate` when the same was recorded before. */
export const Receipt = Schema.Struct({
  runId: Schema.String,
  result: Schema.Literals(["accepted", "duplicate"])
})
export interface Receipt extends Schema.Schema.Type<typeof Receipt> {}

/** How an operator settles a step whose outcome is unknown: again, done with this output, or failed with this message. */
export const Settlement = Schema.Union([
  Schema.Struct({ _tag: Schema.tag("retry") }),
  Schema.Struct({ _tag: Schema.tag("complete"), output: Schema.Unknown }),
  Schema.Struct({ _tag: Schema.tag("fail"), message: Schema.String })
])
export type Settlement = typeof Settlement.Type
