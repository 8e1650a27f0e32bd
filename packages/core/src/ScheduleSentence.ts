/** A schedule in words, for people. Times are ms since the epoch. */
import * as Result from "effect/Result"
import * as CronText from "./CronText.ts"
import type { ScheduleSpec, ScheduleView } from "./Schedule.ts"
import * as TimeText from "./TimeText.ts"

/** When a schedule fires: `every 5 min 5 s`, `at 02:30 every day (Europe/Berlin)`. */
export const ofSpec = (spec: ScheduleSpec): string => {
  if ("everyMs" in spec) return `every ${lengthOf(spec.everyMs)}`
  const { cron, zone = "UTC" } = spec
  const read = CronText.read(cron, zone)
  return Result.isFailure(read) ? `by cron ${cron} (${zone})` : `${cronWords(read.success.text)} (${zone})`
}

/** When it fires, and how it stands: what comes next, what holds it up, and what was missed. `now` is the time at which it is told. */
export const of = (
  view: Pick<
    ScheduleView,
    "backfills" | "buffered" | "endAt" | "missed" | "nextAt" | "nextSlot" | "paused" | "problem" | "running" | "spec"
  >,
  now: number
): string => {
  const { backfills, buffered, missed, nextAt, nextSlot, paused, problem, running } = view
  const parts = [ofSpec(view.spec)]
  if (paused) parts.push("paused, so nothing is fired until it is resumed")
  else if (nextAt === undefined || nextSlot === undefined) parts.push("no further time comes")
  else parts.push(`next ${TimeText.fromNow(Math.max(nextAt, now), now)}, at ${TimeText.time(nextSlot)}`)
  if (running.length > 0) {
    parts.push(running.length === 1 ? `run ${running[0]} goes on` : `${running.length} runs go on`)
  }
  if (buffered.length > 0) parts.push(`${counted(buffered.length, "slot waits", "slots wait")} for that to end`)
  if (backfills.length > 0) parts.push(`it is filled back up to ${TimeText.time(backfills.at(-1)!.until)}`)
  if (missed > 0) parts.push(`${counted(missed, "slot was", "slots were")} missed`)
  if (problem !== undefined) parts.push(`the last slot started nothing: ${problem}`)
  return parts.join("; ")
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const counted = (count: number, one: string, many: string): string => `${count} ${count === 1 ? one : many}`

const units = [["d", 86_400_000], ["h", 3_600_000], ["min", 60_000], ["s", 1_000], ["ms", 1]] as const

/** A length in all its units, since nothing of it may be left out here. */
const lengthOf = (millis: number): string => {
  const parts: Array<string> = []
  let left = millis
  for (const [unit, size] of units) {
    const count = Math.floor(left / size)
    if (count > 0) parts.push(`${count} ${unit}`)
    left -= count * size
  }
  return parts.join(" ")
}

const cronWords = (text: string): string => {
  const [minute = "*", hour = "*", date = "*", month = "*", weekday = "*"] = text.split(" ")
  const time = timeWords(minute, hour)
  const day = dayWords(date, month, weekday)
  return time === undefined || day === undefined ? `by cron ${text}` : `${time} ${day}`.trim()
}

const padded = (number: string): string => number.padStart(2, "0")
const isNumber = (field: string): boolean => /^\d+$/.test(field)
const isList = (field: string): boolean => /^\d+(,\d+)*$/.test(field)

const timeWords = (minute: string, hour: string): string | undefined => {
  if (isNumber(minute) && isList(hour)) {
    return `at ${listed(hour.split(",").map((one) => `${padded(one)}:${padded(minute)}`))}`
  }
  const step = /^\*\/(\d+)$/.exec(minute)?.[1]
  const every = minute === "*" ? "every minute" : step === undefined ? undefined : `every ${step} minutes`
  if (hour === "*") {
    return every ?? (isList(minute) ? `every hour at minute ${listed(minute.split(","))}` : undefined)
  }
  const [, from, to] = /^(\d+)-(\d+)$/.exec(hour) ?? []
  if (from === undefined || to === undefined) return undefined
  const hours = `from ${padded(from)}:00 to ${padded(to)}:59`
  return every === undefined
    ? isNumber(minute) ? `every hour at minute ${minute} ${hours}` : undefined
    : `${every} ${hours}`
}

const dayNames = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
const monthNames = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December"
]

const dayWords = (date: string, month: string, weekday: string): string | undefined => {
  const months = month === "*" ? "" : named(month, monthNames, 1)
  const weekdays = weekday === "*" ? "" : named(weekday, dayNames, 0)
  if (months === undefined || weekdays === undefined || (date !== "*" && (!isList(date) || weekday !== "*"))) {
    return undefined
  }
  const days = weekdays !== ""
    ? `on ${weekdays}`
    : date !== "*"
    ? `on day ${listed(date.split(","))}${months === "" ? " of every month" : ""}`
    : "every day"
  return months === "" ? days : `${days} ${date === "*" ? "in" : "of"} ${months}`
}

/** The names of a field of numbers, names or one range of them. */
const named = (field: string, names: ReadonlyArray<string>, first: number): string | undefined => {
  const nameOf = (one: string): string | undefined =>
    isNumber(one)
      ? names[(Number(one) - first) % names.length]
      : names.find((name) => name.slice(0, 3).toLowerCase() === one.toLowerCase())
  const range = field.split("-")
  const parts = (range.length === 2 ? range : field.split(",")).map(nameOf)
  return parts.some((part) => part === undefined)
    ? undefined
    : range.length === 2
    ? parts.join(" to ")
    : listed(parts as ReadonlyArray<string>)
}

const listed = (items: ReadonlyArray<string>): string =>
  items.length < 2 ? items.join("") : `${items.slice(0, -1).join(", ")} and ${items.at(-1)}`
