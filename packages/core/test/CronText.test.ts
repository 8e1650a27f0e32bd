import { assert, describe, it } from "@effect/vitest"
import { CronText } from "@fermata/core"
import { Cron, Result } from "effect"

const minute = 60_000
const hour = 60 * minute
const at = (iso: string): number => Date.parse(iso)
const iso = (time: number | null): string | null => time === null ? null : new Date(time).toISOString().slice(0, 16)

const times = (expression: string, zone = "UTC"): CronText.Times => Result.getOrThrow(CronText.read(expression, zone))

const some = (expression: string, zone: string, after: string, count: number) => {
  const found: Array<string | null> = []
  for (let time: number | null = at(after); time !== null && found.length < count;) {
    time = times(expression, zone).next(time)
    found.push(iso(time))
  }
  return found
}

const refusal = (expression: string, zone = "UTC"): string => {
  const read = CronText.read(expression, zone)
  assert.isTrue(Result.isFailure(read), `${expression} was read`)
  return Result.isFailure(read) ? read.failure : ""
}

interface Wall {
  readonly minute: number
  readonly hour: number
  readonly date: number
  readonly month: number
  readonly weekday: number
}

/** Expressions, and the same said once more in code. */
const expressions: ReadonlyArray<readonly [expression: string, isFree: boolean, fits: (wall: Wall) => boolean]> = [
  ["0 * * * *", true, ({ minute }) => minute === 0],
  ["*/30 * * * *", true, ({ minute }) => minute % 30 === 0],
  ["7,52 0-23 * * *", true, ({ minute }) => minute === 7 || minute === 52],
  ["30 2 * * *", false, ({ hour, minute }) => hour === 2 && minute === 30],
  ["*/20 0-3 * * *", false, ({ hour, minute }) => hour <= 3 && minute % 20 === 0],
  ["15 */2 * * 0", false, ({ hour, minute, weekday }) => minute === 15 && hour % 2 === 0 && weekday === 0],
  [
    "45 1,23 1,25 * SAT",
    false,
    ({ date, hour, minute, weekday }) =>
      minute === 45 && (hour === 1 || hour === 23) && (date === 1 || date === 25 || weekday === 6)
  ],
  ["0 0 * 3,10 *", false, ({ hour, minute, month }) => hour === 0 && minute === 0 && (month === 3 || month === 10)]
]

const zones = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Africa/Casablanca"]

/** ms by which clocks in a zone are before UTC, by what `Intl` says of the time. */
const offsets = (zone: string) => {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone: zone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric"
  })
  return (time: number): number => {
    const part = Object.fromEntries(format.formatToParts(time).map(({ type, value }) => [type, Number(value)]))
    return Date.UTC(part["year"]!, part["month"]! - 1, part["day"]!, part["hour"], part["minute"]) - time
  }
}

const isLong = process.env["FERMATA_LONG"] !== undefined

/** Spans to be walked: ten years, or the days around each change of the clock in one of them. */
const spansOf = (zone: string): ReadonlyArray<readonly [from: number, until: number]> => {
  if (isLong) return [[at("2021-01-01T00:00Z"), at("2031-01-01T00:00Z")]]
  const [from, until] = [at("2026-01-01T00:00Z"), at("2027-01-01T00:00Z")]
  const offset = offsets(zone)
  const spans: Array<readonly [number, number]> = []
  for (let day = from; day < until; day += 24 * hour) {
    if (offset(day) !== offset(day + 24 * hour)) spans.push([day - 24 * hour, day + 72 * hour])
  }
  return spans
}

/** Every minute of a span that fits, found by walking through all of them. */
const walk = (zone: string, from: number, until: number) => {
  const offset = offsets(zone)
  const found = expressions.map(() => new Set<number>())
  const look = (local: number, instant: number, isRepeated: boolean, isSkipped: boolean) => {
    const date = new Date(local)
    const wall: Wall = {
      minute: date.getUTCMinutes(),
      hour: date.getUTCHours(),
      date: date.getUTCDate(),
      month: date.getUTCMonth() + 1,
      weekday: date.getUTCDay()
    }
    for (const [index, [, isFree, fits]] of expressions.entries()) {
      if (isFree ? isSkipped : isRepeated) continue
      if (instant > from && instant <= until && fits(wall)) found[index]!.add(instant)
    }
  }
  // Begins early, so that it knows which times of a day have been before.
  let latest = -Infinity
  let before = 0
  let now = 0
  for (let time = from - 26 * hour; time <= until + 26 * hour; time += minute) {
    // Clocks are set at quarters of an hour.
    if (time % (15 * minute) === 0 || before === 0) now = offset(time)
    const local = time + now
    for (let skipped = latest + minute; Number.isFinite(latest) && skipped < local; skipped += minute) {
      look(skipped, skipped - before, false, true)
    }
    look(local, time, local <= latest, false)
    latest = Math.max(latest, local)
    before = now
  }
  return found.map((instants) => [...instants].sort((a, b) => a - b))
}

describe("CronText", () => {
  for (const zone of zones) {
    it(`in ${zone} gives exactly the minutes that a walk through ten years finds`, () => {
      const spans = spansOf(zone)
      assert.isAbove(spans.length, 0)
      for (const [from, until] of spans) {
        const walked = walk(zone, from, until)
        for (const [index, [expression]] of expressions.entries()) {
          const { next, span } = times(expression, zone)
          const found: Array<number> = []
          for (let time = next(from); time !== null && time <= until; time = next(time)) found.push(time)
          const label = `${expression} from ${iso(from)}`
          assert.deepStrictEqual(found.map(iso), walked[index]!.map(iso), label)
          assert.deepStrictEqual(span(from, until), { count: found.length, last: found.at(-1) ?? from }, label)
        }
      }
    }, isLong ? 600_000 : 60_000)
  }

  it("an hour that comes twice is fired twice where hours are free, and a time that is named once", () => {
    assert.deepStrictEqual(some("0 * * * *", "Europe/Berlin", "2026-10-24T23:30Z", 3), [
      "2026-10-25T00:00",
      "2026-10-25T01:00",
      "2026-10-25T02:00"
    ])
    assert.deepStrictEqual(some("30 2 * * *", "Europe/Berlin", "2026-10-24T23:30Z", 2), [
      "2026-10-25T00:30",
      "2026-10-26T01:30"
    ])
    // What the field reader alone would say.
    const alone = Cron.parseUnsafe("0 * * * *", "Europe/Berlin")
    assert.strictEqual(Cron.next(alone, "2026-10-25T00:00:00Z").toISOString(), "2026-10-25T02:00:00.000Z")
  })

  it("a time that the clock jumps over comes as long after the jump, once", () => {
    assert.deepStrictEqual(some("30 2 * * *", "Europe/Berlin", "2026-03-28T02:00Z", 2), [
      "2026-03-29T01:30",
      "2026-03-30T00:30"
    ])
    // Half an hour in Lord Howe: 02:00 is 02:30.
    assert.deepStrictEqual(some("0 2 * * *", "Australia/Lord_Howe", "2026-10-02T23:30Z", 2), [
      "2026-10-03T15:30",
      "2026-10-04T15:00"
    ])
    // A whole day in Samoa.
    assert.deepStrictEqual(some("0 12 * * *", "Pacific/Apia", "2011-12-28T23:30Z", 3), [
      "2011-12-29T22:00",
      "2011-12-30T22:00",
      "2011-12-31T22:00"
    ])
  })

  it("macros stand for the expressions that they are known for", () => {
    for (const [macro, expression] of Object.entries(CronText.macros)) {
      assert.strictEqual(times(macro).text, expression)
    }
    assert.strictEqual(times("@Daily").text, "0 0 * * *")
  })

  it("names of months and days, lists, ranges and steps are read; a day of the month or of the week is either", () => {
    assert.deepStrictEqual(some("0 12 * JUL MON-FRI", "UTC", "2026-07-03T13:00Z", 2), [
      "2026-07-06T12:00",
      "2026-07-07T12:00"
    ])
    assert.deepStrictEqual(some("0 0 13 * 5", "UTC", "2026-02-06T01:00Z", 3), [
      "2026-02-13T00:00",
      "2026-02-20T00:00",
      "2026-02-27T00:00"
    ])
    assert.deepStrictEqual(some("0 0 29 2 *", "UTC", "2026-01-01T00:00Z", 2), ["2028-02-29T00:00", "2032-02-29T00:00"])
    assert.deepStrictEqual(some("0 0 29 2 *", "UTC", "2097-01-01T00:00Z", 1), ["2104-02-29T00:00"])
  })

  it("what has no date has no next time", () => {
    for (const expression of ["0 0 31 2 *", "0 0 30 2 *", "0 0 31 4,6,9,11 *"]) {
      assert.isNull(times(expression).next(at("2026-01-01T00:00Z")))
    }
  })

  it("what is no expression is refused in a sentence that says what would be right", () => {
    const cases: ReadonlyArray<readonly [string, RegExp]> = [
      ["* * * * * *", /six fields; give five .*interval/],
      ["* * * *", /4 fields; give five: minute, hour/],
      ["", /1 field; give five/],
      ["@reboot", /knows no start of a machine/],
      ["@every 5m", /give an interval, as `everyMs`/],
      ["@fortnightly", /are @yearly, .*@hourly/],
      ["0 0 L * *", /"L" is of another kind of cron/],
      ["0 0 15W * *", /"15W" is of another kind of cron/],
      ["0 0 * * 5#3", /"5#3" is of another kind of cron/],
      ["0 0 * * 5L", /"5L" is of another kind of cron/],
      ["0 0 ? * *", /"\?" is of another kind of cron/],
      ["H * * * *", /"H" is of another kind of cron/],
      ["61 * * * *", /its minute "61" cannot be: expected a value between 0 and 59/],
      ["0 24 * * *", /its hour "24"/],
      ["0 0 0 * *", /its day of the month "0"/],
      ["0 0 * 13 *", /its month "13"/],
      ["0 0 * * FRI-MON", /its weekday "FRI-MON" cannot be/],
      ["*/0 * * * *", /its minute "\*\/0"/],
      ["TZ=Europe/Berlin 0 0 * * *", /given beside it, as `zone`/],
      ["x".repeat(300), /more than 200 characters/]
    ]
    for (const [expression, expected] of cases) assert.match(refusal(expression), expected)
    assert.match(refusal("0 0 * * *", "Europe/Bonn"), /no time zone "Europe\/Bonn"; give one of the IANA database/)
    assert.strictEqual(times("0 0 * * *", "+05:45").next(at("2026-01-01T00:00Z")), at("2026-01-01T18:15Z"))
  })
})
