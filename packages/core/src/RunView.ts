/**
 * What a run looks like: the fold of its journal.
 *
 * The fold is pure and goes entry by entry, at the same cost however long the
 * journal is. Views are plain JSON, so one that was sent elsewhere may be
 * folded on there.
 */
import type { CrashRule } from "./CrashRule.ts"
import * as ExitJson from "./ExitJson.ts"
import * as Keyed from "./internal/Keyed.ts"
import * as Patch from "./internal/Patch.ts"
import type * as JournalEntry from "./JournalEntry.ts"
import { isFinal, reasonOf, type RunStatus, type SuspendReason, type Wait } from "./RunStatus.ts"

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
  readonly edit?: unknown
  readonly note?: string
}

/** A question to people, with its answers so far. */
export interface ApprovalView {
  readonly key: string
  readonly prompt: string
  readonly approvers: ReadonlyArray<string>
  readonly choices: ReadonlyArray<string>
  readonly quorum: number
  readonly editable: boolean
  readonly args?: unknown
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

/** An order to stop that the run has taken: a cancel, a limit that it went past, or the end of its parent. */
export interface StopView {
  readonly kind: "cancel" | "limit" | "parent"
  readonly by: string
  readonly reason: string
  readonly at: number
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
export const of = (runId: string, entries: ReadonlyArray<JournalEntry.JournalEntry>): RunView => foldAll(empty(runId), entries)

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

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

type Entry = JournalEntry.JournalEntry
type EntryOf<T extends JournalEntry.Tag> = JournalEntry.EntryOf<T>

interface State {
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
  /** Wrapped, since an output may be undefined. */
  output: { readonly value: unknown } | undefined
  error: Failure | undefined
  stop: StopView | undefined
  epoch: number
  requestedAt: number
  startedAt: number | undefined
  endedAt: number | undefined
  updatedAt: number
  activeMs: number
  entries: number
  steps: Keyed.Keyed<string, StepView>
  timers: Keyed.Keyed<number, TimerView>
  children: Keyed.Keyed<string, ChildView>
  signals: Keyed.Keyed<string, SignalView>
  approvals: Keyed.Keyed<string, ApprovalView>
  documents: Keyed.Keyed<string, DocumentView>
  events: Keyed.Keyed<string, EventView>
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
  notes: (note: NoteView) => note.seq
}

const emptyState = (id: string): State => ({
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
  steps: Keyed.empty(keyOf.steps),
  timers: Keyed.empty(keyOf.timers),
  children: Keyed.empty(keyOf.children),
  signals: Keyed.empty(keyOf.signals),
  approvals: Keyed.empty(keyOf.approvals),
  documents: Keyed.empty(keyOf.documents),
  events: Keyed.empty(keyOf.events),
  notes: Keyed.empty(keyOf.notes)
})

const states = new WeakMap<RunView, Readonly<State>>()

const stateOf = (view: RunView): Readonly<State> => states.get(view) ?? rebuild(view)

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
  output: "output" in view ? { value: view.output } : undefined,
  error: view.error,
  stop: view.stop,
  epoch: view.epoch,
  requestedAt: view.times.requestedAt,
  startedAt: view.times.startedAt,
  endedAt: view.times.endedAt,
  updatedAt: view.times.updatedAt,
  activeMs: view.times.activeMs,
  entries: view.counts.entries,
  steps: Keyed.from(keyOf.steps, view.steps.map((step) => isOpen(step) ? { ...step, status: "requested" } : step)),
  timers: Keyed.from(keyOf.timers, view.timers),
  children: Keyed.from(keyOf.children, view.children),
  signals: Keyed.from(keyOf.signals, view.signals),
  approvals: Keyed.from(keyOf.approvals, view.approvals.map((approval) =>
    approval.status === "abandoned" ? { ...approval, status: "open" } : approval)),
  documents: Keyed.from(keyOf.documents, Object.values(view.state)),
  events: Keyed.from(keyOf.events, view.events),
  notes: Keyed.from(keyOf.notes, view.notes)
})

const isOpen = (step: StepView): boolean =>
  step.status === "requested" || step.status === "running" || step.status === "abandoned"

const lazy = <A>(make: () => A): () => A => {
  let made: { readonly value: A } | undefined
  return () => (made ??= { value: make() }).value
}

/** How a step without an outcome stands, by where its run stands. */
const standingStep = (state: Readonly<State>): (step: StepView) => StepView => {
  const status = isFinal(state.status) ? "abandoned" : state.status === "running" && !state.paused ? "running" : "requested"
  return (step) => step.status === "requested" ? { ...step, status } : step
}

const standingApproval = (state: Readonly<State>): (approval: ApprovalView) => ApprovalView => {
  const final = isFinal(state.status)
  return (approval) => final && approval.status === "open" ? { ...approval, status: "abandoned" } : approval
}

const toView = (state: Readonly<State>): RunView => {
  const reason = state.status === "suspended" ? reasonOf(state.waits) : undefined
  const steps = lazy(() => Keyed.toArray(state.steps).map(standingStep(state)))
  const approvals = lazy(() => Keyed.toArray(state.approvals).map(standingApproval(state)))
  const timers = lazy(() => Keyed.toArray(state.timers))
  const children = lazy(() => Keyed.toArray(state.children))
  const signals = lazy(() => Keyed.toArray(state.signals))
  const events = lazy(() => Keyed.toArray(state.events))
  const notes = lazy(() => Keyed.toArray(state.notes))
  const documents = lazy(() => Object.fromEntries(Keyed.toArray(state.documents).map((document) => [document.name, document])))
  const counts = lazy(() => countsOf(state))
  const view: RunView = {
    id: state.id,
    workflow: state.workflow,
    version: state.version,
    status: state.status,
    ...(reason === undefined ? {} : { reason }),
    waits: state.status === "suspended" ? state.waits : [],
    paused: state.paused,
    payload: state.payload,
    ...(state.by === undefined ? {} : { by: state.by }),
    ...(state.parent === undefined ? {} : { parent: state.parent }),
    ...(state.trigger === undefined ? {} : { trigger: state.trigger }),
    ...(state.output === undefined ? {} : { output: state.output.value }),
    ...(state.error === undefined ? {} : { error: state.error }),
    ...(state.stop === undefined ? {} : { stop: state.stop }),
    epoch: state.epoch,
    times: {
      requestedAt: state.requestedAt,
      ...(state.startedAt === undefined ? {} : { startedAt: state.startedAt }),
      ...(state.endedAt === undefined ? {} : { endedAt: state.endedAt }),
      updatedAt: state.updatedAt,
      activeMs: state.activeMs
    },
    get counts() {
      return counts()
    },
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
    get notes() {
      return notes()
    }
  }
  states.set(view, state)
  return view
}

const countsOf = (state: Readonly<State>): CountsView => {
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

const failure = (cause: unknown): Failure => ({ cause, message: ExitJson.causeMessage(cause) })

/** Takes an entry into a state that nobody else holds. */
const apply = (state: State, entry: Entry): void => {
  // Between two entries of one owner the run was at work, unless it was suspended.
  if (state.status === "running" && entry.epoch === state.epoch) state.activeMs += Math.max(0, entry.at - state.updatedAt)
  state.epoch = entry.epoch
  state.updatedAt = entry.at
  state.entries = entry.seq + 1
  switch (entry._tag) {
    case "RunRequested":
      state.workflow = entry.workflow
      state.version = entry.version
      state.payload = entry.payload
      state.by = entry.by
      state.parent = entry.parent
      state.trigger = entry.trigger
      state.requestedAt = entry.at
      return
    case "RunStarted":
      state.startedAt = entry.at
      return goOn(state)
    case "RunSuspended":
      state.status = "suspended"
      state.waits = entry.waits
      return
    case "RunResumed":
      state.paused = false
      return goOn(state)
    case "RunCompleted":
      state.output = { value: entry.output }
      return end(state, "completed", entry.at)
    case "RunFailed":
      state.error = failure(entry.cause)
      return end(state, "failed", entry.at)
    case "RunCancelled":
      state.stop ??= { kind: "cancel", by: entry.by, reason: entry.reason, at: entry.at }
      state.error = failure(entry.cause)
      return end(state, "cancelled", entry.at)
    case "StopRequested":
      state.stop ??= { kind: entry.kind, by: entry.by, reason: entry.reason, at: entry.at }
      // A run that was suspended on its failure is taken up to be stopped.
      if (state.waits.some((wait) => wait.reason === "operator" && wait.key === "failure")) goOn(state)
      return
    case "PauseRequested":
      state.paused = true
      return
    case "StepRequested":
      requestStep(state, entry)
      return goOn(state)
    case "StepCompleted": {
      const step = Keyed.get(state.steps, entry.key)
      if (step === undefined) return
      const { error: _error, retryAt: _retryAt, ...rest } = step
      state.steps = Keyed.set(state.steps, {
        ...rest,
        status: "completed",
        endedAt: entry.at,
        ...("output" in entry ? { output: entry.output } : {}),
        ...(entry.settledBy === undefined ? {} : { settledBy: entry.settledBy })
      })
      return
    }
    case "StepFailed": {
      const step = Keyed.get(state.steps, entry.key)
      if (step === undefined) return
      state.steps = Keyed.set(state.steps, {
        ...step,
        error: failure(entry.cause),
        ...(entry.retryAt === undefined
          ? { status: "failed", endedAt: entry.at }
          : { status: "backoff", retryAt: entry.retryAt }),
        ...(entry.settledBy === undefined ? {} : { settledBy: entry.settledBy })
      })
      return
    }
    case "SignalReceived":
      state.signals = Keyed.set(state.signals, {
        name: entry.name,
        count: (Keyed.get(state.signals, entry.name)?.count ?? 0) + 1,
        lastAt: entry.at
      })
      return
    case "ApprovalRequested": {
      const { _tag, at, blobs: _blobs, epoch: _epoch, seq: _seq, ...question } = entry
      state.approvals = Keyed.set(state.approvals, { ...question, requestedAt: at, status: "open", answers: [] })
      return
    }
    case "ApprovalAnswered":
      return answer(state, entry)
    case "TimerSet":
      state.timers = Keyed.set(state.timers, {
        timer: entry.timer,
        setAt: entry.at,
        dueAt: entry.dueAt,
        ...(entry.label === undefined ? {} : { label: entry.label })
      })
      return
    case "TimerFired": {
      const timer = Keyed.get(state.timers, entry.timer)
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
        startedAt: entry.at
      })
      return
    case "ChildFinished": {
      const child = Keyed.get(state.children, entry.child)
      if (child === undefined) return
      state.children = Keyed.set(state.children, {
        ...child,
        endedAt: entry.at,
        ...(entry.exit._tag === "Success"
          ? { status: "completed", ...("value" in entry.exit ? { output: entry.exit.value } : {}) }
          : { status: "failed", error: failure(entry.exit.cause) })
      })
      return
    }
    case "StateChanged":
      return changeDocument(state, entry)
    case "EventEmitted":
      state.events = Keyed.set(state.events, { id: entry.id, name: entry.name, payload: entry.payload, at: entry.at })
      return
    case "Note":
      state.notes = Keyed.set(state.notes, { seq: entry.seq, kind: entry.kind, text: entry.text, at: entry.at })
      return
  }
}

const goOn = (state: State): void => {
  state.status = "running"
  state.waits = []
}

const end = (state: State, status: RunStatus, at: number): void => {
  state.status = status
  state.waits = []
  state.endedAt = at
}

const requestStep = (state: State, entry: EntryOf<"StepRequested">): void => {
  const known = Keyed.get(state.steps, entry.key)
  state.steps = Keyed.set(state.steps, {
    key: entry.key,
    name: entry.name,
    status: "requested",
    attempts: entry.attempt,
    recoveries: entry.recovery ?? 0,
    onCrash: entry.onCrash,
    requestedAt: known?.requestedAt ?? entry.at,
    ...("input" in entry ? { input: entry.input } : {}),
    ...(known?.error === undefined ? {} : { error: known.error }),
    ...(entry.label === undefined ? {} : { label: entry.label }),
    ...(entry.nested === undefined ? {} : { nested: entry.nested })
  })
}

const answer = (state: State, entry: EntryOf<"ApprovalAnswered">): void => {
  const approval = Keyed.get(state.approvals, entry.key)
  if (approval === undefined) return
  const { _tag, blobs: _blobs, epoch: _epoch, key: _key, seq: _seq, ...given } = entry
  const answers = [...approval.answers, given]
  const status = approval.status === "open" ? decide(approval, answers) : approval.status
  state.approvals = Keyed.set(state.approvals, {
    ...approval,
    answers,
    status,
    ...(status === approval.status ? {} : { endedAt: entry.at })
  })
}

/** One denial decides; grants decide once as many different people as the quorum have given one. */
const decide = (approval: ApprovalView, answers: ReadonlyArray<AnswerView>): ApprovalView["status"] => {
  const { decision } = answers.at(-1)!
  if (decision === "deny") return "denied"
  if (decision === "timeout") {
    return approval.onTimeout === "approve" ? "granted" : approval.onTimeout === "deny" ? "denied" : "expired"
  }
  return new Set(answers.map(({ by }) => by)).size >= approval.quorum ? "granted" : "open"
}

const changeDocument = (state: State, { name, patch, revision }: EntryOf<"StateChanged">): void => {
  const before = Keyed.get(state.documents, name)?.value ?? null
  let document: DocumentView
  try {
    document = { name, revision, value: Patch.apply(before, patch) }
  } catch (error) {
    document = { name, revision, value: before, problem: error instanceof Error ? error.message : String(error) }
  }
  state.documents = Keyed.set(state.documents, document)
}
