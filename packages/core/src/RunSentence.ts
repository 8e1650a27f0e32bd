/**
 * How a run stands, in one sentence for people: the same for a command, a page
 * and a list.
 */
import { isFinal, type RunStatus } from "./RunStatus.ts"
import type { RunView } from "./RunViewSchema.ts"
import * as Suspension from "./Suspension.ts"
import * as TimeText from "./TimeText.ts"
import type { Wait } from "./Wait.ts"

/** What a sentence is made from: a `RunView` or a `RunSummary`. A view has more to say. */
export interface Run {
  readonly status: RunStatus
  readonly waits: ReadonlyArray<Wait>
  readonly paused?: boolean
  readonly times?: RunView["times"]
  readonly steps?: RunView["steps"]
  readonly approvals?: RunView["approvals"]
  readonly error?: RunView["error"]
  readonly stop?: RunView["stop"]
}

/** The sentence, without its full stop, at this time (ms since the epoch). */
export const of = (run: Run, now: number): string => {
  if (run.status === "suspended") return run.waits.length === 0 ? "Is suspended" : `Waits ${waitsOf(run, now)}`
  if (run.status === "queued") return "Waits for a worker to take it up"
  if (run.status === "running") return running(run)
  const { endedAt, requestedAt } = run.times ?? {}
  const took = endedAt === undefined || requestedAt === undefined
    ? ""
    : ` after ${TimeText.duration(endedAt - requestedAt)}`
  if (run.status === "completed") return `Completed${took}`
  const why = run.stop?.reason ?? run.error?.message
  return `${run.status === "failed" ? "Failed" : "Cancelled"}${took}${
    run.stop === undefined || run.status === "failed" ? "" : ` by ${run.stop.by}`
  }${why === undefined ? "" : `: ${why}`}`
}

/** What a run waits for, as the end of a sentence that begins with "waits"; empty when it waits for nothing. */
export const waitsOf = (run: Pick<Run, "waits" | "approvals">, now: number): string =>
  run.waits.map((wait) => waitOf(run, wait, now)).join("; ")

/** One of the waits, as the end of such a sentence. */
export const waitOf = ({ approvals }: Pick<Run, "approvals">, wait: Wait, now: number): string => {
  const question = wait.reason === "approval" ? approvals?.find(({ key }) => key === wait.key) : undefined
  return Suspension.clauseOf(wait, { now, question })
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const mostSteps = 3

const running = ({ paused = false, status, steps = [] }: Run): string => {
  const keys = isFinal(status) ? [] : steps.flatMap((step) => step.status === "running" ? [step.key] : [])
  if (paused) return "Is paused as soon as what it is at has ended"
  if (keys.length === 0) return "Is at work"
  const shown = keys.slice(0, mostSteps).join(", ")
  return `Is at work on ${shown}${keys.length > mostSteps ? ` and ${keys.length - mostSteps} more` : ""}`
}
