/**
 * The slots of a schedule: pure, by what is said of it and when that was said.
 * Times are ms since the epoch.
 */
import * as Result from "effect/Result"
import * as CronText from "./CronText.ts"
import * as DurableTime from "./DurableTime.ts"
import type { ScheduleOptions } from "./Schedule.ts"

/** What says which slots there are. */
export type Timing = Pick<ScheduleOptions, "delayMs" | "endAt" | "jitterMs" | "spec" | "startAt">

/** Why no schedule can have these times; undefined where it can. `since` is when they are said. */
export const problemOf = (timing: Timing, since: number): string | undefined => {
  const { delayMs, endAt, jitterMs, spec, startAt } = timing
  if ("cron" in spec) {
    const read = CronText.read(spec.cron, spec.zone ?? "UTC")
    if (Result.isFailure(read)) return read.failure
  }
  if (startAt !== undefined && delayMs !== undefined) {
    return "both startAt and delayMs say when it begins; give one of them"
  }
  for (const [name, time] of [["startAt", startAt], ["endAt", endAt]] as const) {
    if (time !== undefined && (time < 0 || time > DurableTime.latest)) {
      return `${name} is ${time}; give a time between 1970 and 9999, in ms since the epoch`
    }
  }
  if (startAt !== undefined && endAt !== undefined && endAt < startAt) return "it ends before it begins"
  if ("everyMs" in spec && jitterMs !== undefined && jitterMs > spec.everyMs) {
    return `jitterMs is ${jitterMs}, and the interval only ${spec.everyMs}; give no more than that`
  }
  if (firstSlot({ ...timing, endAt: undefined }, since) === null) {
    return `the cron expression "${(spec as { readonly cron: string }).cron}" has no date on which it comes`
  }
  return undefined
}

/** The first slot of a schedule whose times were said at `since`; null where it has none. */
export const firstSlot = (timing: OpenTiming, since: number): number | null => {
  const { delayMs, spec, startAt } = timing
  if ("everyMs" in spec) {
    const begins = startAt ?? since + (delayMs ?? spec.everyMs)
    const behind = Math.max(0, Math.ceil((since - begins) / spec.everyMs))
    return within(timing, begins + behind * spec.everyMs)
  }
  return slotAfter(timing, Math.max(since, (startAt ?? since + (delayMs ?? 0)) - 1))
}

/** The slot behind this one; null where it was the last. */
export const slotAfter = (timing: OpenTiming, slot: number): number | null => {
  const { spec } = timing
  return within(timing, "everyMs" in spec ? slot + spec.everyMs : timesOf(spec).next(slot))
}

/** The slots from `first` up to `until`, at most `limit`. */
export const slots = (
  timing: OpenTiming,
  first: number | null,
  until: number,
  limit: number
): ReadonlyArray<number> => {
  const found: Array<number> = []
  for (let slot = first; slot !== null && slot <= until && found.length < limit; slot = slotAfter(timing, slot)) {
    found.push(slot)
  }
  return found
}

/** How many slots there are from `first` up to `until`, and which is the last of them. */
export const span = (
  timing: OpenTiming,
  first: number,
  until: number
): { readonly count: number; readonly last: number } => {
  const { endAt, spec } = timing
  const end = Math.min(until, endAt ?? Infinity)
  if (end < first) return { count: 0, last: first }
  if ("everyMs" in spec) {
    const behind = Math.floor((end - first) / spec.everyMs)
    return { count: behind + 1, last: first + behind * spec.everyMs }
  }
  const { count, last } = timesOf(spec).span(first, end)
  return { count: count + 1, last }
}

/** The first slot from `first` on that comes at `from` or later, without a look at those between. */
export const slotFrom = (timing: OpenTiming, first: number, from: number): number | null => {
  if (first >= from) return within(timing, first)
  const { spec } = timing
  return within(
    timing,
    "everyMs" in spec
      ? first + Math.ceil((from - first) / spec.everyMs) * spec.everyMs
      : timesOf(spec).next(from - 1)
  )
}

/** The first time behind this one of all that a schedule names, and not only of those from its beginning on; `anchor` is one of them. */
export const slotBehind = (spec: Timing["spec"], anchor: number, after: number): number | null =>
  "everyMs" in spec
    ? anchor + (Math.floor((after - anchor) / spec.everyMs) + 1) * spec.everyMs
    : timesOf(spec).next(after)

/** When a slot is fired: later by up to `jitterMs`, always before the next slot, and always the same for a name and a slot. */
export const fireAt = (name: string, timing: OpenTiming, slot: number): number => {
  const { jitterMs = 0 } = timing
  if (jitterMs === 0) return slot
  const next = slotAfter({ spec: timing.spec }, slot)
  const room = Math.min(jitterMs, next === null ? jitterMs : next - slot - 1)
  return slot + Math.floor(chance(`${name}\u0000${slot}`) * (room + 1))
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

type OpenTiming = Omit<Timing, "endAt"> & { readonly endAt?: number | undefined }

const within = ({ endAt }: OpenTiming, slot: number | null): number | null =>
  slot === null || slot > Math.min(endAt ?? Infinity, DurableTime.latest) ? null : slot

const timesOf = ({ cron, zone = "UTC" }: { readonly cron: string; readonly zone?: string }): CronText.Times =>
  Result.getOrThrow(CronText.read(cron, zone))

/** A number from 0 up to 1 that follows from a text: FNV-1a, and then mixed so that texts that differ at their ends alone differ everywhere. */
const chance = (text: string): number => {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32
}
