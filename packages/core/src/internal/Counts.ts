/** How many things of each kind a run has. */
import type {
  ApprovalView,
  ChildView,
  CountsView,
  EventView,
  SignalView,
  StepView,
  TimerView
} from "../RunViewSchema.ts"
import * as Keyed from "./Keyed.ts"

/** What of a run is counted. */
interface Counted {
  readonly entries: number
  readonly steps: Keyed.Keyed<string, StepView>
  readonly timers: Keyed.Keyed<number, TimerView>
  readonly children: Keyed.Keyed<string, ChildView>
  readonly signals: Keyed.Keyed<string, SignalView>
  readonly approvals: Keyed.Keyed<string, ApprovalView>
  readonly events: Keyed.Keyed<string, EventView>
}

export const countsOf = (state: Counted): CountsView => {
  let completed = 0
  let failed = 0
  let attempts = 0
  let recoveries = 0
  let signals = 0
  for (const step of Keyed.toArray(state.steps)) {
    if (step.status === "completed") completed++
    else if (step.status === "failed") failed++
    attempts += step.attempts
    recoveries += step.recoveries
  }
  for (const signal of Keyed.toArray(state.signals)) signals += signal.count
  return {
    entries: state.entries,
    steps: state.steps.size,
    completed,
    failed,
    attempts,
    recoveries,
    timers: state.timers.size,
    children: state.children.size,
    signals,
    approvals: state.approvals.size,
    events: state.events.size
  }
}
