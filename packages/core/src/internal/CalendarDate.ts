/** Dates of the calendar by the number of their day. */

/** Year, month and day of the proleptic Gregorian calendar, by days since 1970-01-01. A year of its cycle begins in March, so that a leap day is its last. */
export const dateOf = (days: number): readonly [year: number, month: number, date: number] => {
  const since = days + 719_468
  const cycle = Math.floor(since / 146_097)
  const inCycle = since - cycle * 146_097
  const years = Math.floor(
    (inCycle - Math.floor(inCycle / 1_460) + Math.floor(inCycle / 36_524) - Math.floor(inCycle / 146_096)) / 365
  )
  const inYear = inCycle - (365 * years + Math.floor(years / 4) - Math.floor(years / 100))
  const months = Math.floor((5 * inYear + 2) / 153)
  const month = months < 10 ? months + 3 : months - 9
  return [
    years + cycle * 400 + (month <= 2 ? 1 : 0),
    month,
    inYear - Math.floor((153 * months + 2) / 5) + 1
  ]
}

/** The day of the week of a day since 1970-01-01: 0 for Sunday. */
export const weekdayOf = (days: number): number => (((days + 4) % 7) + 7) % 7
