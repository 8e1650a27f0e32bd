/**
 * What a run looks like: the fold of its journal.
 *
 * The fold is pure and goes entry by entry, at the same cost however long the
 * journal is. Views are plain JSON, so one that was sent elsewhere may be
 * folded on there.
 */
import type { CrashRule } from "./CrashRule.ts"
import * as Keyed from "./internal/Keyed.ts"
import { apply, emptyState, standingApproval, standingStep, stateOf, toView } from "./internal/RunFold.ts"
import type * as JournalEntry from "./JournalEntry.ts"
import type { RunStatus, SuspendReason } from "./RunStatus.ts"
import type { Wait } from "./Wait.ts"

/** A recorded failure: its cause as JSON (see `ExitJson`), and one sentence about it for people. */
export interface Failure {
  readonly cause: unknown
  readonly message: string
}

/**
 * `requested` and not at work (the run is paused, suspended or not taken up);
 * `running`; `backoff` between attempts; `abandoned` when the run ended without
 * its outcome (a lost race, a timeout, a cancel).
 */
export type StepStatus = "requested" | "running" | "completed" | "failed" | "backoff" | "abandoned"

/** One step. Times are ms since the epoch. */
export interface StepView {
  readonly key: string
  readonly name: string
  readonly status: StepStatus
  /** Attempts begun, from 1. */
  readonly attempts: number
  /** How often a process died while the latest attempt was in flight. */
  readonly recoveries: number
  readonly onCrash: CrashRule
  readonly requestedAt: number
  readonly endedAt?: number
  /** When the next attempt begins, in `backoff`. */
  readonly retryAt?: number
  readonly input?: unknown
  readonly output?: unknown
  /** Why it failed, or why its latest attempt did. */
  readonly error?: Failure
  /** Who settled it, when an operator did. */
  readonly settledBy?: string
  /** Its probe is asked, or has said that it was done. */
  readonly probed?: boolean
  readonly label?: string
  /** Asked for by the body of another step. */
  readonly nested?: boolean
}

export interface TimerView {
  readonly timer: number
  readonly label?: string
  readonly setAt: number
  readonly dueAt: number
  readonly firedAt?: number
}

export interface ChildView {
  readonly child: string
  readonly workflow: string
  readonly version: string
  readonly payload: unknown
  /** Whether the run is told its outcome. */
  readonly linked: boolean
  /** `running` until the run has been told its outcome. */
  readonly status: "running" | "completed" | "failed"
  readonly startedAt: number
  readonly endedAt?: number
  readonly output?: unknown
  readonly error?: Failure
}

/** Signals of one name that have been received. */
export interface SignalView {
  readonly name: string
  readonly count: number
  readonly lastAt: number
}

export interface AnswerView {
  readonly id: string
  readonly decision: "approve" | "deny" | "timeout"
  readonly by: string
  readonly at: number
  readonly choice?: string
  /** The arguments that it approves, where those are not the ones asked about. */
  readonly edit?: unknown
  /** Of the arguments that it is about. */
  readonly hash?: string
  readonly note?: string
}

/** A question to people, with its answers so far. */
export interface ApprovalView {
  readonly key: string
  readonly prompt: string
  readonly approvers: ReadonlyArray<string>
  readonly choices: ReadonlyArray<string>
  readonly quorum: number
  /** How many may answer, where the question says so. */
  readonly of?: number
  readonly editable: boolean
  readonly args?: unknown
  /** Of the arguments: approvals count for what it names. */
  readonly hash?: string
  /** Who has asked for the run and may therefore not answer. */
  readonly requester?: string
  /** JSON Schema of the arguments, where they may be edited. */
  readonly schema?: unknown
  readonly deadline?: number
  readonly onTimeout: "deny" | "approve" | "fail"
  readonly requestedAt: number
  readonly endedAt?: number
  /** `expired` when its deadline passed and that is a failure; `abandoned` when the run ended without an answer. */
  readonly status: "open" | "granted" | "denied" | "expired" | "abandoned"
  readonly answers: ReadonlyArray<AnswerView>
}

/** A named JSON document of the run. */
export interface DocumentView {
  readonly name: string
  readonly revision: number
  readonly value: unknown
  /** Why the latest patch could not be applied; `value` is then the one before. */
  readonly problem?: string
}

export interface EventView {
  readonly id: string
  readonly name: string
  readonly payload: unknown
  readonly at: number
}

export interface NoteView {
  readonly seq: number
  readonly kind: string
  readonly text: string
  readonly at: number
}

/** An order to stop that the run has taken: a cancel, a limit that it went past, the end of its parent, or asynchronous work of its body's own. */
export interface StopView {
  readonly kind: "cancel" | "limit" | "parent" | "foreign"
  readonly by: string
  readonly reason: string
  readonly at: number
}

/** Where a fork comes from. */
export interface ForkView {
  /** The run whose entries up to the step it shares. */
  readonly from: string
  /** The first step that is not shared. */
  readonly step: string
  readonly sharedEntries: number
  readonly at: number
  /** Whether its input is another. */
  readonly input: boolean
  /** Shared steps whose outcomes were replaced. */
  readonly set: ReadonlyArray<string>
}

/** ms since the epoch, except `activeMs`: ms in which the run was not suspended. */
export interface TimesView {
  readonly requestedAt: number
  readonly startedAt?: number
  readonly endedAt?: number
  /** Time of the latest entry. */
  readonly updatedAt: number
  readonly activeMs: number
}

export interface CountsView {
  /** Entries folded so far, which is also the `seq` of the next. */
  readonly entries: number
  readonly steps: number
  readonly completed: number
  readonly failed: number
  readonly attempts: number
  readonly recoveries: number
  readonly timers: number
  readonly children: number
  readonly signals: number
  readonly approvals: number
  readonly events: number
}

/** A run as its journal tells it. Lists are in the order of the journal. */
export interface RunView {
  readonly id: string
  /** Empty until the first entry. */
  readonly workflow: string
  readonly version: string
  readonly status: RunStatus
  /** The most urgent of the waits, when suspended. */
  readonly reason?: SuspendReason
  /** Empty unless suspended. */
  readonly waits: ReadonlyArray<Wait>
  /** An operator's pause is in force: no step starts. */
  readonly paused: boolean
  readonly payload: unknown
  readonly by?: string
  readonly parent?: string
  readonly trigger?: { readonly event: string; readonly id: string }
  readonly fork?: ForkView
  readonly output?: unknown
  readonly error?: Failure
  readonly stop?: StopView
  /** How many owners the run has had, by its latest entry. */
  readonly epoch: number
  readonly times: TimesView
  readonly counts: CountsView
  readonly steps: ReadonlyArray<StepView>
  readonly timers: ReadonlyArray<TimerView>
  readonly children: ReadonlyArray<ChildView>
  readonly signals: ReadonlyArray<SignalView>
  readonly approvals: ReadonlyArray<ApprovalView>
  readonly state: Readonly<Record<string, DocumentView>>
  readonly events: ReadonlyArray<EventView>
  readonly notes: ReadonlyArray<NoteView>
}

/** A run of which nothing is known but its id. */
export const empty = (runId: string): RunView => toView(emptyState(runId))

/** The view after one more entry. The view given stays as it was. */
export const fold = (view: RunView, entry: JournalEntry.JournalEntry): RunView => foldAll(view, [entry])

/** The view after these entries. Cheaper than one by one. */
export const foldAll = (view: RunView, entries: ReadonlyArray<JournalEntry.JournalEntry>): RunView => {
  const state = { ...stateOf(view) }
  for (const entry of entries) apply(state, entry)
  return toView(state)
}

/** The view of a run with this journal, or with this beginning of one. */
export const of = (runId: string, entries: ReadonlyArray<JournalEntry.JournalEntry>): RunView =>
  foldAll(empty(runId), entries)

/**
 * The view with the status that the store has. A run that diverged, is corrupt
 * or was given up by recovery is suspended without an entry, so its journal
 * alone does not tell.
 */
export const withStatus = (view: RunView, status: RunStatus, waits: ReadonlyArray<Wait>): RunView =>
  toView({ ...stateOf(view), status, waits })

/** The step of this key, found at once however many there are. */
export const step = (view: RunView, key: string): StepView | undefined => {
  const state = stateOf(view)
  const found = Keyed.get(state.steps, key)
  return found === undefined ? undefined : standingStep(state)(found)
}

/** The approval of this key. */
export const approval = (view: RunView, key: string): ApprovalView | undefined => {
  const state = stateOf(view)
  const found = Keyed.get(state.approvals, key)
  return found === undefined ? undefined : standingApproval(state)(found)
}

const endlessReasons: ReadonlySet<SuspendReason> = new Set([
  "corrupt",
  "diverged",
  "recovery",
  "outcome-unknown",
  "budget",
  "operator",
  "approval"
])

/**
 * Whether only a person, a signal or an operator ends this wait. A deadline of
 * an approval does not count as an end; that of a signal does.
 */
export const isForPeople = (wait: Wait): boolean =>
  endlessReasons.has(wait.reason) || (wait.reason === "signal" && wait.until === undefined)

/** Whether a run with these waits goes on only by a person, a signal or an operator: no timer, child or handoff is among them, or it is paused. */
export const waitsForPeople = (waits: ReadonlyArray<Wait>): boolean =>
  waits.length > 0 && (waits.some((wait) => wait.reason === "operator") || waits.every(isForPeople))
