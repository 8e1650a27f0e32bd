/**
 * What all runs of an agent together may spend on a UTC day. A call reserves
 * what it may cost in the commit that requests it, if the day has room for that
 * (`Step.DayLimit`), and else is not made: so no two calls, in whichever processes
 * and whatever becomes of those, share what is left, and a day never costs more
 * than its limit. That there was too little is an outcome in the journal, and
 * holds on every replay.
 */
import { Amount } from "@fermata/core/Amount"
import { DayRefusal } from "@fermata/core/DayRefusal"
import * as Spent from "@fermata/core/Spent"
import * as SpentByDay from "@fermata/core/SpentByDay"
import type { Engine } from "@fermata/engine/Engine"
import * as Step from "@fermata/engine/Step"
import * as Workflows from "@fermata/engine/Workflows"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { WorkflowInstance } from "effect/workflow/WorkflowEngine"
import * as Budgeting from "./Budgeting.ts"
import type { Setup } from "./Setup.ts"

/** A call was not made: with it, the agent would have spent more on the day than it may. */
export class DayFull extends Schema.TaggedError<DayFull>()("DayFull", {
  ...DayRefusal.fields,
  agent: Schema.String,
  /** Of how many raises the run had been told when it asked for the call; absent where that was not recorded. */
  raises: Schema.optionalKey(Schema.Int),
  /** The key of the step that was to make the call; absent where that was not recorded. */
  step: Schema.optionalKey(Schema.String)
}) {
  /** Whether it is what was spent that leaves too little, so that only a later day does. Else calls in flight may yet cost less than they have reserved. */
  get isSpent(): boolean {
    return Spent.exceeds(Spent.sum(this.spent, this.wanted), this.limit)
  }

  /** Whether it costs more than a whole day may. */
  get isTooDear(): boolean {
    return Spent.exceeds(this.wanted, this.limit)
  }

  /** When the next day begins that may have room (ms since the epoch); undefined where no day has, as long as nobody raises one. */
  get nextBegin(): number | undefined {
    const next = this.next ?? (this.isTooDear ? undefined : this.day + 1)
    return next === undefined ? undefined : SpentByDay.beginOf(next)
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

/** Whose call a step makes, which `asked` asks for. */
interface Asker {
  readonly agent: string
  /** Of how many raises the run has been told. */
  readonly raises: number
}

const CurrentAsker: Context.Reference<Asker | undefined> = Context.Reference<Asker | undefined>(
  "@fermata/agent/DailyBudget",
  { defaultValue: () => undefined }
)

/** Fails the body of a call for which the day has no room, before that has asked anybody. */
export const check = ({ key, refused }: Step.StepContext): Effect.Effect<void, DayFull> =>
  Effect.flatMap(CurrentAsker, (asker) =>
    refused === undefined || asker === undefined
      ? Effect.void
      : Effect.fail(new DayFull({ ...refused, ...asker, step: key })))

/** What a call is held to. */
interface Held extends Pick<Setup, "onBudget"> {
  readonly agent: string
  readonly dailyBudget: Amount | undefined
}

/**
 * Asks for a call by a step, as often as it takes until the day has room for it,
 * or once where the run is to end rather than wait for that. A call that was
 * refused may have been in flight before, in a process that is gone, so it is
 * asked for under the key that it had then.
 */
export const asked = <A, E, R>(
  { agent, dailyBudget, onBudget }: Held,
  ask: Effect.Effect<A, E | DayFull, R>
): Effect.Effect<A, E | DayFull, R | Engine | WorkflowInstance> =>
  Effect.gen(function*() {
    let first: string | undefined
    for (let looks = 0;; looks++) {
      const limit = yield* Budgeting.limitOf(dailyBudget)
      const raises = yield* Workflows.raises
      const result = yield* ask.pipe(
        Effect.provideService(Step.DayLimit, limit),
        Effect.provideService(Step.InPlaceOf, first),
        Effect.provideService(CurrentAsker, { agent, raises }),
        Effect.result
      )
      if (Result.isSuccess(result)) return result.success
      const { failure } = result
      if (!(failure instanceof DayFull) || onBudget === "finish") return yield* Effect.fail(failure)
      first ??= failure.step
      yield* awaitRoom(failure, looks)
    }
  })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/**
 * Waits, suspended as `budget`: for the next day that has room, or, while it is
 * calls in flight that leave too little, for a time that doubles with each of the
 * `looks` before; and in either case no longer than until somebody raises the
 * budget of a day, or of the run. A raise that the run was told of while the call
 * was refused is one that it need not wait for.
 */
const awaitRoom = (full: DayFull, looks: number): Effect.Effect<void, never, Engine | WorkflowInstance> =>
  Effect.gen(function*() {
    if (full.raises !== undefined && full.raises !== (yield* Workflows.raises)) return
    const { day, limit, message: detail, nextBegin: next } = full
    const now = yield* Clock.currentTimeMillis
    const look = full.isSpent ? undefined : now + Math.min(firstLookMs * 2 ** looks, lastLookMs)
    const until = look === undefined ? next : Math.min(look, next ?? Infinity)
    if (until === undefined) yield* Workflows.awaitBudget(limit, { day, detail })
    else if (until > now) yield* Workflows.awaitBudget(limit, { day, until, detail })
  })

const firstLookMs = 15_000
const lastLookMs = 1_800_000
