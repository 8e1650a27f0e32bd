/**
 * Times and numbers for people.
 */
import * as DateTime from "effect/DateTime"

const units = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1_000]
] as const

/** A length of time in its two largest units; below a minute in seconds, below a second in milliseconds. */
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
export const iso = (millis: number): string =>
  Math.abs(millis) <= 8.64e15 ? DateTime.formatIso(DateTime.makeUnsafe(millis)) : `${millis} ms since 1970`

/** How far a time is from now: `in 2 h` or `5 s ago`. */
export const fromNow = (millis: number, now: number): string =>
  millis >= now ? `in ${duration(millis - now)}` : `${duration(now - millis)} ago`

/** A number with its noun: `1 run`, `2 runs`. */
export const count = (number: number, noun: string, plural = `${noun}s`): string =>
  `${number} ${number === 1 ? noun : plural}`

/** Names in one line: `a, b and c`. */
export const list = (names: ReadonlyArray<string>): string =>
  names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`

/** The version of a workflow behind its name. */
export const definition = (run: { readonly workflow: string; readonly version: string }): string =>
  `${run.workflow}@${run.version}`

/** A number of bytes. */
export const bytes = (size: number): string =>
  size < 1024
    ? `${size} B`
    : size < 1024 ** 2
    ? `${(size / 1024).toFixed(1)} KiB`
    : size < 1024 ** 3
    ? `${(size / 1024 ** 2).toFixed(1)} MiB`
    : `${(size / 1024 ** 3).toFixed(2)} GiB`

/** So many characters tell these ids apart, with some to spare for runs that come later. */
export const shortest = (ids: ReadonlyArray<string>): number => {
  const longest = Math.max(...ids.map(({ length }) => length))
  for (let length = 8; length < longest; length += 2) {
    if (new Set(ids.map((id) => id.slice(0, length))).size === ids.length) return length
  }
  return longest
}
