/**
 * The schema of an amount of money and tokens. How amounts are added, compared
 * and told is `Spent`.
 */
import * as Schema from "effect/Schema"

const Count = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))

/**
 * What something costs: `micros` are millionths of a US dollar, `tokens` are
 * tokens of a model. Both are whole numbers from 0 on; one that is absent is 0,
 * and in a limit it is no limit.
 */
export const Amount = Schema.Struct({ micros: Schema.optionalKey(Count), tokens: Schema.optionalKey(Count) })
export type Amount = typeof Amount.Type
