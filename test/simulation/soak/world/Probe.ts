/**
 * What a process takes, from inside: loaded before its program by `--import`, it
 * writes a line now and then until the process ends.
 */
import { appendFileSync, readdirSync } from "node:fs"
import { join } from "node:path"

/** One look. Bytes, and counts. */
export interface Taken {
  /** ms since the epoch. */
  readonly at: number
  readonly rss: number
  readonly heap: number
  /** What keeps the loop of the process going: sockets, timers, requests to files. */
  readonly handles: number
  readonly descriptors: number
}

const { SOAK_FOLDER: folder, SOAK_LIFE: life, SOAK_LOOK_MS: every } = process.env

const descriptors = (): number => {
  try {
    return readdirSync("/proc/self/fd").length
  } catch {
    return 0
  }
}

const look = (): void => {
  const { heapUsed, rss } = process.memoryUsage()
  const taken: Taken = {
    at: Date.now(),
    rss,
    heap: heapUsed,
    handles: process.getActiveResourcesInfo().length,
    descriptors: descriptors()
  }
  appendFileSync(join(folder!, "measures", `${life}.ndjson`), `${JSON.stringify(taken)}\n`)
}

if (folder !== undefined && life !== undefined) setInterval(look, Number(every ?? 60_000)).unref()
