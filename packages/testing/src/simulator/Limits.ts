/** What a journal by itself says about the limits of its run (S12). */
import type { EntryOf, JournalEntry } from "@fermata/core/JournalEntry"
import type { Limits as Values } from "@fermata/engine/Workflows"

export interface Limits extends Values {
  /** Whether work that was handed over again is counted as the same step, as it is in runs of documents. */
  readonly handsOver: boolean
}

/** A run, as far as its limits are about it. */
export interface Limited {
  readonly id: string
  readonly createdAt: number
  readonly entries: ReadonlyArray<JournalEntry>
}

/** Timers are due at whole ms. */
const granularityMs = 1

/**
 * How the run went past a limit, in words; undefined when it did not. Up to its
 * order to stop, a run has no more steps and no more time than its limits give;
 * what compensations do behind it is not counted. `now` is how far the time of
 * programs has come.
 */
export const overshoot = ({ createdAt, entries, id }: Limited, limits: Limits, now: number): string | undefined => {
  const { maxActiveMs, maxRunMs, maxSteps } = limits
  const until = createdAt + maxRunMs
  const steps = new Set<string>()
  const inFlight = new Set<string>()
  let active = 0
  let handedOver: string | undefined
  let before: JournalEntry | undefined
  for (const entry of entries) {
    if (entry._tag === "RunForked") active = 0
    else if (inFlight.size > 0 && before?.epoch === entry.epoch) active += Math.max(0, entry.at - before.at)
    before = entry
    if (entry.at > until + granularityMs) {
      return `run ${id} goes on ${entry.at - until} ms after its ${maxRunMs} ms (maxRunMs)`
    }
    if (active > maxActiveMs + granularityMs) {
      return `run ${id} has worked for ${active} ms, and may for ${maxActiveMs} (maxActiveMs)`
    }
    switch (entry._tag) {
      case "StopRequested":
        return wronglyStopped(id, entry, limits, entry.at - createdAt, steps.size) ??
          wronglyEnded(id, entry, entries.at(-1)!)
      case "StepRequested": {
        inFlight.add(entry.key)
        const again = limits.handsOver && handedOver === entry.name
        handedOver = undefined
        if (!again) steps.add(entry.key)
        if (steps.size > maxSteps) {
          return `run ${id} asked for step "${entry.key}", its step ${steps.size}, and may do ${maxSteps} (maxSteps)`
        }
        break
      }
      case "StepCompleted":
      case "StepFailed": {
        inFlight.delete(entry.key)
        handedOver = entry._tag === "StepCompleted" && isSubmission(entry.output)
          ? entry.key.replace(/~\d+$/, "")
          : undefined
        break
      }
      case "RunSuspended":
        inFlight.clear()
        break
      case "RunCompleted":
      case "RunFailed":
      case "RunCancelled":
        return undefined
    }
  }
  return now > until + granularityMs
    ? `run ${id} is not over ${now - until} ms after its ${maxRunMs} ms (maxRunMs)`
    : undefined
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const isSubmission = (output: unknown): boolean =>
  typeof output === "object" && output !== null && "_tag" in output && output._tag === "TaskSubmitted"

/** A run is not stopped by a limit that it has not come to. */
const wronglyStopped = (
  id: string,
  stop: EntryOf<"StopRequested">,
  { maxRunMs, maxSteps }: Limits,
  age: number,
  steps: number
): string | undefined => {
  if (stop.id === "limit:maxSteps" && steps < maxSteps) {
    return `run ${id} was stopped after ${steps} of its ${maxSteps} steps (maxSteps)`
  }
  if (stop.id === "limit:maxRunMs" && age < maxRunMs) {
    return `run ${id} was stopped ${age} ms after its start, of ${maxRunMs} (maxRunMs)`
  }
  return undefined
}

/** What a limit has stopped fails, and says why; only a program that cannot be interrupted may still come to its end. */
const wronglyEnded = (id: string, stop: EntryOf<"StopRequested">, end: JournalEntry): string | undefined => {
  if (stop.kind !== "limit") return undefined
  const told = end._tag === "RunFailed" && JSON.stringify(end.cause).includes("LimitExceeded")
  return told || !["RunFailed", "RunCancelled"].includes(end._tag)
    ? undefined
    : `run ${id} was stopped by a limit (${stop.reason}), and its end does not say so`
}
