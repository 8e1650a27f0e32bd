/**
 * What a suspended run waits for.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { suspendReasons } from "./RunStatus.ts"

/**
 * One thing that a suspended run waits for.
 *
 * `key` names it inside the run, `until` is the time (ms since the epoch) at
 * which the wait ends by itself, `who` lists the people who may end it, and
 * `detail` is a sentence for people. `step` is there where recovery has stopped
 * a step whose key alone would be taken for the run's. `day` is there where a
 * budget is short that all runs of a workflow share: the UTC day, as `2026-11-30`.
 * `restored` is there where nobody knows of a step because the store was put back
 * from a backup, and says when that had its last commit (ms since the epoch).
 */
export const Wait = Schema.Struct({
  reason: Schema.Literals(suspendReasons),
  key: Schema.String,
  until: Schema.optionalKey(Schema.Finite),
  who: Schema.optionalKey(Schema.Array(Schema.String)),
  detail: Schema.optionalKey(Schema.String),
  step: Schema.optionalKey(Schema.Boolean),
  day: Schema.optionalKey(Schema.String),
  restored: Schema.optionalKey(Schema.Finite)
})
export type Wait = typeof Wait.Type

const decodeWaits = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Array(Wait)))

/** What a run waits for, from the text of its row; none when that cannot be read. */
export const readWaits = (text: string | null): Option.Option<ReadonlyArray<Wait>> =>
  text === null ? Option.some([]) : decodeWaits(text)
