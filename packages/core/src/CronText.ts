/**
 * Cron expressions of five fields, and the times that they name in a zone.
 *
 * `effect/Cron` reads the fields. Which instants they mean is said here, since
 * clocks are set: an expression whose hours are free follows the clock on the
 * wall, so that it holds at every minute that fits, also where an hour comes
 * twice. One that names hours means each of its times once a day: the first of
 * two, and where the clock jumps over a time, as long after the jump as that
 * lies behind it.
 */
import * as Cron from "effect/Cron"
import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import { dateOf, weekdayOf } from "./internal/CalendarDate.ts"

/** The names that stand for expressions, and what they stand for. */
export const macros: Readonly<Record<string, string>> = {
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
  "@monthly": "0 0 1 * *",
  "@weekly": "0 0 * * 0",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@hourly": "0 * * * *"
}

/** A cron expression in a zone, ready to be asked for times (ms since the epoch). */
export interface Times {
  /** The five fields, with macros put in words of numbers. */
  readonly text: string
  readonly cron: Cron.Cron
  /** The first time behind this one; null where there is none within 40 years. */
  readonly next: (after: number) => number | null
  /** How many times there are behind `after` and up to `until`, as far as 40 years, and the last of them; `after` where there are none. */
  readonly span: (after: number, until: number) => { readonly count: number; readonly last: number }
}

/**
 * Reads an expression in a zone of the IANA database, or an offset such as
 * `+02:00`. What is wrong with it is told as a sentence.
 */
export const read = (expression: string, zone: string): Result.Result<Times, string> => {
  const id = `${zone}\u0000${expression}`
  const known = readBefore.get(id)
  if (known !== undefined) return Result.succeed(known)
  return Result.map(parse(expression, zone), (times) => {
    if (readBefore.size >= mostKept) readBefore.clear()
    readBefore.set(id, times)
    return times
  })
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const mostKept = 500
/** What was read is the same whenever it is read, so this only saves work. */
const readBefore = new Map<string, Times>()

const dayMs = 86_400_000
/** Of no zone was the offset ever further from UTC than this. */
const furthestMs = 15 * 3_600_000
/** A 29 February on a certain day of the week comes after 40 years at the latest. */
const mostDays = 40 * 366

const longest = 200

const parse = (expression: string, zone: string): Result.Result<Times, string> => {
  const given = expression.trim()
  const quoted = `"${given.slice(0, longest)}"`
  const refuse = (problem: string) => Result.fail(`the cron expression ${quoted} is none: ${problem}`)
  const known = DateTime.zoneFromString(zone)
  if (Option.isNone(known)) {
    return Result.fail(
      `there is no time zone "${
        zone.slice(0, longest)
      }"; give one of the IANA database, such as Europe/Berlin, or an offset such as +02:00`
    )
  }
  if (given.length > longest) return refuse(`it has more than ${longest} characters`)
  if (/^(CRON_)?TZ=/i.test(given)) return refuse("the time zone is given beside it, as `zone`")
  const text = given.startsWith("@") ? macros[given.toLowerCase()] : given
  if (text === undefined) {
    return refuse(
      given.startsWith("@every")
        ? "give an interval, as `everyMs`, instead of @every"
        : given === "@reboot"
        ? "a schedule knows no start of a machine"
        : `the names that stand for one are ${Object.keys(macros).join(", ")}`
    )
  }
  const fields = text.split(/\s+/)
  if (fields.length === 6) {
    return refuse(
      "it has six fields; give five (minute, hour, day, month, weekday), or an interval for what comes within a minute"
    )
  }
  if (fields.length !== 5) {
    return refuse(
      `it has ${fields.length} field${fields.length === 1 ? "" : "s"}; give five: minute, hour, day, month, weekday`
    )
  }
  const foreign = fields.find((field, index) => /[?#]|^[LWH]|\dL|\dW|L-/i.test(field) && !isNamed(field, index))
  if (foreign !== undefined) {
    return refuse(`"${foreign}" is of another kind of cron; a field has numbers, names, *, and - , / between them`)
  }
  for (const [index, field] of fields.entries()) {
    const alone = fields.map((_, other) => other === index ? field : "*").join(" ")
    const read = Cron.parse(alone, known.value)
    if (Result.isFailure(read)) {
      return refuse(`its ${names[index]} "${field}" cannot be: ${lowered(read.failure.message)}`)
    }
  }
  const read = Cron.parse(text, known.value)
  if (Result.isFailure(read)) return refuse(lowered(read.failure.message))
  return Result.succeed(timesOf(fields.join(" "), read.success, known.value))
}

const names = ["minute", "hour", "day of the month", "month", "weekday"] as const

/** Whether the letters of a field are names of months or days of the week. */
const isNamed = (field: string, index: number): boolean =>
  index >= 3 && field.split(/[,/-]/).every((part) => /^(\d+|\*|[A-Za-z]{3})$/.test(part)) && /[A-Za-z]/.test(field)

const lowered = (message: string): string => message.charAt(0).toLowerCase() + message.slice(1)

const timesOf = (text: string, cron: Cron.Cron, zone: DateTime.TimeZone): Times => {
  const hours = cron.hours.size === 0 ? range(24) : [...cron.hours]
  const minutes = cron.minutes.size === 0 ? range(60) : [...cron.minutes]
  const isFree = hours.length === 24
  const [, , date = "*", , weekday = "*"] = text.split(" ")
  /** Where both are named, one of them is enough. */
  const isEither = !date.startsWith("*") && !weekday.startsWith("*")
  /** Times of a day, as ms since its midnight on the clock of the wall. */
  const walls = hours.flatMap((hour) => minutes.map((minute) => hour * 3_600_000 + minute * 60_000))

  const offsetAt = (at: number): number => DateTime.zonedOffset(DateTime.makeZonedUnsafe(at, { timeZone: zone }))

  const fits = (day: number): boolean => {
    const [, month, date] = dateOf(day)
    if (cron.months.size > 0 && !cron.months.has(month)) return false
    const isDay = cron.days.size === 0 || cron.days.has(date)
    const isWeekday = cron.weekdays.size === 0 || cron.weekdays.has(weekdayOf(day))
    return isEither ? isDay || isWeekday : isDay && isWeekday
  }

  /** The instants of a day of the calendar, in order. */
  const instantsOf = (day: number): ReadonlyArray<number> => {
    const midnight = day * dayMs
    const before = offsetAt(midnight - furthestMs)
    const after = offsetAt(midnight + dayMs + furthestMs)
    if (before === after) return walls.map((wall) => midnight + wall - before)
    const instants = new Set<number>()
    for (const wall of walls) {
      const local = midnight + wall
      const real = [local - before, local - after].filter((at) => offsetAt(at) === local - at).sort((a, b) => a - b)
      if (isFree) { for (const at of real) instants.add(at) }
      else instants.add(real[0] ?? local - before)
    }
    return [...instants].sort((a, b) => a - b)
  }

  const dayOf = (at: number): number => Math.floor((at + offsetAt(at)) / dayMs)

  const spanOf = (after: number, until: number) => {
    const first = dayOf(after)
    let count = 0
    let last = after
    for (let day = first - 1, end = Math.min(dayOf(until) + 1, first + mostDays); day <= end; day++) {
      if (!fits(day)) continue
      for (const at of instantsOf(day)) {
        if (at <= last || at > until) continue
        last = at
        count++
      }
    }
    return { count, last }
  }

  return {
    text,
    cron,
    next: (after) => {
      const first = dayOf(after)
      let found: number | null = null
      // Where a day is left out of the calendar, its times come on the day after it.
      for (let day = first - 1, last = first + mostDays; day <= last; day++) {
        if (!fits(day)) continue
        const next = instantsOf(day).find((at) => at > after)
        if (next === undefined) continue
        if (found === null) last = day + 1
        found = found === null ? next : Math.min(found, next)
      }
      return found
    },
    span: spanOf
  }
}

const range = (length: number): ReadonlyArray<number> => Array.from({ length }, (_, index) => index)
