/**
 * What happens to a step whose body was in flight when its process died.
 */
import * as Schema from "effect/Schema"

/**
 * - `rerun`: the body runs again.
 * - `rerun-keyed`: the body runs again and is given the same idempotency key.
 * - `ask`: the run suspends as `outcome-unknown` until an operator settles the
 *   step: retry it, declare it done with a value, or declare it failed.
 */
export const CrashRule = Schema.Literals(["rerun", "rerun-keyed", "ask"])
export type CrashRule = typeof CrashRule.Type
