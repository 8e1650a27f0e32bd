/**
 * Where a run stands, and what a suspended run waits for.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

/** Status of a run. `completed`, `failed` and `cancelled` are final. */
export const RunStatus = Schema.Literals(["queued", "running", "suspended", "completed", "failed", "cancelled"])
export type RunStatus = typeof RunStatus.Type

/**
 * Why a run is suspended, most urgent first. A run with several waits is
 * reported under the first of these that any wait has.
 */
export const suspendReasons = [
  "corrupt",
  "diverged",
  "recovery",
  "outcome-unknown",
  "budget",
  "operator",
  "approval",
  "signal",
  "child",
  "handoff",
  "timer"
] as const
export const SuspendReason = Schema.Literals(suspendReasons)
export type SuspendReason = typeof SuspendReason.Type

/** Reasons that are no way in which a run is meant to wait: an operator has to look. */
export const forOperators: ReadonlySet<SuspendReason> = new Set(["corrupt", "diverged", "recovery", "outcome-unknown"])

/**
 * One thing that a suspended run waits for.
 *
 * `key` names it inside the run, `until` is the time (ms since the epoch) at
 * which the wait ends by itself, `who` lists the people who may end it, and
 * `detail` is a sentence for people.
 */
export const Wait = Schema.Struct({
  reason: SuspendReason,
  key: Schema.String,
  until: Schema.optionalKey(Schema.Finite),
  who: Schema.optionalKey(Schema.Array(Schema.String)),
  detail: Schema.optionalKey(Schema.String)
})
export type Wait = typeof Wait.Type

const decodeWaits = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Array(Wait)))

/** What a run waits for, from the text of its row; none when that cannot be read. */
export const readWaits = (text: string | null): Option.Option<ReadonlyArray<Wait>> =>
  text === null ? Option.some([]) : decodeWaits(text)

/** The key of the wait of a run that waits for ever: only an operator ends it, by a cancel. */
export const neverKey = "never"

/** The reason under which a run with these waits is reported. */
export const reasonOf = (waits: ReadonlyArray<Wait>): SuspendReason | undefined =>
  suspendReasons.find((reason) => waits.some((wait) => wait.reason === reason))

/** Whether a run with this status will never change again. */
export const isFinal = (status: RunStatus): boolean =>
  status === "completed" || status === "failed" || status === "cancelled"
