/** The steps of a run, as its view shows them: what each entry makes of one. */
import * as FailureText from "../FailureText.ts"
import type { EntryOf } from "../JournalEntry.ts"
import type { Failure, StepView } from "../RunViewSchema.ts"
import * as Spent from "../Spent.ts"
import * as Costs from "./Costs.ts"
import * as Keyed from "./Keyed.ts"
import { present } from "./Present.ts"

type Steps = Keyed.Keyed<string, StepView>
type Entry = EntryOf<"StepRequested" | "StepCompleted" | "StepFailed" | "ProbeFailed">

/** The steps behind this entry. One about a step that nobody has asked for changes nothing. */
export const after = (steps: Steps, entry: Entry): Steps => {
  const known = Keyed.get(steps, entry.key)
  if (entry._tag === "StepRequested") return Keyed.set(steps, requested(known, entry))
  return known === undefined ? steps : Keyed.set(steps, changed(known, entry))
}

/** A recorded failure, for people. */
export const failure = (cause: unknown): Failure => ({ cause, message: FailureText.ofCause(cause) })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const changed = (step: StepView, entry: Exclude<Entry, EntryOf<"StepRequested">>): StepView => {
  if (entry._tag === "ProbeFailed") return { ...step, error: failure(entry.cause) }
  const { error: _error, probed: _probed, retryAt: _retryAt, ...rest } = step
  const isDone = entry._tag === "StepCompleted"
  const before = isDone ? rest : step
  return {
    ...Costs.withCost(before, Spent.ended(before, entry)),
    ...(isDone
      ? { status: "completed", endedAt: entry.at, ...present(entry, "output", "probed") }
      : {
        error: failure(entry.cause),
        ...(entry.retryAt === undefined
          ? { status: "failed", endedAt: entry.at }
          : { status: "backoff", retryAt: entry.retryAt })
      }),
    ...present(entry, "settledBy", "artifacts")
  }
}

const requested = (known: StepView | undefined, entry: EntryOf<"StepRequested">): StepView => ({
  key: entry.key,
  name: entry.name,
  status: "requested",
  attempts: entry.attempt,
  recoveries: entry.recovery ?? 0,
  onCrash: entry.onCrash,
  requestedAt: known?.requestedAt ?? entry.at,
  ...("input" in entry ? { input: entry.input } : {}),
  ...(known && present(known, "error")),
  ...present(entry, "label", "title", "nested"),
  ...(entry.probe === undefined ? {} : { probed: entry.probe }),
  ...Spent.requested(known ?? {}, entry)
})
