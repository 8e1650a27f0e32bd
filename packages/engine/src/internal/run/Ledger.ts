/**
 * What a run's journal says, folded entry by entry: the same for an entry that
 * was recorded by an earlier owner and for one that is appended now. Pure.
 *
 * A ledger is ahead of the code while that is replayed: it holds the whole
 * journal from the start. What the code has asked for and been told is its
 * `Pass`.
 */
import * as ApprovalRouting from "@fermata/core/ApprovalRouting"
import * as ApprovalRule from "@fermata/core/ApprovalRule"
import * as EntryRole from "@fermata/core/EntryRole"
import type * as JournalEntry from "@fermata/core/JournalEntry"
import type { Taken } from "../Questions.ts"
import { SparseMap, SparseSet } from "../Sparse.ts"
import type { ApprovalResult } from "./Ask.ts"

type Entry = JournalEntry.JournalEntry
type EntryOf<T extends JournalEntry.Tag> = JournalEntry.EntryOf<T>

export interface RecordedStep {
  readonly key: string
  /** That of the first request, as text when it was asked for by this owner. */
  readonly input: unknown
  /** The latest request. */
  entry: EntryOf<"StepRequested">
  /** What ends it: no further attempt follows. */
  outcome: EntryOf<"StepCompleted"> | EntryOf<"StepFailed"> | undefined
  failures: ReadonlyArray<{ readonly at: number; readonly cause: unknown }>
  /** When the next attempt follows the latest failure. */
  retryAt: number | undefined
  /** Why the probe could not tell, when the latest request asked it. */
  probeFailure: unknown
  /** The body of the latest request did not end at its timeout. */
  letGo: boolean
  /** The latest attempt ended on purpose (a failure that parked the run, an orderly shutdown). */
  released: boolean
  /** The body certainly has not started since the latest request. */
  notStarted: boolean
  /** Requested, and neither ended nor suspended since: time counts as active. */
  inFlight: boolean
  /** The store was put back from a backup, and nobody knows whether the step has been done since. */
  doubt: Doubt | undefined
}

/** Why nobody knows whether a step has been done. */
export interface Doubt {
  /** When the backup had its last commit, ms since the epoch. */
  readonly from: number
  /** It was asked for since, so that its body has not begun here; else it was open in the backup. */
  readonly isNew: boolean
}

export interface RecordedApproval {
  readonly entry: EntryOf<"ApprovalRequested">
  /** With whom it went to. */
  question: ApprovalRule.Question
  readonly given: Array<ApprovalRule.Given>
  /** The answers and whom it went to, in their order. */
  readonly taken: Array<Taken>
  /** What the answers have come to, and the answer that decided. */
  decided: { readonly by: Entry; readonly result: ApprovalResult } | undefined
}

export interface RecordedChild {
  readonly entry: EntryOf<"ChildStarted">
  exit: JournalEntry.ExitJson | undefined
}

export interface Ledger {
  readonly steps: SparseMap<string, RecordedStep>
  /** Steps without an outcome. */
  readonly open: SparseSet<RecordedStep>
  /** Steps in flight when the run suspended: their bodies wait, and may go on by themselves. */
  readonly resting: SparseSet<RecordedStep>
  /** Timers that no code has been told of. */
  readonly timers: SparseMap<number, EntryOf<"TimerSet">>
  readonly approvals: SparseMap<string, RecordedApproval>
  readonly children: SparseMap<string, RecordedChild>
  /** The children that go on for others, in a retry, by the ids that the code knows. */
  readonly standIns: SparseMap<string, string>
  /** What the workflow did at once, by its key in `EntryRole`. */
  readonly acts: SparseMap<string, Entry>
  readonly signalIds: SparseSet<string>
  /** Ids of the events that waits of the run have taken. */
  readonly takenEvents: SparseSet<string>
  /** By their places: entries that are marks here, since they repeat a request or belong to a pass that was given up. */
  readonly marks: SparseSet<number>
  /** The runs whose ids may stand, in what a fork shares with them, where it has its own. */
  readonly ancestors: SparseSet<string>
  /** Failures that suspended the run, until somebody resumes it. */
  readonly parked: Array<EntryOf<"StepFailed">>
  /** The last entry, and how many steps are in flight behind it. */
  last: Entry | undefined
  inFlight: number
  /** Number of steps that were ever requested. */
  stepCount: number
  /** ms with a step in flight, between entries of one owner. */
  activeMs: number
  paused: boolean
  /** When the run was forked: nothing that it asks for anew began before. */
  forkedAt: number
  /** The run suspended on its failure, and nobody has resumed it. */
  parkedFailure: boolean
  /** The run suspended on its failure, and somebody has resumed it: what the failed pass withdrew is asked again. */
  revived: boolean
  /** The latest restore that the journal tells of. */
  restore: string | undefined
  /** The doubt that is in force: what the run asks for may have been done between the backup and now. */
  restored: EntryOf<"RunRestored"> | undefined
  /** The order to stop that came while the run was suspended on its failure: in force from the start of the next pass. */
  stop: EntryOf<"StopRequested"> | undefined
}

export const empty = (): Ledger => ({
  steps: new SparseMap(),
  open: new SparseSet(),
  resting: new SparseSet(),
  timers: new SparseMap(),
  approvals: new SparseMap(),
  children: new SparseMap(),
  standIns: new SparseMap(),
  acts: new SparseMap(),
  signalIds: new SparseSet(),
  takenEvents: new SparseSet(),
  marks: new SparseSet(),
  ancestors: new SparseSet(),
  parked: [],
  last: undefined,
  inFlight: 0,
  stepCount: 0,
  activeMs: 0,
  paused: false,
  forkedAt: -Infinity,
  parkedFailure: false,
  revived: false,
  restore: undefined,
  restored: undefined,
  stop: undefined
})

/** What these entries say. */
export const load = (history: ReadonlyArray<Entry>): Ledger => {
  const ledger = empty()
  for (const entry of history) apply(ledger, entry)
  return ledger
}

/** Takes in the next entry. */
export const apply = (ledger: Ledger, entry: Entry): void => {
  if (ledger.last?.epoch !== entry.epoch) ledger.resting.clear()
  else if (ledger.inFlight > 0) ledger.activeMs += Math.max(0, entry.at - ledger.last.at)
  ledger.last = entry
  switch (entry._tag) {
    case "StepRequested":
      return requested(ledger, entry)
    case "StepCompleted": {
      const step = ledger.steps.get(entry.key)
      if (step !== undefined) ended(ledger, step, entry)
      return
    }
    case "StepFailed": {
      const step = ledger.steps.get(entry.key)
      if (step === undefined) return
      if (entry.retryAt === undefined) {
        if (entry.parked === true) ledger.parked.push(entry)
        return ended(ledger, step, entry)
      }
      land(ledger, step)
      step.retryAt = entry.retryAt
      step.failures = [...step.failures, { at: entry.at, cause: entry.cause }]
      return
    }
    case "ProbeFailed": {
      const step = ledger.steps.get(entry.key)
      if (step !== undefined) step.probeFailure = entry.cause
      return
    }
    case "BodyLetGo": {
      const step = ledger.steps.get(entry.key)
      if (step !== undefined) step.letGo = true
      return
    }
    case "StepReleased": {
      const step = ledger.steps.get(entry.key)
      if (step !== undefined) step.released = true
      return
    }
    case "StepDoubted": {
      const step = ledger.steps.get(entry.key)
      if (step !== undefined) step.doubt = { from: entry.from, isNew: true }
      return
    }
    case "RunRestored":
      return restored(ledger, entry)
    case "RunConfirmed":
      ledger.restored = undefined
      for (const step of ledger.open) step.doubt = undefined
      return
    case "TimerFired":
      if (ledger.restored?.asleep === true) ledger.restored = undefined
      return
    case "TimerSet":
      return void ledger.timers.set(entry.timer, entry)
    case "ApprovalRequested":
      return void ledger.approvals.set(entry.key, { entry, question: entry, given: [], taken: [], decided: undefined })
    case "ApprovalAnswered":
      return answered(ledger, entry)
    case "ApprovalDelegated":
    case "ApprovalEscalated":
    case "ApprovalReminded": {
      const approval = ledger.approvals.get(entry.key)
      if (approval === undefined) return
      const routed = ApprovalRouting.routedOf(entry)
      approval.taken.push(routed)
      approval.question = { ...approval.question, routed: [...approval.question.routed ?? [], routed] }
      return
    }
    case "ChildStarted":
      if (entry.retryOf !== undefined) ledger.standIns.set(entry.retryOf, entry.child)
      return void ledger.children.set(entry.child, { entry, exit: undefined })
    case "ChildFinished": {
      const child = ledger.children.get(entry.child)
      if (child !== undefined) child.exit ??= entry.exit
      return
    }
    case "SignalReceived":
      return void ledger.signalIds.add(entry.id)
    case "RunRequested":
      if (entry.seed !== undefined) ledger.ancestors.add(entry.seed)
      return
    case "RunSuspended":
      return suspended(ledger, entry)
    case "PauseRequested":
      ledger.paused = true
      return
    case "RunResumed":
      if (entry.by === undefined) return wentOn(ledger)
      goesOn(ledger)
      for (const step of ledger.open) step.notStarted = false
      return
    case "StopRequested":
      if (ledger.parkedFailure) {
        ledger.stop = entry
        ledger.marks.add(entry.seq)
      }
      return goesOn(ledger)
    case "RunForked":
      return forked(ledger, entry)
    case "StateChanged":
    case "EventEmitted":
    case "PatchTaken":
    case "Decided":
    case "UnwindStarted":
    case "DeferredCompleted": {
      const request = EntryRole.requestOf(entry)
      if (request?.kind === "act") ledger.acts.set(request.key, entry)
      return
    }
    default:
      return
  }
}

/** The role of an entry in this journal. */
export const roleOf = (ledger: Ledger, entry: Entry): EntryRole.Role =>
  ledger.marks.has(entry.seq) ? "mark" : EntryRole.roleOf(entry)

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** What most steps have of most things. A long run has thousands of steps at once, so they share it. */
const none: ReadonlyArray<never> = []

const requested = (ledger: Ledger, entry: EntryOf<"StepRequested">): void => {
  if (entry.event !== undefined) ledger.takenEvents.add(entry.event.id)
  const step = ledger.steps.get(entry.key)
  if (step === undefined) {
    const first: RecordedStep = {
      key: entry.key,
      input: entry.input ?? null,
      entry,
      outcome: undefined,
      failures: none,
      retryAt: undefined,
      probeFailure: undefined,
      letGo: false,
      released: false,
      notStarted: ledger.paused,
      inFlight: true,
      doubt: undefined
    }
    ledger.steps.set(entry.key, first)
    ledger.open.add(first)
    ledger.stepCount++
    ledger.inFlight++
    return
  }
  ledger.marks.add(entry.seq)
  step.entry = entry
  step.retryAt = undefined
  step.probeFailure = undefined
  step.letGo = false
  step.released = false
  step.notStarted = ledger.paused
  step.doubt = undefined
  takeOff(ledger, step)
}

const ended = (ledger: Ledger, step: RecordedStep, entry: NonNullable<RecordedStep["outcome"]>): void => {
  land(ledger, step)
  step.outcome = entry
  ledger.open.delete(step)
}

const land = (ledger: Ledger, step: RecordedStep): void => {
  ledger.resting.delete(step)
  if (!step.inFlight) return
  step.inFlight = false
  ledger.inFlight--
}

const takeOff = (ledger: Ledger, step: RecordedStep): void => {
  if (step.inFlight) return
  step.inFlight = true
  ledger.inFlight++
}

/** Counts an answer; those that come behind the one that decided count for nothing. */
const answered = (ledger: Ledger, entry: EntryOf<"ApprovalAnswered">): void => {
  const approval = ledger.approvals.get(entry.key)
  if (approval === undefined || approval.decided !== undefined) return
  const { _tag, blobs: _blobs, epoch: _epoch, key: _key, open: _open, seq: _seq, ...given } = entry
  approval.given.push(given)
  approval.taken.push(given)
  const { by, decision, status } = ApprovalRule.standing(approval.question, approval.given)
  if (status === "open") return
  approval.decided = {
    by: entry,
    result: status === "granted"
      ? { _tag: "Approved", by, choice: decision?.choice, edit: decision?.edit, note: decision?.note }
      : status === "denied"
      ? { _tag: "Denied", by: given.by, note: given.note, timedOut: given.decision === "timeout" }
      : { _tag: "TimedOut" }
  }
}

const suspended = (ledger: Ledger, { waits }: EntryOf<"RunSuspended">): void => {
  ledger.parkedFailure = waits.some((wait) => wait.key === "failure" && wait.reason === "operator")
  for (const step of ledger.open) {
    if (step.inFlight) ledger.resting.add(step)
    step.inFlight = false
    const exhausted = waits.some((wait) => wait.reason === "recovery" && wait.key === step.key)
    if (!exhausted && step.entry.onCrash !== "ask") step.released = true
  }
  ledger.inFlight = 0
}

/** The bodies that waited are at work again, all of them for all that is known: a death of their process is theirs. */
const wentOn = (ledger: Ledger): void => {
  for (const step of ledger.resting) {
    takeOff(ledger, step)
    step.released = false
  }
  ledger.resting.clear()
}

/** The run goes on by the word of somebody, or is told to stop: the failures that suspended it are those of a pass that was given up. */
const goesOn = (ledger: Ledger): void => {
  ledger.revived ||= ledger.parkedFailure
  ledger.parkedFailure = false
  ledger.paused = false
  for (const failure of ledger.parked.splice(0)) {
    ledger.marks.add(failure.seq)
    const step = ledger.steps.get(failure.key)
    if (step === undefined) continue
    step.outcome = undefined
    step.released = true
    ledger.open.add(step)
  }
}

/** What was open in the backup may have been done since, but for what was to be tried again later than that. */
const restored = (ledger: Ledger, entry: EntryOf<"RunRestored">): void => {
  ledger.restore = entry.id
  ledger.restored = entry
  for (const step of ledger.open) {
    if (step.retryAt === undefined || step.retryAt <= entry.to) step.doubt ??= { from: entry.from, isNew: false }
  }
}

/**
 * Steps that another run had in flight begin here as if nobody had; in a retry, one whose rule is `ask` is settled by an
 * operator, since it may have happened for both. The time and pauses of that run do not count.
 */
const forked = (ledger: Ledger, { at, from, retry, seed }: EntryOf<"RunForked">): void => {
  ledger.resting.clear()
  ledger.inFlight = 0
  ledger.forkedAt = at
  ledger.ancestors.add(from).add(seed)
  ledger.activeMs = 0
  ledger.parkedFailure = false
  ledger.paused = false
  // A fork does by itself what its run may have done. A retry goes on with what that has begun.
  if (retry !== true) ledger.restored = undefined
  for (const step of ledger.open) {
    step.inFlight = false
    step.released = retry !== true || step.entry.onCrash !== "ask"
    step.notStarted = retry === true && step.notStarted
    if (retry !== true) step.doubt = undefined
  }
}
