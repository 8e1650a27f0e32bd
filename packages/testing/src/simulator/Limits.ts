/** What a journal by itself says about the limits of its run (S12). */
import type { EntryOf, JournalEntry } from "@fermata/core/JournalEntry"
import type { Limits as Values } from "@fermata/engine/Workflows"

export interface Limits extends Values {
  /** Whether work that was handed over again is counted as the same step, as it is in runs of documents. There, a limit on steps is one of each sequence: that of the run, and of each part inside a step. */
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
  const steps = new Map<string, Set<string>>()
  const inFlight = new Set<string>()
  let active = 0
  const handedOver = new Map<string, string>()
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
        return wronglyStopped(id, entry, limits, entry.at - createdAt, mostOf(steps)) ??
          wronglyEnded(id, entry, entries.at(-1)!)
      case "StepRequested": {
        inFlight.add(entry.key)
        const sequence = sequenceOf(limits, entry.name)
        const asked = steps.get(sequence) ?? new Set()
        steps.set(sequence, asked)
        if (handedOver.get(sequence) !== entry.name) asked.add(entry.key)
        handedOver.delete(sequence)
        if (asked.size > maxSteps) {
          return `run ${id} asked for step "${entry.key}", its step ${asked.size}, and may do ${maxSteps} (maxSteps)`
        }
        break
      }
      case "StepCompleted":
      case "StepFailed": {
        inFlight.delete(entry.key)
        const name = entry.key.replace(/~\d+$/, "")
        if (limits.handsOver && entry._tag === "StepCompleted" && isSubmission(entry.output)) {
          handedOver.set(sequenceOf(limits, name), name)
        }
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

/** The sequence of a document that a step is in, by its name; a program is all one. */
const sequenceOf = ({ handsOver }: Limits, name: string): string =>
  handsOver ? name.slice(0, name.lastIndexOf("/") + 1) : ""

/** The most steps that one sequence has asked for. */
const mostOf = (steps: ReadonlyMap<string, ReadonlySet<string>>): number =>
  Math.max(0, ...Array.from(steps.values(), ({ size }) => size))

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

/** A run that a limit has stopped fails, and its error says why; only a program that cannot be interrupted may still come to its end. */
const wronglyEnded = (id: string, stop: EntryOf<"StopRequested">, end: JournalEntry): string | undefined => {
  if (stop.kind !== "limit") return undefined
  const told = end._tag === "RunFailed" && JSON.stringify(end.cause).includes("LimitExceeded")
  return told || !["RunFailed", "RunCancelled"].includes(end._tag)
    ? undefined
    : `run ${id} was stopped by a limit (${stop.reason}), and its end does not say so`
}
