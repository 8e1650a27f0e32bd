/** What a soak has found, as tables for people, one plot, and JSON. */
import type { Audited } from "../audit/Audit.ts"
import type { Ended } from "./Cast.ts"
import { type Files, mebibytes, points, takenBy } from "./Measures.ts"
import { type Panel, plot } from "./Plot.ts"
import { mean, type Point, quantile, type Slope, slope } from "./Statistics.ts"

/** What a soak was, and what came of it. */
export interface Soaked {
  readonly seed: number
  readonly load: number
  readonly minutes: number
  readonly roundMs: number
  readonly folder: string
  /** The command that repeats it. */
  readonly again: string
  /** ms since the epoch. */
  readonly beganAt: number
  readonly rounds: ReadonlyArray<Audited>
  readonly files: ReadonlyArray<Files>
  readonly ended: ReadonlyArray<Ended>
  /** Lives that nobody ended, by the names of their roles. */
  readonly steady: Readonly<Record<string, string>>
  readonly problems: ReadonlyArray<string>
}

/** The report in all its forms. */
export interface Reported {
  readonly page: string
  readonly plot: string
  readonly json: object
  /** Figures that grow for certain, and so much that it matters; they count from an hour on. */
  readonly rising: ReadonlyArray<string>
}

/** From so many minutes on a figure that rises is a fault: before that, processes still warm up. */
export const decisiveMinutes = 60

/** A figure rises where the low end of its slope, over the time that was looked at, is more than this part of its mean. */
const matters = 0.05

export const report = (soaked: Soaked): Reported => {
  const { beganAt, ended, files, minutes, rounds } = soaked
  const figures = figuresOf(soaked)
  const quarter = minutes / 4
  const slopes = Object.entries(figures).flatMap(([name, { points, steady }]) => {
    const found = slope(points.filter(({ at }) => at >= quarter))
    return found === undefined ? [] : [{ name, steady, ...found }]
  })
  const rising = slopes.filter((line) => line.steady && isRising(line, minutes - quarter)).map(({ name }) => name)
  const operations = total(rounds, ({ history }) => history.operations)
  const calls = latencies(rounds)
  const page = [
    `# A soak of ${written(minutes)} minutes`,
    "",
    `Seed ${soaked.seed}, load ${soaked.load}: \`${soaked.again}\`.`,
    "",
    `${total(rounds, ({ runs }) => runs)} runs, ${operations} operations on ${
      total(rounds, ({ history }) => history.objects)
    } objects, of which ${
      total(rounds, ({ history }) => history.unknown)
    } without an answer; ${ended.length} processes were ended.`,
    "",
    ...soaked.problems.length === 0 ? ["The checker has found nothing."] : [
      `${soaked.problems.length} problems:`,
      "",
      ...soaked.problems.map((problem) => `- ${problem.replaceAll("\n", "\n  ")}`)
    ],
    "",
    "## Over time",
    "",
    ...table(periods(soaked, figures)),
    "",
    "## By call",
    "",
    ...table([
      ["call", "answers", "p50 ms", "p99 ms"],
      ...Object.entries(calls).sort().map(([call, values]) => [
        call,
        `${values.length}`,
        written(quantile(values, 0.5)),
        written(quantile(values, 0.99))
      ])
    ]),
    "",
    "## Slopes behind the first quarter",
    "",
    ...table([
      ["figure", "mean", "slope an hour", "95 % interval", ""],
      ...slopes.map((line) => [
        line.name,
        written(line.level),
        written(line.perMinute * 60),
        `${written(line.low * 60)} to ${written(line.high * 60)}`,
        line.low <= 0 && line.high >= 0 ? "contains zero" : isRising(line, minutes - quarter) ? "rises" : ""
      ])
    ]),
    "",
    "## What was ended, and when",
    "",
    ...table([
      ["after", "life", "by"],
      ...ended.map(({ atMs, how, life }) => [`${written(atMs / 1000)} s`, life, how])
    ]),
    ""
  ].join("\n")
  const json = {
    seed: soaked.seed,
    load: soaked.load,
    minutes,
    again: soaked.again,
    runs: total(rounds, ({ runs }) => runs),
    operations,
    unknown: total(rounds, ({ history }) => history.unknown),
    ended: ended.length,
    problems: soaked.problems,
    rising,
    slopes: slopes.map(({ high, level, low, name, perMinute }) => ({
      name,
      level,
      perHour: perMinute * 60,
      low: low * 60,
      high: high * 60
    })),
    calls: Object.fromEntries(
      Object.entries(calls).map(([call, values]) => [call, {
        answers: values.length,
        p50: quantile(values, 0.5),
        p99: quantile(values, 0.99)
      }])
    ),
    fileMiB: mebibytes(files.at(-1)?.file ?? 0)
  }
  const kills = ended.map(({ at: _, atMs }) => atMs / 60_000)
  return { page, plot: plot(panels(figures), (Date.now() - beganAt) / 60_000, kills), json, rising }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** A figure over time. `steady` ones are not to grow. */
interface Figure {
  readonly panel: string
  readonly unit: string
  readonly curve: string
  readonly steady: boolean
  readonly points: ReadonlyArray<Point>
}

const figuresOf = (
  { beganAt, files, folder, roundMs, rounds, steady }: Soaked
): Readonly<Record<string, Figure>> => {
  const figures: Record<string, Figure> = {}
  for (const [role, life] of Object.entries(steady)) {
    const looks = takenBy(folder, life)
    const figure = (panel: string, unit: string, value: (look: (typeof looks)[number]) => number) =>
      figures[`${panel} of ${role}`] = { panel, unit, curve: role, steady: true, points: points(looks, beganAt, value) }
    figure("resident memory", "MiB", ({ rss }) => mebibytes(rss))
    figure("heap", "MiB", ({ heap }) => mebibytes(heap))
    figure("handles", "count", ({ handles }) => handles)
    figure("descriptors", "count", ({ descriptors }) => descriptors)
  }
  const ofFiles = (name: string, value: (look: Files) => number) =>
    figures[name] = { panel: name, unit: "MiB", curve: name, steady: false, points: points(files, beganAt, value) }
  ofFiles("write-ahead log", ({ log }) => mebibytes(log))
  ofFiles("database", ({ file }) => mebibytes(file))
  for (const part of [0.5, 0.99]) {
    for (const call of Object.keys(latencies(rounds)).sort()) {
      const panel = `p${part * 100}`
      figures[`${panel} of ${call}`] = {
        panel,
        unit: "ms",
        curve: call,
        steady: true,
        points: rounds.flatMap(({ latencies, round }) => {
          const values = latencies[call]
          return values === undefined
            ? []
            : [{ at: (round + 0.5) * roundMs / 60_000, value: quantile(values, part) }]
        })
      }
    }
  }
  return figures
}

const panels = (figures: Readonly<Record<string, Figure>>): ReadonlyArray<Panel> =>
  [...Map.groupBy(Object.values(figures), ({ panel }) => panel)].map(([title, figures]) => ({
    title,
    unit: figures[0]!.unit,
    curves: Object.fromEntries(figures.map(({ curve, points }) => [curve, points]))
  }))

const isRising = ({ level, low }: Slope, minutes: number): boolean => low > 0 && low * minutes > matters * level

const latencies = (rounds: ReadonlyArray<Audited>): Readonly<Record<string, ReadonlyArray<number>>> => {
  const found: Record<string, Array<number>> = {}
  for (const { latencies } of rounds) {
    for (const [call, values] of Object.entries(latencies)) (found[call] ??= []).push(...values)
  }
  return found
}

/** By the hour; by ten minutes, or by the minute, where there are few of these. */
const periods = (
  { ended, minutes, roundMs, rounds }: Soaked,
  figures: Readonly<Record<string, Figure>>
): ReadonlyArray<ReadonlyArray<string>> => {
  const step = minutes >= 240 ? 60 : minutes >= 30 ? 10 : 1
  const shown = Object.entries(figures).filter(([, { panel }]) => !/^p\d/.test(panel))
  const head = [
    "from min",
    "runs",
    "operations",
    "unknown",
    "ended",
    ...shown.map(([name]) => name),
    "p50 ms",
    "p99 ms"
  ]
  const rows = Array.from({ length: Math.ceil(minutes / step) }, (_, index) => {
    const isIn = (at: number) => at >= index * step && at < (index + 1) * step
    const during = rounds.filter(({ round }) => isIn(round * roundMs / 60_000))
    const values = Object.values(latencies(during)).flat()
    return [
      `${index * step}`,
      `${total(during, ({ runs }) => runs)}`,
      `${total(during, ({ history }) => history.operations)}`,
      `${total(during, ({ history }) => history.unknown)}`,
      `${ended.filter(({ atMs }) => isIn(atMs / 60_000)).length}`,
      ...shown.map(([, { points }]) => written(mean(points.filter(({ at }) => isIn(at)).map(({ value }) => value)))),
      written(quantile(values, 0.5)),
      written(quantile(values, 0.99))
    ]
  })
  return [head, ...rows]
}

const table = ([head = [], ...rows]: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<string> =>
  [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`)

const total = <A>(values: ReadonlyArray<A>, count: (value: A) => number): number =>
  values.reduce((sum, value) => sum + count(value), 0)

const written = (value: number): string =>
  Number.isFinite(value)
    ? Math.abs(value) >= 100 ? value.toFixed(0) : Number(value.toPrecision(3)).toString()
    : ""
