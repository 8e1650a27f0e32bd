/**
 * What all runs of an agent together may spend on a UTC day. A call reserves
 * what it may cost in the commit that requests it, is told the sum of the day
 * with that in it, and gives it back where the sum is over the limit: so no two
 * calls, in whichever processes, share what is left, and no more than its limit
 * is really spent on a day. Whether there was enough is an outcome in the journal,
 * and holds on every replay.
 *
 * A process that dies between the commit and that outcome leaves a reservation,
 * which counts as spent: nobody can tell from the journal whether the call was
 * made. Of a call that was to be refused it is over the limit, and so are the
 * books of the day then, until somebody raises it or the next day begins.
 */
import { Amount } from "@fermata/core/Amount"
import * as Spent from "@fermata/core/Spent"
import * as SpentByDay from "@fermata/core/SpentByDay"
import type { Engine } from "@fermata/engine/Engine"
import * as Workflows from "@fermata/engine/Workflows"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { WorkflowInstance } from "effect/workflow/WorkflowEngine"
import * as Money from "./Money.ts"

/** What a call is held to, for the body of its step. */
export interface Held {
  readonly agent: string
  /** What the day may cost for this run: the limit of the agent, and what operators have added to the run. */
  readonly limit: Amount
  /** What the call has reserved. */
  readonly wanted: Amount
  /** Of how many raises the run had been told when it asked for the call. */
  readonly raises: number
}

/** A call was not made: with it, the agent would have spent more on the day than it may. */
export class DayFull extends Schema.TaggedError<DayFull>()("DayFull", {
  agent: Schema.String,
  /** In days since the epoch. */
  day: Schema.Int,
  spent: Amount,
  /** By calls in flight, without this one. */
  reserved: Amount,
  wanted: Amount,
  /** With what operators have added to it for the day. */
  limit: Amount,
  /** Of how many raises the run had been told when it asked for the call; absent where that was not recorded. */
  raises: Schema.optionalKey(Schema.Int)
}) {
  /** Whether it is what was spent that leaves too little, so that only the next day does. Else calls in flight may yet cost less than they have reserved. */
  get isSpent(): boolean {
    return Spent.exceeds(Spent.sum(this.spent, this.wanted), this.limit)
  }

  /** Whether it costs more than a whole day may. */
  get isTooDear(): boolean {
    return Spent.exceeds(this.wanted, this.limit)
  }

  override get message(): string {
    const { agent, day, limit, reserved, spent, wanted } = this
    const inFlight = Spent.isZero(reserved) ? "" : `, calls in flight may spend ${Spent.text(reserved)} more`
    return `agent "${agent}" has spent ${Spent.textOf(spent, limit)} on ${
      SpentByDay.textOf(day)
    } (UTC)${inFlight}, and its next call may cost ${Spent.text(wanted)}${
      this.isTooDear ? ", more than a whole day may" : ""
    }`
  }
}

/** Why a call that has been requested is not made; undefined where it may be. */
export const problemOf = (
  { agent, limit: own, raises, wanted }: Held,
  sums: SpentByDay.DayStanding | undefined
): Effect.Effect<DayFull | undefined> => {
  // Without the sums of the day nobody knows what is left of it.
  if (sums === undefined) return Effect.die(new Error("The store does not tell what was spent on the day"))
  const limit = sums.raised === undefined ? own : Money.raisedBy(own, sums.raised)
  if (!Spent.exceeds(SpentByDay.heldOf(sums), limit)) return Effect.undefined
  const { day, micros, reservedMicros, reservedTokens, tokens } = sums
  return Effect.succeed(
    new DayFull({
      agent,
      day,
      limit,
      wanted,
      raises,
      spent: Spent.make(micros, tokens),
      reserved: Spent.make(
        Math.max(0, reservedMicros - (wanted.micros ?? 0)),
        Math.max(0, reservedTokens - (wanted.tokens ?? 0))
      )
    })
  )
}

/**
 * Waits, suspended as `budget`: for the next day, or, while it is calls in flight
 * that leave too little, for a time that doubles with each of the `looks` before;
 * and in either case no longer than until somebody raises the budget of the day,
 * or of the run. Where no day has room for the call, it waits for such a raise
 * alone, or for a later day that was raised. A raise that the run was told of
 * while the call was refused is one that it need not wait for.
 */
export const awaitRoom = (full: DayFull, looks: number): Effect.Effect<void, never, Engine | WorkflowInstance> =>
  Effect.gen(function*() {
    const { count, days } = yield* Workflows.raises
    if (full.raises !== undefined && full.raises !== count) return
    const { day, message: detail } = full
    if (full.isTooDear) {
      const later = [...days.keys()].filter((raised) => raised > day)
      const until = later.length === 0 ? {} : { until: SpentByDay.beginOf(Math.min(...later)) }
      return yield* Effect.asVoid(Workflows.awaitBudget(full.limit, { day, detail, ...until }))
    }
    const next = SpentByDay.beginOf(day + 1)
    const now = yield* Clock.currentTimeMillis
    const until = full.isSpent ? next : Math.min(next, now + Math.min(firstLookMs * 2 ** looks, lastLookMs))
    if (until > now) yield* Workflows.awaitBudget(full.limit, { day, until, detail })
  })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const firstLookMs = 15_000
const lastLookMs = 1_800_000
