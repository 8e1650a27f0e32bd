/** Which slots of a schedule are due, and which were missed. Pure; times are ms since the epoch. */
import { defaultWindowMs, type ScheduleOptions } from "@fermata/core/Schedule"
import * as ScheduleTime from "@fermata/core/ScheduleTime"
import * as TimeText from "@fermata/core/TimeText"

/** What is due at a time. */
export interface Due {
  /** The slots that are fired now, in order; at most `page`. */
  readonly slots: ReadonlyArray<number>
  /** How many passed and are not fired. */
  readonly missed: number
  /** The last slot that passed and is not fired, where none is fired, and why. */
  readonly skipped: { readonly slot: number; readonly problem: string } | undefined
  /** The next slot behind those; null where none comes. */
  readonly next: number | null
}

/** How many slots are fired in one transaction. */
export const page = 100

/** What is due of the slots from `first` on; undefined where nothing is. */
export const of = (name: string, options: ScheduleOptions, first: number, now: number): Due | undefined => {
  const passed = passedOf(name, options, first, now)
  if (passed === undefined) return undefined
  const { count, last } = passed
  const { catchUp = "coalesce", spec } = options
  const windowMs = options.windowMs ?? defaultWindowMs[catchUp]
  const isLate = windowMs !== undefined && ScheduleTime.fireAt(name, options, last) < now - windowMs
  const none = (next: number | null): Due => ({
    slots: [],
    missed: count,
    skipped: {
      slot: last,
      problem: `it came due ${TimeText.duration(now - last)} ago, and what is older than ${
        TimeText.duration(windowMs!)
      } is not caught up with`
    },
    next
  })
  if (isLate) return none(nextOf(options, last, now, catchUp === "coalesce" && count > 1))
  if (catchUp !== "all") {
    // An interval begins anew behind what was missed, so that what was late is not followed at once by what is next.
    const next = nextOf(options, last, now, catchUp === "coalesce" && count > 1 && "everyMs" in spec)
    return { slots: [last], missed: count - 1, skipped: undefined, next }
  }
  const kept = ScheduleTime.slotFrom(options, first, now - windowMs!) ?? last
  const slots = ScheduleTime.slots(options, kept, last, page)
  return {
    slots,
    missed: kept > first ? ScheduleTime.span(options, first, kept - 1).count : 0,
    skipped: undefined,
    next: ScheduleTime.slotAfter(options, slots.at(-1)!)
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** How many slots have come due, and the last of them. Only the last can have a time of firing that is yet to come. */
const passedOf = (name: string, options: ScheduleOptions, first: number, now: number) => {
  const passed = ScheduleTime.span(options, first, now)
  if (passed.count === 0) return undefined
  if (ScheduleTime.fireAt(name, options, passed.last) <= now) return passed
  const before = ScheduleTime.span(options, first, passed.last - 1)
  return before.count === 0 ? undefined : before
}

const nextOf = (options: ScheduleOptions, last: number, now: number, isAnew: boolean): number | null =>
  isAnew && "everyMs" in options.spec
    ? ScheduleTime.slotFrom(options, now + options.spec.everyMs, now)
    : ScheduleTime.slotAfter(options, last)
