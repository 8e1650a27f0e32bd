/**
 * What attempts reserve on days on which all runs of a workflow together may
 * spend so much and no more. Whoever keeps the sums of days asks in the
 * transaction that changes them, so that no two claims share what is left. Pure.
 */
import type { DayRefusal } from "./DayRefusal.ts"
import * as Spent from "./Spent.ts"
import * as SpentByDay from "./SpentByDay.ts"

/** A request is to reserve an amount on a day, in days since the epoch, if the day stays within this limit and what it was raised by. */
export interface DayClaim {
  readonly day: number
  readonly amount: Spent.Amount
  readonly limit: Spent.Amount
  /** The place of the request among the rows that are written with it, from 0. */
  readonly row: number
  /** The row that is written in its place where the day has no room. */
  readonly otherwise: (refusal: DayRefusal) => string
}

/** How the days of a workflow stand. */
export interface Books {
  /** Undefined where nothing was said of the day. */
  readonly standing: (day: number) => SpentByDay.DayStanding | undefined
  /** The days behind this one of which something was said, in their order. */
  readonly later: (day: number) => ReadonlyArray<SpentByDay.DayStanding>
}

/** What is written, now that the claims are settled. */
export interface Settled {
  readonly rows: ReadonlyArray<string>
  /** What is added to the sums of days, with the claims that were taken. */
  readonly days: ReadonlyArray<SpentByDay.DaySums>
  /** The rows whose claims were not taken. */
  readonly refused: ReadonlyArray<{ readonly row: number; readonly refusal: DayRefusal }>
}

/** Takes claims one after another, behind what `days` adds to the books, as far as each day has room. */
export const settle = (
  rows: ReadonlyArray<string>,
  { claims = [], days }: {
    readonly days: ReadonlyArray<SpentByDay.DaySums>
    readonly claims?: ReadonlyArray<DayClaim>
  },
  books: Books
): Settled => {
  let settled: Settled = { rows, days, refused: [] }
  for (const claim of claims) {
    const refusal = refusalOf(claim, settled.days, books)
    const { row } = claim
    settled = refusal === undefined
      ? { ...settled, days: withClaim(settled.days, claim) }
      : {
        ...settled,
        rows: settled.rows.with(row, claim.otherwise(refusal)),
        refused: [...settled.refused, { row, refusal }]
      }
  }
  return settled
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** One change for each day, so that a store changes it once. */
const withClaim = (
  days: ReadonlyArray<SpentByDay.DaySums>,
  { amount: { micros = 0, tokens = 0 }, day }: DayClaim
): ReadonlyArray<SpentByDay.DaySums> => {
  const index = days.findIndex((change) => change.day === day)
  const before = days[index] ?? SpentByDay.untouched(day)
  const change = {
    ...before,
    reservedMicros: Math.min(before.reservedMicros + micros, Number.MAX_SAFE_INTEGER),
    reservedTokens: Math.min(before.reservedTokens + tokens, Number.MAX_SAFE_INTEGER)
  }
  return index < 0 ? [...days, change] : days.with(index, change)
}

/** Why the claim is not taken; undefined where it is. */
const refusalOf = (
  { amount, day, limit }: DayClaim,
  added: ReadonlyArray<SpentByDay.DaySums>,
  { later, standing }: Books
): DayRefusal | undefined => {
  const now = added
    .filter((change) => change.day === day)
    .reduce<SpentByDay.DayStanding>(SpentByDay.plus, standing(day) ?? SpentByDay.untouched(day))
  if (hasRoom(now, amount, limit)) return undefined
  const behind = later(day)
  const next = (behind[0]?.day === day + 1 ? behind : [SpentByDay.untouched(day + 1), ...behind])
    .find((other) => hasRoom(other, amount, limit))
  return {
    day,
    wanted: amount,
    spent: Spent.make(now.micros, now.tokens),
    reserved: Spent.make(now.reservedMicros, now.reservedTokens),
    limit: Spent.raisedBy(limit, now.raised),
    ...(next === undefined ? {} : { next: next.day })
  }
}

/** Whether the day holds the amount besides. */
const hasRoom = (day: SpentByDay.DayStanding, amount: Spent.Amount, limit: Spent.Amount): boolean =>
  !Spent.exceeds(Spent.sum(SpentByDay.heldOf(day), amount), Spent.raisedBy(limit, day.raised))
