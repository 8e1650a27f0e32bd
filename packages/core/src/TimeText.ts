/**
 * Times and lengths of time for people. Times are ms since the epoch, in UTC.
 */
import { dateOf } from "./internal/CalendarDate.ts"

const units = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1_000]
] as const

/** A length of time (ms) in its two largest units; below a minute in seconds, below a second in milliseconds. */
export const duration = (millis: number): string => {
  const rounded = Math.max(0, Math.round(millis))
  if (rounded < 1_000) return `${rounded} ms`
  if (rounded < 60_000) return `${(rounded / 1_000).toFixed(1)} s`
  const index = units.findIndex(([, size]) => rounded >= size)
  const [unit, size] = units[index]!
  const count = Math.floor(rounded / size)
  const [nextUnit, nextSize] = units[index + 1]!
  const rest = Math.floor((rounded - count * size) / nextSize)
  return rest === 0 ? `${count} ${unit}` : `${count} ${unit} ${rest} ${nextUnit}`
}

/** A time as `2026-03-01 12:30:00Z`. */
export const time = (millis: number): string => iso(millis).replace("T", " ").replace(/\.\d+Z$/, "Z")

/** A time as ISO 8601 with milliseconds; one that no calendar has, as its number. */
export const iso = (millis: number): string => {
  if (!(Math.abs(millis) <= latest)) return `${millis} ms since 1970`
  const whole = Math.trunc(millis)
  const days = Math.floor(whole / day)
  const [year, month, date] = dateOf(days)
  const left = whole - days * day
  const part = (size: number, count: number, digits = 2) => padded(Math.floor(left / size) % count, digits)
  return `${yearText(year)}-${padded(month)}-${padded(date)}T${part(3_600_000, 24)}:${part(60_000, 60)}:${
    part(1_000, 60)
  }.${part(1, 1_000, 3)}Z`
}

/** How far a time is from now: `in 2 h` or `5 s ago`. */
export const fromNow = (millis: number, now: number): string =>
  millis >= now ? `in ${duration(millis - now)}` : `${duration(now - millis)} ago`

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const day = 86_400_000
/** The last time that ECMAScript has (20.4.1.1). */
const latest = 8.64e15

const padded = (number: number, digits = 2): string => String(number).padStart(digits, "0")

const yearText = (year: number): string =>
  year >= 0 && year <= 9_999 ? padded(year, 4) : `${year < 0 ? "-" : "+"}${padded(Math.abs(year), 6)}`
