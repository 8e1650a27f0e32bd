/** What a contender can do, and the body that all of them run as their step. */
import { closeSync, openSync, readdirSync, statSync, writeSync } from "node:fs"
import { join } from "node:path"
import { performance } from "node:perf_hooks"

export interface Place {
  /** For what the contender stores; empty unless a killed process was there before. */
  readonly folder: string
  /** How to reach the server that it needs, as that server says it. */
  readonly server: string
  /** Steps of the longest sequential run of this process. */
  readonly long: number
}

export interface Contender {
  /** Starts a run of `n` steps, one after another, and waits for its end. */
  readonly sequential: (id: string, n: number) => Promise<unknown>
  /** After a crash: sees to it that the sequential run goes on, and waits for its end. */
  readonly goOn?: (id: string, n: number) => Promise<unknown>
  /** The same with `n` steps at once. */
  readonly parallel: (id: string, n: number) => Promise<unknown>
  /** Starts a run of one step that then waits for a signal. */
  readonly startWaiting: (id: string) => Promise<unknown>
  readonly untilWaiting: (ids: ReadonlyArray<string>) => Promise<unknown>
  readonly signal: (id: string) => Promise<unknown>
  readonly untilDone: (ids: ReadonlyArray<string>) => Promise<unknown>
  /** Bytes on disk, once everything is where it belongs. */
  readonly bytes: () => number
  readonly close: () => unknown
}

export type Open = (place: Place, variant: string) => Promise<Contender>

const pad = "x".repeat(120)

export interface Outcome {
  readonly ok: boolean
  readonly run: string
  readonly step: number
  readonly at: number
  readonly pad: string
}

/** When each body ran in this process, in ms. */
export const bodies: Array<number> = []

const log = process.env.PEERS_LOG === undefined ? undefined : openSync(process.env.PEERS_LOG, "a")
if (log !== undefined) process.once("exit", () => closeSync(log))

/** Milliseconds on a clock that all processes of this machine share. */
export const wallClock = (): number => performance.timeOrigin + performance.now()

/** The step in whose body the process is to die, if any. */
const killAt = Number(process.env.PEERS_KILL_AT ?? -1)

/** The step: about 200 bytes of JSON, and a line in the log where one is asked for. */
export const body = (run: string, step: number): Outcome => {
  bodies.push(performance.now())
  if (log !== undefined) writeSync(log, `${step} ${wallClock()}\n`)
  if (step === killAt) process.kill(process.pid, "SIGKILL")
  return { ok: true, run, step, at: 1_700_000_000_000 + step, pad }
}

export const upTo = (n: number): Array<number> => Array.from({ length: n }, (_, i) => i)

export const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

/** Waits until the condition holds; for ends that a contender does not tell by itself. */
export const until = async (condition: () => boolean | Promise<boolean>, everyMs = 10): Promise<void> => {
  while (!(await condition())) await sleep(everyMs)
}

/** Does `work` for all items, `width` at a time. */
export const each = async <A>(
  items: ReadonlyArray<A>,
  width: number,
  work: (item: A) => Promise<unknown>
): Promise<void> => {
  const left = items.values()
  await Promise.all(
    upTo(width).map(async () => {
      for (const item of left) await work(item)
    })
  )
}

/** Bytes of a file, or of all files of a folder, some of which may go while it looks. */
export const sizeOf = (path: string): number => {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (stat === undefined) return 0
  return stat.isDirectory() ? readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0) : stat.size
}
