/**
 * What calls cost: amounts of money and tokens, and what a step has cost after
 * each of its attempts. Pure, and without floating-point sums. The schema of an
 * amount is `Amount`, which a page need not load.
 */
import type { Amount } from "./Amount.ts"
import type { EntryOf } from "./JournalEntry.ts"

export type { Amount } from "./Amount.ts"

/** Nothing at all. */
export const zero: Amount = {}

/** An amount of these numbers, without those that are 0. */
export const make = (micros: number, tokens: number): Amount =>
  micros === 0 && tokens === 0
    ? zero
    : { ...(micros === 0 ? {} : { micros }), ...(tokens === 0 ? {} : { tokens }) }

/** Both together. A sum that is no safe integer any more is the largest one, so that it can be stored. */
export const sum = (a: Amount, b: Amount): Amount => make(added(a.micros, b.micros), added(a.tokens, b.tokens))

/** All of them together. */
export const sumAll = (amounts: Iterable<Amount>): Amount => {
  let all = zero
  for (const amount of amounts) all = sum(all, amount)
  return all
}

/** Whether it is nothing. */
export const isZero = ({ micros = 0, tokens = 0 }: Amount): boolean => micros === 0 && tokens === 0

/** Whether it is more than the limit, in money or in tokens. What the limit does not name is not limited. */
export const exceeds = (amount: Amount, limit: Amount): boolean =>
  isMore(amount.micros, limit.micros) || isMore(amount.tokens, limit.tokens)

/** A limit with what it was raised by. What it does not limit stays without one. */
export const raisedBy = (limit: Amount, raised: Amount = zero): Amount => ({
  ...(limit.micros === undefined ? {} : { micros: added(limit.micros, raised.micros) }),
  ...(limit.tokens === undefined ? {} : { tokens: added(limit.tokens, raised.tokens) })
})

/** Why this is no amount; undefined when it is one. */
export const problemOf = (amount: Amount): string | undefined => {
  for (const unit of ["micros", "tokens"] as const) {
    const value: unknown = amount[unit]
    if (value !== undefined && !(Number.isSafeInteger(value) && (value as number) >= 0)) {
      return `${unit} is ${String(value)}, and has to be a whole number from 0 on`
    }
  }
  return undefined
}

/**
 * Money for people: dollars to the cent, or with as many digits as it takes.
 * `$1.50`, `$0.0035`.
 */
export const dollars = (micros: number): string => {
  const digits = String(micros % 1_000_000).padStart(6, "0").replace(/0{1,4}$/, "")
  return `$${Math.trunc(micros / 1_000_000)}.${digits}`
}

/** An amount for people: `$0.0035, 1200 tokens`; `nothing` where it is nothing. */
export const text = ({ micros = 0, tokens = 0 }: Amount): string =>
  [
    ...(micros === 0 ? [] : [dollars(micros)]),
    ...(tokens === 0 ? [] : [tokens === 1 ? "1 token" : `${tokens} tokens`])
  ].join(", ") || "nothing"

/** What of an amount a limit allows, for people: `$0.0035 of $0.0040`; only what the limit names. */
export const textOf = (amount: Amount, limit: Amount): string =>
  [
    ...(limit.micros === undefined ? [] : [`${dollars(amount.micros ?? 0)} of ${dollars(limit.micros)}`]),
    ...(limit.tokens === undefined ? [] : [`${amount.tokens ?? 0} of ${limit.tokens} tokens`])
  ].join(", ") || text(amount)

/**
 * What a step has cost. `spent` is what its bodies said in outcomes;
 * `unsettled` is what attempts had reserved that came to none, and counts as
 * spent; `reserved` is in flight.
 */
export interface Cost {
  readonly spent?: Amount
  readonly unsettled?: Amount
  readonly reserved?: Amount
}

/** Another attempt is asked for: an earlier one that came to no outcome is `unsettled`. A probe reserves nothing. */
export const requested = (
  cost: Cost,
  { probe, reserved }: Pick<EntryOf<"StepRequested">, "probe" | "reserved">
): Cost => costOf(cost.spent, sumOf(cost.unsettled, cost.reserved), probe === true ? undefined : reserved)

/** An attempt has ended. What an operator says became of it tells nothing of its cost. */
export const ended = (
  cost: Cost,
  { settledBy, spent }: Pick<EntryOf<"StepFailed">, "settledBy" | "spent">
): Cost =>
  costOf(
    sumOf(cost.spent, spent),
    settledBy === undefined ? cost.unsettled : sumOf(cost.unsettled, cost.reserved),
    undefined
  )

/** No outcome comes any more. */
export const closed = (cost: Cost): Cost => costOf(cost.spent, sumOf(cost.unsettled, cost.reserved), undefined)

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const added = (a = 0, b = 0): number => Math.min(a + b, Number.MAX_SAFE_INTEGER)

const isMore = (amount = 0, limit: number | undefined): boolean => limit !== undefined && amount > limit

const sumOf = (a: Amount | undefined, b: Amount | undefined): Amount | undefined =>
  a === undefined ? b : b === undefined ? a : sum(a, b)

const none: Cost = {}

const costOf = (spent: Amount | undefined, unsettled: Amount | undefined, reserved: Amount | undefined): Cost =>
  spent === undefined && unsettled === undefined && reserved === undefined ? none : {
    ...(spent === undefined ? {} : { spent }),
    ...(unsettled === undefined ? {} : { unsettled }),
    ...(reserved === undefined ? {} : { reserved })
  }
