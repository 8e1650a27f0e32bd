/**
 * What runs have spent, by workflow and by day: which sums are asked for, and
 * what one says. Children count under their own workflows, so that all sums
 * together count everything once.
 */
import * as Schema from "effect/Schema"
import { Amount } from "./Amount.ts"
import * as Spent from "./Spent.ts"
import * as SpentByDay from "./SpentByDay.ts"

/** Which sums. `since` and `until` are ms since the epoch: the UTC days in which they lie are the first and the last. */
export const SpendingFilter = Schema.Struct({
  workflow: Schema.optionalKey(Schema.String),
  since: Schema.optionalKey(Schema.Finite),
  until: Schema.optionalKey(Schema.Finite),
  /** What each sum is of; one for each workflow on each day when absent. Of neither, it is one sum of everything. */
  groupBy: Schema.optionalKey(Schema.Array(Schema.Literals(["workflow", "day"])))
})
export interface SpendingFilter extends Schema.Schema.Type<typeof SpendingFilter> {}

/** A sum. `reserved` is in flight, beside what is `spent`; `raised` is what operators have added to what may be spent, where they have. */
export const SpendingSum = Schema.Struct({
  workflow: Schema.optionalKey(Schema.String),
  /** A UTC day, such as `2026-11-30`: that on which it was spent, or reserved. */
  day: Schema.optionalKey(Schema.String),
  spent: Amount,
  reserved: Amount,
  raised: Schema.optionalKey(Amount)
})
export interface SpendingSum extends Schema.Schema.Type<typeof SpendingSum> {}

/** The sums of what the store has of days, each in the place of the first that belongs to it. */
export const of = (
  rows: Iterable<SpentByDay.DayStanding & { readonly workflow: string }>,
  groupBy: NonNullable<SpendingFilter["groupBy"]> = ["workflow", "day"]
): ReadonlyArray<SpendingSum> => {
  const sums = new Map<string, SpendingSum>()
  for (const { day, micros, raised, reservedMicros, reservedTokens, tokens, workflow } of rows) {
    const group = {
      ...(groupBy.includes("workflow") ? { workflow } : {}),
      ...(groupBy.includes("day") ? { day: SpentByDay.textOf(day) } : {})
    }
    const key = `${group.day ?? ""} ${group.workflow ?? ""}`
    const known = sums.get(key)
    const all = Spent.sum(known?.raised ?? Spent.zero, raised ?? Spent.zero)
    sums.set(key, {
      ...group,
      spent: Spent.sum(known?.spent ?? Spent.zero, Spent.make(micros, tokens)),
      reserved: Spent.sum(known?.reserved ?? Spent.zero, Spent.make(reservedMicros, reservedTokens)),
      ...(Spent.isZero(all) ? {} : { raised: all })
    })
  }
  return [...sums.values()]
}
