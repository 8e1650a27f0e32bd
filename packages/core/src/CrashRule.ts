/**
 * What happens to a step whose body was in flight when its process died.
 */
import * as Schema from "effect/Schema"

/**
 * - `rerun`: the body runs again.
 * - `rerun-keyed`: the body runs again and is given the same idempotency key.
 * - `commit-together`: the body is SQL only and commits with its record, so it
 *   has not happened, and runs.
 * - `probe`: the step's probe is asked whether it happened, and the body runs
 *   again if it did not.
 * - `ask`: the run suspends as `outcome-unknown` until an operator settles the
 *   step: retry it, declare it done with a value, or declare it failed.
 */
export const CrashRule = Schema.Literals(["rerun", "rerun-keyed", "commit-together", "probe", "ask"])
export type CrashRule = typeof CrashRule.Type

/** The rules that a contract can state: the others need code. */
export const DocumentCrashRule = CrashRule.pick(["rerun", "rerun-keyed", "ask"])
export type DocumentCrashRule = typeof DocumentCrashRule.Type
