/** What is measured, from inside the process of one contender. */
import { performance } from "node:perf_hooks"
import { bodies, type Contender, each, upTo, wallClock } from "./contender.ts"

const full = { singles: 100, concurrent: 250, long: 2_000, killed: 1_000, wide: 500, waiting: 1_000 }

/** How much is done: all of it at PEERS_SCALE=1, which `--scale` sets. */
export const scaled = (size: number): number => Math.ceil(size * Number(process.env.PEERS_SCALE ?? 1))
export const sizes = (): typeof full =>
  Object.fromEntries(Object.entries(full).map(([name, size]) => [name, scaled(size)])) as typeof full

/** Steps of the sequential run of W2 or W5; fewer for a contender whose cost grows with their square. */
export const longOf = (contender: { readonly long?: number }, workload: string): number =>
  scaled(Math.min(contender.long ?? Infinity, workload.startsWith("W5") ? full.killed : full.long))

export type Readings = Readonly<Record<string, number>>
export type Workload = (contender: Contender, long: number) => Promise<Readings>

const time = async (work: () => unknown): Promise<number> => {
  const start = performance.now()
  await work()
  return performance.now() - start
}

export const quantile = (values: ReadonlyArray<number>, at: number): number => {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(at * sorted.length))]!
}

const mean = (values: ReadonlyArray<number>) => values.reduce((sum, value) => sum + value, 0) / values.length

/** Bodies that have run must be as many as were asked for, else the figure is of something else. */
const counted = async <A>(expected: number, work: () => Promise<A>): Promise<A> => {
  const before = bodies.length
  const result = await work()
  const ran = bodies.length - before
  if (ran !== expected) throw new Error(`${ran} bodies ran, not ${expected}`)
  return result
}

const warm = (contender: Contender) => each(upTo(20), 1, (i) => contender.sequential(`warm-${i}`, 5))

export const workloads: Readonly<Record<string, Workload>> = {
  W1: async (contender) => {
    await warm(contender)
    const { concurrent, singles } = sizes()
    return counted(5 * (singles + concurrent), async () => {
      const latencies: Array<number> = []
      for (let i = 0; i < singles; i++) latencies.push(await time(() => contender.sequential(`single-${i}`, 5)))
      const all = await time(() => each(upTo(concurrent), 50, (i) => contender.sequential(`concurrent-${i}`, 5)))
      return {
        oneMs: mean(latencies),
        p50: quantile(latencies, 0.5),
        p99: quantile(latencies, 0.99),
        concurrentMs: all / concurrent
      }
    })
  },
  W2: async (contender, long) => {
    await warm(contender)
    const first = bodies.length
    const ms = await counted(long, () => time(() => contender.sequential("long", long)))
    const gaps = bodies.slice(first + 1).map((at, i) => at - bodies[first + i]!)
    const tenth = Math.floor(gaps.length / 10)
    return { stepMs: ms / long, growth: mean(gaps.slice(-tenth)) / mean(gaps.slice(0, tenth)) }
  },
  W3: async (contender) => {
    await warm(contender)
    const { wide } = sizes()
    const times: Array<number> = []
    for (let i = 0; i < 3; i++) times.push(await counted(wide, () => time(() => contender.parallel(`wide-${i}`, wide))))
    return { wideMs: quantile(times, 0.5) }
  },
  W4: async (contender) => {
    await warm(contender)
    const ids = upTo(sizes().waiting).map((i) => `waiting-${i}`)
    const before = contender.bytes()
    await counted(ids.length, async () => {
      await each(ids, 50, contender.startWaiting)
      await contender.untilWaiting(ids)
    })
    const bytes = (contender.bytes() - before) / ids.length
    const ms = await time(async () => {
      await each(ids, 50, contender.signal)
      await contender.untilDone(ids)
    })
    return { bytes, resumeMs: ms / ids.length }
  },
  // The two lives of W5; what they did is read from the log by the parent.
  "W5-killed": async (contender, long) => {
    await contender.sequential("long", long)
    throw new Error("the run was over before the process was killed")
  },
  "W5-again": async (contender, long) => {
    const { goOn } = contender
    if (goOn === undefined) throw new Error("nothing survives this process")
    await goOn("long", long)
    return {}
  },
  W6: async (contender) => {
    await contender.sequential("first", 5)
    return { doneAt: wallClock() }
  }
}
