/** Slopes with their intervals, and quantiles. */

/** A value at a time. */
export interface Point {
  /** In minutes. */
  readonly at: number
  readonly value: number
}

/** How fast a value grows, by the minute, with the 95 % interval of that; `level` is its mean. */
export interface Slope {
  readonly perMinute: number
  readonly low: number
  readonly high: number
  readonly level: number
  readonly points: number
}

/** How many means a line is laid through at most: what lies next to each other is alike, and would make an interval too narrow. */
const mostMeans = 24

/** The line through the means of equal parts of the time. Undefined for fewer than four parts that have points. */
export const slope = (points: ReadonlyArray<Point>): Slope | undefined => {
  const means = meansOf(points, Math.min(mostMeans, Math.floor(points.length / 2)))
  const count = means.length
  if (count < 4) return undefined
  const x = mean(means.map(({ at }) => at))
  const y = mean(means.map(({ value }) => value))
  const spread = sum(means.map(({ at }) => (at - x) ** 2))
  if (spread === 0) return undefined
  const perMinute = sum(means.map(({ at, value }) => (at - x) * (value - y))) / spread
  const rest = sum(means.map(({ at, value }) => (value - y - perMinute * (at - x)) ** 2)) / (count - 2)
  const half = student(count - 2) * Math.sqrt(rest / spread)
  return { perMinute, low: perMinute - half, high: perMinute + half, level: y, points: points.length }
}

/** The value below which so great a part of these lies; NaN of none. */
export const quantile = (values: ReadonlyArray<number>, part: number): number => {
  const sorted = [...values].sort((one, other) => one - other)
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? Number.NaN
}

/** The mean; NaN of none. */
export const mean = (values: ReadonlyArray<number>): number => sum(values) / values.length

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const sum = (values: ReadonlyArray<number>): number => values.reduce((total, value) => total + value, 0)

const meansOf = (points: ReadonlyArray<Point>, parts: number): ReadonlyArray<Point> => {
  if (points.length === 0 || parts < 1) return []
  const times = points.map(({ at }) => at)
  const [from, to] = [Math.min(...times), Math.max(...times)]
  const width = (to - from) / parts || 1
  const groups = Map.groupBy(points, ({ at }) => Math.min(parts - 1, Math.floor((at - from) / width)))
  return [...groups.values()].map((group) => ({
    at: mean(group.map(({ at }) => at)),
    value: mean(group.map(({ value }) => value))
  }))
}

/** The 97.5 % quantile of Student's distribution, for so many degrees of freedom. */
const student = (freedom: number): number => table[freedom - 1] ?? 1.96 + 2.4 / freedom

const table = [
  12.706,
  4.303,
  3.182,
  2.776,
  2.571,
  2.447,
  2.365,
  2.306,
  2.262,
  2.228,
  2.201,
  2.179,
  2.160,
  2.145,
  2.131,
  2.120,
  2.110,
  2.101,
  2.093,
  2.086,
  2.080,
  2.074,
  2.069,
  2.064,
  2.060,
  2.056,
  2.052,
  2.048,
  2.045,
  2.042
]
