/**
 * What a run looks like: the fold of its journal.
 *
 * The fold is pure and goes entry by entry, at the same cost however long the
 * journal is. Views are plain JSON, so one that was sent elsewhere may be
 * folded on there. Their shapes are schemas in `RunViewSchema`, of which this
 * module takes the types alone.
 */
import * as Keyed from "./internal/Keyed.ts"
import { apply, emptyState, standingApproval, standingStep, stateOf, toView } from "./internal/RunFold.ts"
import type * as JournalEntry from "./JournalEntry.ts"
import type { RunStatus, SuspendReason } from "./RunStatus.ts"
import type { ApprovalView, RunView, StepView } from "./RunViewSchema.ts"
import type { Wait } from "./Wait.ts"

export type {
  AnswerView,
  ApprovalView,
  BudgetView,
  ChildView,
  CountsView,
  DecisionView,
  DocumentView,
  EventView,
  Failure,
  ForkView,
  NoteView,
  RefusalView,
  RunView,
  SignalView,
  SpentView,
  StepStatus,
  StepView,
  StopView,
  TimerView,
  TimesView
} from "./RunViewSchema.ts"

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
 * or was stopped by recovery is suspended without an entry, so its journal alone
 * does not tell.
 */
export const withStatus = (view: RunView, status: RunStatus, waits: ReadonlyArray<Wait>): RunView =>
  toView({ ...stateOf(view), status, waits })

/** How a run stands, as its store says it. */
export interface Standing {
  readonly status: RunStatus
  readonly reason?: SuspendReason
  readonly waits: ReadonlyArray<Wait>
  /** Length of its journal. */
  readonly entries: number
}

/**
 * The view as its store says that the run stands, when both are of the same
 * moment. A run that has started and neither asked for anything nor waits is
 * still queued in its store, and its journal knows better.
 */
export const standing = (view: RunView, { entries, reason, status, waits }: Standing): RunView =>
  status !== "queued" && (view.counts.entries === entries || reason === "corrupt")
    ? withStatus(view, status, waits)
    : view

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
