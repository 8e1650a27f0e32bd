/**
 * Where two runs part: the first thing that they did or were told differently,
 * and what came of each step in both.
 */
import * as Predicate from "effect/Predicate"
import * as ExitJson from "./ExitJson.ts"
import * as FailureText from "./FailureText.ts"
import type * as JournalEntry from "./JournalEntry.ts"
import * as RunView from "./RunView.ts"
import * as StoredJson from "./StoredJson.ts"

type Entry = JournalEntry.JournalEntry

/** A run and its journal. */
export interface Journal {
  readonly id: string
  readonly entries: ReadonlyArray<Entry>
}

/** How a step stands in one of the runs. */
export interface StepSide {
  readonly status: RunView.StepStatus
  readonly output?: unknown
  readonly error?: string
}

/** What two runs have to say about one step. */
export interface StepDiff {
  readonly key: string
  readonly verdict: "same" | "different" | "only-a" | "only-b"
  readonly a?: StepSide
  readonly b?: StepSide
}

/** Where two runs part, and what is different from there on. */
export interface RunDiff {
  readonly a: string
  readonly b: string
  /** The first entries that differ; one is absent where that run has no more. Absent when the runs are the same. */
  readonly parting?: { readonly a?: Entry; readonly b?: Entry }
  /** Every step of the two, in the order in which they were first asked for, those of `a` first. */
  readonly steps: ReadonlyArray<StepDiff>
}

/** Compares two runs. Times, owners and the ids of the runs do not count, and neither do marks such as suspensions. */
export const of = (a: Journal, b: Journal): RunDiff => {
  const left = a.entries.filter(hasMeaning())
  const right = b.entries.filter(hasMeaning())
  const meaning = [meaningOf(a), meaningOf(b)] as const
  let index = 0
  while (index < left.length && index < right.length && meaning[0](left[index]!) === meaning[1](right[index]!)) index++
  const [one, other] = [left[index], right[index]]
  return {
    a: a.id,
    b: b.id,
    ...(one === undefined && other === undefined
      ? {}
      : { parting: { ...(one === undefined ? {} : { a: one }), ...(other === undefined ? {} : { b: other }) } }),
    steps: stepsOf(a, b)
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** What the run did or was told; a request that a crash or an attempt repeats says nothing new. */
const hasMeaning = () => {
  const requested = new Set<string>()
  return (entry: Entry): boolean => {
    switch (entry._tag) {
      case "RunForked":
      case "RunStarted":
      case "RunSuspended":
      case "RunResumed":
      case "PauseRequested":
      case "RunRestored":
      case "RunConfirmed":
      case "StepDoubted":
      case "StepReleased":
      case "BodyLetGo":
      case "MessageRefused":
      case "Note":
        return false
      case "StepRequested": {
        const isFirst = !requested.has(entry.key)
        requested.add(entry.key)
        return isFirst
      }
      default:
        return true
    }
  }
}

const passing: ReadonlySet<string> = new Set([
  "seq",
  "at",
  "epoch",
  "blobs",
  "id",
  "by",
  "parent",
  "trigger",
  "seed",
  "attempt",
  "title",
  "idempotencyKey",
  "recovery",
  "dueAt",
  "deadline",
  "escalate",
  "remind",
  "retryAt",
  "settledBy",
  "reserved",
  "refused",
  "spent",
  "artifacts",
  "granted"
])

/** An entry as a text that is the same for the same in another run. `by` counts where it says who answered, `id` where it is that of an event. */
const meaningOf = ({ id }: Journal) => (entry: Entry): string => {
  const counts = (field: string) =>
    !passing.has(field) || (field === "by" && entry._tag === "ApprovalAnswered") ||
    (field === "id" && entry._tag === "EventEmitted")
  return neutral(
    Object.fromEntries(
      Object.entries(entry).flatMap(([field, value]) =>
        counts(field)
          ? [[field, field === "cause" ? ExitJson.withoutPlaces(value) : field === "exit" ? exitOf(value) : value]]
          : []
      )
    ),
    id
  )
}

const exitOf = (exit: unknown): unknown =>
  Predicate.hasProperty(exit, "cause") ? { ...exit, cause: ExitJson.withoutPlaces(exit.cause) } : exit

/** JSON with sorted keys, in which no text tells this run from others. */
const neutral = (value: unknown, id: string): string => StoredJson.textOf(neutralised(value, id))

const neutralised = (value: unknown, id: string): unknown =>
  typeof value === "string"
    ? value.replaceAll(id, "RUN")
    : Array.isArray(value)
    ? value.map((item) => neutralised(item, id))
    : typeof value === "object" && value !== null
    ? Object.fromEntries(
      Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, item]) => [name, neutralised(item, id)])
    )
    : value

const stepsOf = (a: Journal, b: Journal): ReadonlyArray<StepDiff> => {
  const [left, right] = [a, b].map(({ entries, id }) =>
    new Map(RunView.of(id, entries).steps.map((step) => [step.key, sideOf(step)]))
  )
  const keys = new Set([...left!.keys(), ...right!.keys()])
  return Array.from(keys, (key): StepDiff => {
    const one = left!.get(key)
    const other = right!.get(key)
    if (one === undefined || other === undefined) {
      return one === undefined ? { key, verdict: "only-b", b: other! } : { key, verdict: "only-a", a: one }
    }
    return { key, verdict: neutral(one, a.id) === neutral(other, b.id) ? "same" : "different", a: one, b: other }
  })
}

const sideOf = ({ error, output, status }: RunView.StepView): StepSide => ({
  status,
  ...(output === undefined ? {} : { output }),
  ...(error === undefined ? {} : { error: FailureText.ofCause(error.cause) })
})
