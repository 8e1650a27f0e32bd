/**
 * What one pass of a run's code has asked for and been told: each request with
 * those who wait for its outcome. It is gone with the fibers of the code, and
 * begins anew when the journal is replayed.
 */
import * as EntryRole from "@fermata/core/EntryRole"
import type * as JournalEntry from "@fermata/core/JournalEntry"
import { budgetSignal } from "@fermata/core/RunSpending"
import * as StoredJson from "@fermata/core/StoredJson"
import type { Wait } from "@fermata/core/Wait"
import type * as Fiber from "effect/Fiber"
import type * as ChildRecords from "../ChildRecords.ts"
import * as Handover from "../Handover.ts"
import { type Lookup, SparseMap, SparseSet } from "../Sparse.ts"
import type { StepLimit } from "../StepLimit.ts"
import type { ApprovalResult, StepDefinition, StepOutcome } from "./Ask.ts"
import type { Ledger, RecordedApproval, RecordedStep } from "./Ledger.ts"
import type { Document, ShortBudget } from "./RunPort.ts"

type Entry = JournalEntry.JournalEntry
type EntryOf<T extends JournalEntry.Tag> = JournalEntry.EntryOf<T>
type Resume<A> = (value: A) => void

/**
 * `recorded` in the journal only; `queued` until its request is committed;
 * `running`; `done` with an outcome on its way; `backoff` between attempts;
 * `unknown` and `exhausted` wait for an operator; `abandoned` by its askers.
 */
export type StepPhase =
  | "recorded"
  | "queued"
  | "running"
  | "done"
  | "backoff"
  | "unknown"
  | "exhausted"
  | "abandoned"
  | "delivered"

export interface AskedStep {
  readonly record: RecordedStep
  readonly definition: StepDefinition
  phase: StepPhase
  waiters: ReadonlyArray<Resume<StepOutcome>>
  /** Its value or cause may still be text: each asker is given a copy. */
  delivered: StepOutcome | undefined
  fiber: Fiber.Fiber<unknown, unknown> | undefined
  limit: StepLimit | undefined
  /** Fibers of the body that wait for something durable. */
  bodyWaits: ReadonlyArray<Wait>
}

export interface AskedTimer {
  readonly entry: EntryOf<"TimerSet">
  waiter: (() => void) | undefined
}

export interface AskedApproval {
  readonly record: RecordedApproval
  waiter: Resume<ApprovalResult> | undefined
  result: ApprovalResult | undefined
  problemOf: ((edit: unknown) => string | undefined) | undefined
}

/** The code goes on with the next signal of this name, or comes to its end. */
interface AskedEnd {
  readonly name: string
  readonly resume: Resume<EntryOf<"SignalReceived"> | undefined>
}

interface AskedSignal {
  readonly buffer: Array<EntryOf<"SignalReceived">>
  readonly waiters: Array<Resume<EntryOf<"SignalReceived">>>
}

export interface AskedBudget extends ShortBudget {
  /** What of the budget is short: `money`, or `tokens` where nothing else is limited. */
  readonly key: string
  readonly resume: () => void
}

export interface Pass {
  readonly ledger: Ledger
  readonly steps: SparseMap<string, AskedStep>
  /** Live: steps that are neither delivered nor abandoned, which must be looked at again and again. */
  readonly open: SparseSet<AskedStep>
  readonly timers: SparseMap<number, AskedTimer>
  readonly approvals: SparseMap<string, AskedApproval>
  readonly children: SparseMap<string, ChildRecords.ChildState>
  /** Keys of what this pass has done again at once. */
  readonly acted: SparseSet<string>
  readonly deferreds: SparseMap<string, JournalEntry.ExitJson>
  readonly deferredWaiters: SparseMap<string, Array<Resume<JournalEntry.ExitJson>>>
  readonly signals: SparseMap<string, AskedSignal>
  /** Who waits for a larger budget. */
  readonly budgets: Array<AskedBudget>
  /** Those who wait for a signal or for the end of the run, by their keys. */
  readonly ends: SparseMap<string, AskedEnd>
  /** What a signal that the run waits for stands for, for people. */
  readonly details: SparseMap<string, string>
  /** Deferreds that a timer of the run completes. */
  readonly clocks: SparseSet<string>
  /** Those of them that never are. */
  readonly endlessClocks: SparseSet<string>
  /** The run's named documents. */
  readonly documents: SparseMap<string, Document>
  readonly counters: SparseMap<string, number>
  /** The counters of requests that step bodies make, by the prefix of their keys. */
  readonly inner: SparseMap<string, SparseMap<string, number>>
  /** Calls of steps whose keys were taken, by `StepKeys`. */
  readonly displaced: SparseSet<string>
  /** Whether the name of a step that was asked for may look like the key of another. */
  hasOddNames: boolean
  timerCount: number
  emitCount: number
  /** Sleeps without an end. */
  endless: number
  /** Nothing has moved for a minute, and nothing is waited for that the engine knows of. */
  still: boolean
  /** Why no fiber runs, and none may until an operator says so. */
  held: Wait | undefined
  /** Told to the code; or, after a suspension on failure, in force from the start. */
  stop: EntryOf<"StopRequested"> | undefined
}

export const make = (ledger: Ledger): Pass => ({
  ledger,
  steps: new SparseMap(),
  open: new SparseSet(),
  timers: new SparseMap(),
  approvals: new SparseMap(),
  children: new SparseMap(),
  acted: new SparseSet(),
  deferreds: new SparseMap(),
  deferredWaiters: new SparseMap(),
  signals: new SparseMap(),
  budgets: [],
  ends: new SparseMap(),
  details: new SparseMap(),
  clocks: new SparseSet(),
  endlessClocks: new SparseSet(),
  documents: new SparseMap(),
  counters: new SparseMap(),
  inner: new SparseMap(),
  displaced: new SparseSet(),
  hasOddNames: false,
  timerCount: 0,
  emitCount: 0,
  endless: 0,
  still: false,
  held: undefined,
  stop: ledger.stop
})

// ----------------------------------------------------------------------------
// numbers
// ----------------------------------------------------------------------------

/** The key of the next request of this name: the name itself, then `name~2`, `name~3`. */
export const number = (pass: Pass, counter: string, name: string, prefix = ""): string => {
  let counters = prefix === "" ? pass.counters : pass.inner.get(prefix)
  if (counters === undefined) pass.inner.set(prefix, counters = new SparseMap())
  const count = counted(counters, counter) + 1
  counters.set(counter, count)
  return count === 1 ? prefix + name : `${prefix}${name}~${count}`
}

/** The number of the next request under this counter. */
export const count = ({ counters }: Pass, counter: string): number => {
  const next = counted(counters, counter) + 1
  counters.set(counter, next)
  return next
}

/** How often the workflow itself has asked under this counter. */
export const countOf = ({ counters }: Pass, counter: string): number => counted(counters, counter)

const counted = (counters: Lookup<string, number>, counter: string): number => counters.get(counter) ?? 0

/** The key of the next request of this name that is done at once; one that went to another name gets a `~` in front. */
export const freeKey = (pass: Pass, counter: string, name: string, act: (key: string) => string): string => {
  let key = number(pass, counter, name)
  while (pass.acted.has(act(key))) key = `~${key}`
  pass.acted.add(act(key))
  return key
}

// ----------------------------------------------------------------------------
// requests
// ----------------------------------------------------------------------------

/** The code asks for a step that the ledger has. */
export const addStep = (pass: Pass, record: RecordedStep, definition: StepDefinition): AskedStep => {
  const step: AskedStep = {
    record,
    definition,
    phase: "recorded",
    waiters: none,
    delivered: undefined,
    fiber: undefined,
    limit: undefined,
    bodyWaits: none
  }
  pass.steps.set(record.key, step)
  return step
}

export const setPhase = (pass: Pass, step: AskedStep, phase: StepPhase): void => {
  step.phase = phase
  if (phase === "delivered" || phase === "abandoned") pass.open.delete(step)
  else pass.open.add(step)
}

export const takeSignal = (
  pass: Pass,
  name: string,
  resume: Resume<EntryOf<"SignalReceived">>
): void | (() => void) => {
  const signal = signalOf(pass, name)
  const first = signal.buffer.shift()
  if (first !== undefined) return resume(Handover.plain(first))
  signal.waiters.push(resume)
  return () => remove(signal.waiters, resume)
}

/** The next signal that the code was told of and has not taken, at once. */
export const pollSignal = ({ signals }: Pass, name: string): EntryOf<"SignalReceived"> | undefined => {
  const first = signals.get(name)?.buffer.shift()
  return first === undefined ? undefined : Handover.plain(first)
}

/** The next signal at once, or when the code is told of it; nothing when it is told to end. */
export const signalOrEnd = (
  pass: Pass,
  name: string,
  resume: Resume<EntryOf<"SignalReceived"> | undefined>
): void | (() => void) => {
  const key = freeKey(pass, `end:${name}`, name, EntryRole.acts.end)
  const forget = takeSignal(pass, name, (signal) => {
    pass.ends.delete(key)
    resume(signal)
  })
  if (forget === undefined) return
  const end = () => {
    pass.ends.delete(key)
    forget()
  }
  pass.ends.set(key, {
    name,
    resume: () => {
      end()
      resume(undefined)
    }
  })
  return end
}

export const awaitDeferred = (
  { deferredWaiters }: Pass,
  name: string,
  resume: Resume<JournalEntry.ExitJson>
): () => void => {
  const waiters = deferredWaiters.get(name) ?? []
  deferredWaiters.set(name, waiters)
  waiters.push(resume)
  return () => remove(waiters, resume)
}

export const completeDeferred = (
  { deferreds, deferredWaiters }: Pass,
  name: string,
  exit: JournalEntry.ExitJson
): void => {
  if (deferreds.has(name)) return
  deferreds.set(name, exit)
  const waiters = deferredWaiters.get(name)
  deferredWaiters.delete(name)
  for (const resume of waiters ?? []) resume(Handover.copyOf(exit))
}

/** Whether the code has asked, in this pass, for what this entry records. */
export const wasAsked = (pass: Pass, entry: Entry): boolean => {
  const request = EntryRole.requestOf(entry)
  switch (request?.kind) {
    case undefined:
      return true
    case "step":
      return pass.steps.has(request.key)
    case "timer":
      return pass.timers.has(request.key)
    case "approval":
      return pass.approvals.has(request.key)
    case "child":
      return pass.children.has(request.key)
    case "act":
      return pass.acted.has(request.key)
  }
}

// ----------------------------------------------------------------------------
// deliveries
// ----------------------------------------------------------------------------

/** Whether the code is where this outcome can reach it. */
export const canDeliver = (pass: Pass, entry: Entry): boolean => {
  const request = EntryRole.requestOf(entry)
  switch (request?.kind) {
    case "step": {
      const step = pass.ledger.steps.get(request.key)
      return step?.entry.nested === true || (pass.steps.get(request.key)?.waiters.length ?? 0) > 0
    }
    case "timer":
      return pass.timers.get(request.key)?.waiter !== undefined
    case "act":
      return entry._tag !== "EndOffered" || pass.ends.has(entry.key)
    default:
      return wasAsked(pass, entry)
  }
}

/** Hands an entry that the ledger has to those who wait for it, or keeps it for those who will. */
export const deliver = (pass: Pass, entry: Entry): void => {
  switch (entry._tag) {
    case "StepCompleted":
    case "StepFailed":
      return endStep(pass, entry)
    case "TimerFired": {
      const timer = pass.timers.get(entry.timer)
      pass.timers.delete(entry.timer)
      pass.ledger.timers.delete(entry.timer)
      timer?.waiter?.()
      return
    }
    case "SignalReceived": {
      if (entry.name === budgetSignal) {
        for (const { resume } of pass.budgets.splice(0)) resume()
        return
      }
      const signal = signalOf(pass, entry.name)
      const waiter = signal.waiters.shift()
      if (waiter === undefined) signal.buffer.push(entry)
      else waiter(Handover.plain(entry))
      return
    }
    case "EndOffered":
      return pass.ends.get(entry.key)?.resume(undefined)
    case "DeferredCompleted":
      if (!entry.inside) completeDeferred(pass, entry.name, entry.exit)
      return
    case "ApprovalAnswered": {
      const asked = pass.approvals.get(entry.key)
      const decided = asked?.record.decided
      if (asked === undefined || decided?.by !== entry) return
      asked.result = decided.result
      asked.waiter?.(decided.result)
      return
    }
    case "ChildFinished": {
      const child = pass.children.get(entry.child)
      if (child === undefined || child.exit !== undefined) return
      child.exit = entry.exit
      for (const resume of child.waiters.splice(0)) resume(Handover.copyOf(entry.exit))
      return
    }
  }
}

/** What those who ask for a step are given of the entry that ends it. */
export const outcomeOf = (entry: NonNullable<RecordedStep["outcome"]>): StepOutcome => {
  const { key } = entry
  if (entry._tag === "StepCompleted") {
    const { output } = entry
    return { _tag: "Done", key, exit: output === undefined ? { _tag: "Success" } : { _tag: "Success", value: output } }
  }
  return entry.parked === true
    ? { _tag: "Parked", key, cause: entry.cause }
    : { _tag: "Done", key, exit: { _tag: "Failure", cause: entry.cause } }
}

/** An outcome for one of several who ask for it. */
export const copied = (outcome: StepOutcome): StepOutcome =>
  outcome._tag === "Parked"
    ? { ...outcome, cause: StoredJson.copy(outcome.cause) }
    : { ...outcome, exit: Handover.copyOf(outcome.exit) }

/** Forgets every waiter, so that dropped fibers are held by nothing. */
export const letGo = (pass: Pass): void => {
  pass.steps.clear()
  pass.open.clear()
  pass.timers.clear()
  pass.approvals.clear()
  pass.children.clear()
  pass.signals.clear()
  pass.budgets.length = 0
  pass.ends.clear()
  pass.deferredWaiters.clear()
}

/** The list with the item behind it. */
export const added = <A>(list: ReadonlyArray<A>, item: A): ReadonlyArray<A> =>
  list.length === 0 ? [item] : [...list, item]

/** The list without the item. */
export const without = <A>(list: ReadonlyArray<A>, item: A): ReadonlyArray<A> => {
  const index = list.indexOf(item)
  return index < 0 ? list : list.length === 1 ? none : list.toSpliced(index, 1)
}

export const remove = <A>(list: Array<A>, item: A): void => {
  const index = list.indexOf(item)
  if (index >= 0) list.splice(index, 1)
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** What most steps have of most things. A long run has thousands of steps at once, so they share it. */
const none: ReadonlyArray<never> = []

const signalOf = ({ signals }: Pass, name: string): AskedSignal => {
  let signal = signals.get(name)
  if (signal === undefined) signals.set(name, signal = { buffer: [], waiters: [] })
  return signal
}

const endStep = (pass: Pass, entry: NonNullable<RecordedStep["outcome"]>): void => {
  if (entry._tag === "StepFailed" && entry.retryAt !== undefined) return
  const { key } = entry
  const step = pass.steps.get(key)
  // The body of a step asks for its own when it runs, and finds their outcomes in the ledger.
  if (step === undefined) return
  const outcome = outcomeOf(entry)
  const { definition, waiters } = step
  setPhase(pass, step, "delivered")
  step.waiters = none
  // A numbered key is asked for once, so its outcome need not be kept.
  const once = definition.key === undefined && !definition.nested
  if (once) {
    pass.steps.delete(key)
    pass.ledger.steps.delete(key)
  } else step.delivered = outcome
  for (const resume of waiters) resume(once ? outcome : copied(outcome))
}
