/**
 * The fold of a run's journal: the state between two entries, and the view of
 * it. Lists are persistent and turned into arrays when somebody looks.
 */
import * as EntryRole from "../EntryRole.ts"
import type * as JournalEntry from "../JournalEntry.ts"
import * as RunSpending from "../RunSpending.ts"
import { isFinal, reasonOf, type RunStatus } from "../RunStatus.ts"
import type {
  ApprovalView,
  BudgetView,
  ChildView,
  DecisionView,
  DocumentView,
  EventView,
  Failure,
  NoteView,
  RefusalView,
  RestoredView,
  RunView,
  SignalView,
  StepView,
  StopView,
  TimerView
} from "../RunViewSchema.ts"
import * as Spent from "../Spent.ts"
import type { Wait } from "../Wait.ts"
import * as Costs from "./Costs.ts"
import { countsOf } from "./Counts.ts"
import * as Documents from "./Documents.ts"
import * as Keyed from "./Keyed.ts"
import { present } from "./Present.ts"
import * as Questions from "./Questions.ts"
import * as Steps from "./Steps.ts"

type EntryOf<T extends JournalEntry.Tag> = JournalEntry.EntryOf<T>

export interface State {
  readonly id: string
  workflow: string
  version: string
  status: RunStatus
  waits: ReadonlyArray<Wait>
  paused: boolean
  payload: unknown
  by: string | undefined
  parent: string | undefined
  trigger: RunView["trigger"]
  fork: RunView["fork"]
  /** Wrapped, since an output may be undefined. */
  output: { readonly value: unknown } | undefined
  error: Failure | undefined
  stop: StopView | undefined
  restored?: RestoredView | undefined
  epoch: number
  requestedAt: number
  startedAt: number | undefined
  endedAt: number | undefined
  updatedAt: number
  activeMs: number
  entries: number
  budget: BudgetView
  steps: Keyed.Keyed<string, StepView>
  timers: Keyed.Keyed<number, TimerView>
  children: Keyed.Keyed<string, ChildView>
  signals: Keyed.Keyed<string, SignalView>
  approvals: Keyed.Keyed<string, ApprovalView>
  documents: Keyed.Keyed<string, DocumentView>
  events: Keyed.Keyed<string, EventView>
  decisions: Keyed.Keyed<string, DecisionView>
  refusals: Keyed.Keyed<number, RefusalView>
  notes: Keyed.Keyed<number, NoteView>
}

const keyOf = {
  steps: (step: StepView) => step.key,
  timers: (timer: TimerView) => timer.timer,
  children: (child: ChildView) => child.child,
  signals: (signal: SignalView) => signal.name,
  approvals: (approval: ApprovalView) => approval.key,
  documents: (document: DocumentView) => document.name,
  events: (event: EventView) => event.id,
  decisions: (decision: DecisionView) => decision.key,
  refusals: (refusal: RefusalView) => refusal.seq,
  notes: (note: NoteView) => note.seq
}

export const emptyState = (id: string): State => ({
  id,
  workflow: "",
  version: "",
  status: "queued",
  waits: [],
  paused: false,
  payload: null,
  by: undefined,
  parent: undefined,
  trigger: undefined,
  fork: undefined,
  output: undefined,
  error: undefined,
  stop: undefined,
  epoch: 0,
  requestedAt: 0,
  startedAt: undefined,
  endedAt: undefined,
  updatedAt: 0,
  activeMs: 0,
  entries: 0,
  budget: { raised: Spent.zero },
  steps: Keyed.empty(keyOf.steps),
  timers: Keyed.empty(keyOf.timers),
  children: Keyed.empty(keyOf.children),
  signals: Keyed.empty(keyOf.signals),
  approvals: Keyed.empty(keyOf.approvals),
  documents: Keyed.empty(keyOf.documents),
  events: Keyed.empty(keyOf.events),
  decisions: Keyed.empty(keyOf.decisions),
  refusals: Keyed.empty(keyOf.refusals),
  notes: Keyed.empty(keyOf.notes)
})

const states = new WeakMap<RunView, Readonly<State>>()

export const stateOf = (view: RunView): Readonly<State> => states.get(view) ?? rebuild(view)

/** The state of a view that was made elsewhere, from its data. */
const rebuild = (view: RunView): State => ({
  id: view.id,
  workflow: view.workflow,
  version: view.version,
  status: view.status,
  waits: view.waits,
  paused: view.paused,
  payload: view.payload,
  by: view.by,
  parent: view.parent,
  trigger: view.trigger,
  fork: view.fork,
  output: "output" in view ? { value: view.output } : undefined,
  error: view.error,
  stop: view.stop,
  restored: view.restored,
  epoch: view.epoch,
  requestedAt: view.times.requestedAt,
  startedAt: view.times.startedAt,
  endedAt: view.times.endedAt,
  updatedAt: view.times.updatedAt,
  activeMs: view.times.activeMs,
  entries: view.counts.entries,
  budget: view.budget,
  steps: Keyed.from(keyOf.steps, view.steps.map((step) => isOpen(step) ? { ...step, status: "requested" } : step)),
  timers: Keyed.from(keyOf.timers, view.timers),
  children: Keyed.from(keyOf.children, view.children),
  signals: Keyed.from(keyOf.signals, view.signals),
  approvals: Keyed.from(
    keyOf.approvals,
    view.approvals.map((approval) => approval.status === "abandoned" ? { ...approval, status: "open" } : approval)
  ),
  documents: Keyed.from(keyOf.documents, Object.values(view.state)),
  events: Keyed.from(keyOf.events, view.events),
  decisions: Keyed.from(keyOf.decisions, view.decisions),
  refusals: Keyed.from(keyOf.refusals, view.refusals),
  notes: Keyed.from(keyOf.notes, view.notes)
})

const isOpen = (step: StepView): boolean =>
  step.status === "requested" || step.status === "running" || step.status === "abandoned"

const lazy = <A>(make: () => A): () => A => {
  let made: { readonly value: A } | undefined
  return () => (made ??= { value: make() }).value
}

/** How a step without an outcome stands, by where its run stands. */
export const standingStep = (state: Readonly<State>): (step: StepView) => StepView => {
  const status = isFinal(state.status)
    ? "abandoned"
    : state.status === "running" && !state.paused
    ? "running"
    : "requested"
  return (step) =>
    step.status !== "requested" && step.reserved === undefined
      ? step
      : status === "abandoned"
      ? { ...Costs.withCost(step, Spent.closed(step)), ...(step.status === "requested" ? { status } : {}) }
      : step.status === "requested"
      ? { ...step, status }
      : step
}

export const standingApproval = (state: Readonly<State>): (approval: ApprovalView) => ApprovalView => {
  const final = isFinal(state.status)
  return (approval) => final && approval.status === "open" ? { ...approval, status: "abandoned" } : approval
}

export const toView = (state: Readonly<State>): RunView => {
  const reason = state.status === "suspended" ? reasonOf(state.waits) : undefined
  const steps = lazy(() => Keyed.toArray(state.steps).map(standingStep(state)))
  const approvals = lazy(() => Keyed.toArray(state.approvals).map(standingApproval(state)))
  const timers = lazy(() => Keyed.toArray(state.timers))
  const children = lazy(() => Keyed.toArray(state.children))
  const signals = lazy(() => Keyed.toArray(state.signals))
  const events = lazy(() => Keyed.toArray(state.events))
  const decisions = lazy(() => Keyed.toArray(state.decisions))
  const refusals = lazy(() => Keyed.toArray(state.refusals))
  const notes = lazy(() => Keyed.toArray(state.notes))
  const documents = lazy(() =>
    Object.fromEntries(Keyed.toArray(state.documents).map((document) => [document.name, document]))
  )
  const counts = lazy(() => countsOf(state))
  const spent = lazy(() => Costs.spentOf(state.steps, state.children, isFinal(state.status)))
  const view: RunView = {
    id: state.id,
    workflow: state.workflow,
    version: state.version,
    status: state.status,
    ...(reason === undefined ? {} : { reason }),
    waits: state.status === "suspended" ? state.waits : [],
    paused: state.paused,
    payload: state.payload,
    ...present(state, "by", "parent", "trigger", "fork", "error", "stop", "restored"),
    ...(state.output === undefined ? {} : { output: state.output.value }),
    epoch: state.epoch,
    times: {
      requestedAt: state.requestedAt,
      ...present(state, "startedAt", "endedAt"),
      updatedAt: state.updatedAt,
      activeMs: state.activeMs
    },
    get counts() {
      return counts()
    },
    get spent() {
      return spent()
    },
    budget: state.budget,
    get steps() {
      return steps()
    },
    get timers() {
      return timers()
    },
    get children() {
      return children()
    },
    get signals() {
      return signals()
    },
    get approvals() {
      return approvals()
    },
    get state() {
      return documents()
    },
    get events() {
      return events()
    },
    get decisions() {
      return decisions()
    },
    get refusals() {
      return refusals()
    },
    get notes() {
      return notes()
    }
  }
  states.set(view, state)
  return view
}

/** Takes an entry into a state that nobody else holds. */
export const apply = (state: State, entry: JournalEntry.JournalEntry): void => {
  // Between two entries of one owner the run was at work, unless it was suspended.
  if (state.status === "running" && entry.epoch === state.epoch) {
    state.activeMs += Math.max(0, entry.at - state.updatedAt)
  }
  state.epoch = entry.epoch
  state.updatedAt = entry.at
  state.entries = entry.seq + 1
  if (EntryRole.goesOn(entry)) goOn(state, entry.at)
  switch (entry._tag) {
    case "RunRequested":
      state.workflow = entry.workflow
      state.version = entry.version
      state.payload = entry.payload
      state.by = entry.by
      state.parent = entry.parent
      state.trigger = entry.trigger
      state.requestedAt = entry.at
      if (entry.granted !== undefined) state.budget = { ...state.budget, granted: entry.granted }
      return
    case "RunForked":
      return fork(state, entry)
    case "RunStarted":
      state.startedAt = entry.at
      return
    case "RunSuspended":
      state.status = "suspended"
      state.waits = entry.waits
      return
    case "RunResumed":
      if (entry.by !== undefined) state.paused = false
      return
    case "RunCompleted":
      state.output = { value: entry.output }
      return end(state, "completed", entry.at)
    case "RunFailed":
      state.error = Steps.failure(entry.cause)
      return end(state, "failed", entry.at)
    case "RunCancelled":
      state.stop ??= { kind: "cancel", by: entry.by, reason: entry.reason, at: entry.at }
      state.error = Steps.failure(entry.cause)
      return end(state, "cancelled", entry.at)
    case "StopRequested":
      state.paused = false
      state.stop ??= { kind: entry.kind, by: entry.by, reason: entry.reason, at: entry.at }
      // A run that was suspended on its failure is taken up to be stopped.
      if (state.waits.some((wait) => wait.reason === "operator" && wait.key === "failure")) goOn(state, entry.at)
      return
    case "PauseRequested":
      state.paused = true
      return
    case "RunRestored":
      state.restored = present(entry, "from", "to", "asleep") as RestoredView
      return
    case "RunConfirmed":
      state.restored = undefined
      return
    case "StepRequested":
    case "StepCompleted":
    case "ProbeFailed":
    case "StepFailed":
      state.steps = Steps.after(state.steps, entry)
      return
    case "SignalReceived":
      state.signals = Keyed.set(state.signals, {
        name: entry.name,
        count: (Keyed.get(state.signals, entry.name)?.count ?? 0) + 1,
        lastAt: entry.at
      })
      if (entry.name === RunSpending.budgetSignal) {
        const raised = Spent.sum(state.budget.raised, RunSpending.raiseOf(entry.payload))
        state.budget = { ...state.budget, raised }
      }
      return
    case "ApprovalRequested": {
      const { _tag, at, blobs: _blobs, epoch: _epoch, seq: _seq, ...question } = entry
      state.approvals = Keyed.set(state.approvals, { ...question, requestedAt: at, status: "open", answers: [] })
      return
    }
    case "ApprovalAnswered":
    case "ApprovalDelegated":
    case "ApprovalEscalated":
    case "ApprovalReminded": {
      const approval = Keyed.get(state.approvals, entry.key)
      if (approval !== undefined) state.approvals = Keyed.set(state.approvals, Questions.after(approval, entry))
      return
    }
    case "TimerSet":
      state.timers = Keyed.set(state.timers, {
        timer: entry.timer,
        setAt: entry.at,
        dueAt: entry.dueAt,
        ...present(entry, "label")
      })
      return
    case "TimerFired": {
      const timer = Keyed.get(state.timers, entry.timer)
      if (state.restored?.asleep) state.restored = undefined
      if (timer !== undefined) state.timers = Keyed.set(state.timers, { ...timer, firedAt: entry.at })
      return
    }
    case "ChildStarted":
      state.children = Keyed.set(state.children, {
        child: entry.child,
        workflow: entry.workflow,
        version: entry.version,
        payload: entry.payload,
        linked: entry.linked,
        status: "running",
        startedAt: entry.at,
        ...present(entry, "granted", "retryOf")
      })
      return
    case "ChildFinished": {
      const child = Keyed.get(state.children, entry.child)
      if (child === undefined) return
      state.children = Keyed.set(state.children, {
        ...child,
        endedAt: entry.at,
        ...present(entry, "spent"),
        ...(entry.exit._tag === "Success"
          ? { status: "completed", ...("value" in entry.exit ? { output: entry.exit.value } : {}) }
          : { status: "failed", error: Steps.failure(entry.exit.cause) })
      })
      return
    }
    case "StateChanged":
      state.documents = Keyed.set(state.documents, Documents.changed(Keyed.get(state.documents, entry.name), entry))
      return
    case "EventEmitted":
      state.events = Keyed.set(state.events, { id: entry.id, name: entry.name, payload: entry.payload, at: entry.at })
      return
    case "Decided": {
      const { at, key, name } = entry
      state.decisions = Keyed.set(state.decisions, { key, name, ...present(entry, "value"), at })
      return
    }
    case "MessageRefused": {
      const { at, kind, seq, text, why } = entry
      state.refusals = Keyed.set(state.refusals, { seq, kind, why, text, at })
      return
    }
    case "BodyLetGo":
      state.notes = Keyed.set(state.notes, { seq: entry.seq, kind: "step-let-go", text: entry.text, at: entry.at })
      return
    case "Note":
      state.notes = Keyed.set(state.notes, { seq: entry.seq, kind: entry.kind, text: entry.text, at: entry.at })
      return
  }
}

/** What came before was another run's time and money, and its pauses are not this run's. */
const fork = (state: State, entry: EntryOf<"RunForked">): void => {
  const { at, from, input = false, seq, set = [] } = entry
  if (!entry.retry) state.restored = undefined
  state.fork = { from, ...present(entry, "step", "retry"), sharedEntries: seq, at, input, set }
  state.status = "queued"
  state.waits = []
  state.paused = false
  state.requestedAt = at
  state.startedAt = undefined
  state.activeMs = 0
  state.steps = Costs.freeSteps(state.steps)
  state.children = Costs.freeChildren(state.children)
}

const goOn = (state: State, at: number): void => {
  state.startedAt ??= at
  state.status = "running"
  state.waits = []
}

const end = (state: State, status: RunStatus, at: number): void => {
  state.status = status
  state.waits = []
  state.paused = false
  state.restored = undefined
  state.endedAt = at
}
