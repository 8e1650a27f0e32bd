/**
 * What a run has itself spent, as its row in the store says it, and what each of
 * its commits changes in the sums of days. Pure.
 *
 * Children are not in it, so that sums over runs count everything once. An
 * amount belongs to the UTC day on which it was reserved, whenever its outcome
 * comes: what was held against a limit of that day is settled there. What nobody
 * had reserved belongs to the day of the outcome that tells of it. Of a fork
 * only what it has spent itself counts, as in its view.
 */
import type { JournalEntry } from "./JournalEntry.ts"
import * as Spent from "./Spent.ts"
import * as TimeText from "./TimeText.ts"

/**
 * Sums of a day, or what is added to them, which may be less than 0: spent, and
 * reserved by attempts in flight. `day` counts UTC days since the epoch; amounts
 * are millionths of a US dollar, and tokens.
 */
export interface DaySums {
  readonly day: number
  readonly micros: number
  readonly tokens: number
  readonly reservedMicros: number
  readonly reservedTokens: number
}

/** How a day of a workflow stands. `raised` is by how much operators have raised what it may cost; absent where nobody has. */
export interface DayStanding extends DaySums {
  readonly raised?: Spent.Amount
}

/** What a run has itself spent by the entries so far. */
export interface Tally {
  /** By outcomes, and by attempts that came to none. */
  readonly spent: Spent.Amount
  /** Reservations in flight, by the keys of their steps. */
  readonly open: ReadonlyMap<string, Reservation>
}

/** An amount, and the day on which it was reserved. */
export interface Reservation {
  readonly day: number
  readonly amount: Spent.Amount
}

/** What entries have changed. */
export interface Change {
  readonly tally: Tally
  /** One for each day whose sums are others now, in the order in which they came to be. */
  readonly days: ReadonlyArray<DaySums>
}

/** Of a run that has spent nothing. */
export const nothing: Tally = { spent: Spent.zero, open: new Map() }

/** The UTC day of a time, in days since the epoch. */
export const dayOf = (millis: number): number => Math.floor(millis / dayMs)

/** When a day begins, in ms since the epoch. */
export const beginOf = (day: number): number => day * dayMs

/** A day as `2026-11-30`. */
export const textOf = (day: number): string => TimeText.iso(beginOf(day)).slice(0, 10)

/** The day of such a text; undefined where it is no day of the calendar. */
export const read = (text: string): number | undefined => {
  const day = /^\d{4}-\d{2}-\d{2}$/.test(text) ? dayOf(Date.parse(`${text}T00:00:00Z`)) : Number.NaN
  return Number.isNaN(day) || textOf(day) !== text ? undefined : day
}

/** All that counts on a day: what was spent, and what is in flight. */
export const heldOf = ({ micros, reservedMicros, reservedTokens, tokens }: DaySums): Spent.Amount =>
  Spent.make(micros + reservedMicros, tokens + reservedTokens)

/** A day on which nobody has spent anything. */
export const untouched = (day: number): DaySums => ({ ...empty, day })

/** A day behind a change of it. No sum is below 0, or more than the largest safe integer. */
export const plus = (standing: DayStanding, change: DaySums): DayStanding => ({
  ...standing,
  micros: bounded(standing.micros + change.micros),
  tokens: bounded(standing.tokens + change.tokens),
  reservedMicros: bounded(standing.reservedMicros + change.reservedMicros),
  reservedTokens: bounded(standing.reservedTokens + change.reservedTokens)
})

/** The tally behind these entries of one run, and what they change; undefined where they say nothing of money. */
export const after = (tally: Tally, entries: ReadonlyArray<JournalEntry>): Change | undefined => {
  let change: Changing | undefined
  for (const entry of entries) {
    if (!tellsOfMoney(change ?? tally, entry)) continue
    change ??= { spent: tally.spent, open: new Map(tally.open), days: new Map() }
    apply(change, entry)
  }
  return change === undefined
    ? undefined
    : { tally: { spent: change.spent, open: change.open }, days: [...change.days.values()].filter(isSomething) }
}

/** The tally of a run with this journal. */
export const of = (entries: ReadonlyArray<JournalEntry>): Tally => after(nothing, entries)?.tally ?? nothing

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const dayMs = 86_400_000

interface Changing {
  spent: Spent.Amount
  readonly open: Map<string, Reservation>
  readonly days: Map<number, DaySums>
}

const tellsOfMoney = ({ open, spent }: Tally, entry: JournalEntry): boolean => {
  switch (entry._tag) {
    case "StepRequested":
      return (entry.reserved !== undefined && entry.probe !== true) || open.has(entry.key)
    case "StepCompleted":
    case "StepFailed":
      return entry.spent !== undefined || open.has(entry.key)
    case "RunForked":
      return open.size > 0 || !Spent.isZero(spent)
    case "RunCompleted":
    case "RunFailed":
    case "RunCancelled":
      return open.size > 0
    default:
      return false
  }
}

const apply = (change: Changing, entry: JournalEntry): void => {
  switch (entry._tag) {
    case "StepRequested": {
      giveUp(change, entry.key)
      if (entry.reserved === undefined || entry.probe === true) return
      const day = dayOf(entry.at)
      change.open.set(entry.key, { day, amount: entry.reserved })
      return add(change, day, Spent.zero, entry.reserved, 1)
    }
    case "StepCompleted":
    case "StepFailed": {
      if (entry.settledBy !== undefined) giveUp(change, entry.key)
      const reservation = change.open.get(entry.key)
      change.open.delete(entry.key)
      const { spent = Spent.zero } = entry
      change.spent = Spent.sum(change.spent, spent)
      return add(change, reservation?.day ?? dayOf(entry.at), spent, reservation?.amount ?? Spent.zero, -1)
    }
    // What came before was another run's money, which has its days.
    case "RunForked":
      change.spent = Spent.zero
      change.open.clear()
      return change.days.clear()
    default:
      for (const key of change.open.keys()) giveUp(change, key)
  }
}

/** What was reserved counts as spent. */
const giveUp = (change: Changing, key: string): void => {
  const reservation = change.open.get(key)
  if (reservation === undefined) return
  const { amount, day } = reservation
  change.open.delete(key)
  change.spent = Spent.sum(change.spent, amount)
  add(change, day, amount, amount, -1)
}

const add = ({ days }: Changing, day: number, spent: Spent.Amount, reserved: Spent.Amount, sign: 1 | -1): void => {
  const { micros, reservedMicros, reservedTokens, tokens } = days.get(day) ?? empty
  days.set(day, {
    day,
    micros: micros + (spent.micros ?? 0),
    tokens: tokens + (spent.tokens ?? 0),
    reservedMicros: reservedMicros + sign * (reserved.micros ?? 0),
    reservedTokens: reservedTokens + sign * (reserved.tokens ?? 0)
  })
}

const bounded = (sum: number): number => Math.min(Math.max(sum, 0), Number.MAX_SAFE_INTEGER)

const empty: Omit<DaySums, "day"> = { micros: 0, tokens: 0, reservedMicros: 0, reservedTokens: 0 }

const isSomething = ({ micros, reservedMicros, reservedTokens, tokens }: DaySums): boolean =>
  micros !== 0 || tokens !== 0 || reservedMicros !== 0 || reservedTokens !== 0
