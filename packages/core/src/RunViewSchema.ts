/**
 * The view of a run as schemas, for whoever sends or receives one. How a view is
 * folded is `RunView`, which needs none of these and is what a page loads.
 *
 * All times are ms since the epoch, and lists are in the order of the journal.
 */
import * as Schema from "effect/Schema"
import { Amount } from "./Amount.ts"
import { Artifact } from "./Artifact.ts"
import { CrashRule } from "./CrashRule.ts"
import { answerFields, Decision, questionFields, Routed } from "./Question.ts"
import { runStatuses, suspendReasons } from "./RunStatus.ts"
import { Trigger } from "./Trigger.ts"
import { Wait } from "./Wait.ts"

const optional = Schema.optionalKey

/** A recorded failure: its cause as JSON (see `ExitJson`), and one sentence about it for people. */
export const Failure = Schema.Struct({ cause: Schema.Unknown, message: Schema.String })
export interface Failure extends Schema.Schema.Type<typeof Failure> {}

/**
 * `requested` and not at work (the run is paused, suspended or not taken up);
 * `running`; `backoff` between attempts; `abandoned` when the run ended without
 * its outcome (a lost race, a timeout, a cancel).
 */
export const StepStatus = Schema.Literals(["requested", "running", "completed", "failed", "backoff", "abandoned"])
export type StepStatus = typeof StepStatus.Type

/** One step. */
export const StepView = Schema.Struct({
  key: Schema.String,
  name: Schema.String,
  status: StepStatus,
  /** Attempts begun, from 1. */
  attempts: Schema.Int,
  /** How often a process died while the latest attempt was in flight. */
  recoveries: Schema.Int,
  onCrash: CrashRule,
  requestedAt: Schema.Finite,
  endedAt: optional(Schema.Finite),
  /** When the next attempt begins, in `backoff`. */
  retryAt: optional(Schema.Finite),
  input: optional(Schema.Unknown),
  output: optional(Schema.Unknown),
  /** Why it failed, or why its latest attempt did. */
  error: optional(Failure),
  /** Who settled it, when an operator did. */
  settledBy: optional(Schema.String),
  /** Its probe is asked, or has said that it was done. */
  probed: optional(Schema.Boolean),
  label: optional(Schema.String),
  /** What it does, for people. */
  title: optional(Schema.String),
  /** Asked for by the body of another step. */
  nested: optional(Schema.Boolean),
  /** What its attempts said that they have spent. */
  spent: optional(Amount),
  /** What attempts had reserved that came to no outcome; it counts as spent. */
  unsettled: optional(Amount),
  /** What the attempt in flight may spend. */
  reserved: optional(Amount),
  /** What it keeps beside its outcome; `Runs.artifact` gives the bytes. */
  artifacts: optional(Schema.Array(Artifact))
})
export interface StepView extends Schema.Schema.Type<typeof StepView> {}

/** A timer of a run. Times are ms since the epoch. */
export const TimerView = Schema.Struct({
  timer: Schema.Int,
  label: optional(Schema.String),
  setAt: Schema.Finite,
  dueAt: Schema.Finite,
  firedAt: optional(Schema.Finite)
})
export interface TimerView extends Schema.Schema.Type<typeof TimerView> {}

/** A run that this run has started. */
export const ChildView = Schema.Struct({
  child: Schema.String,
  workflow: Schema.String,
  version: Schema.String,
  payload: Schema.Unknown,
  /** Whether the run is told its outcome. */
  linked: Schema.Boolean,
  /** The run that the code asks for, in a retry: that one had failed, and `child` goes on for it. */
  retryOf: optional(Schema.String),
  /** `running` until the run has been told its outcome. */
  status: Schema.Literals(["running", "completed", "failed"]),
  startedAt: Schema.Finite,
  endedAt: optional(Schema.Finite),
  output: optional(Schema.Unknown),
  error: optional(Failure),
  /** What it may spend. */
  granted: optional(Amount),
  /** What it and its children have cost, once its end is known. */
  spent: optional(Amount)
})
export interface ChildView extends Schema.Schema.Type<typeof ChildView> {}

/** Signals of one name that have been received. */
export const SignalView = Schema.Struct({ name: Schema.String, count: Schema.Int, lastAt: Schema.Finite })
export interface SignalView extends Schema.Schema.Type<typeof SignalView> {}

/** An answer to a question, as the journal has it. */
export const AnswerView = Schema.Struct({
  id: Schema.String,
  decision: Decision,
  at: Schema.Finite,
  ...answerFields
})
export interface AnswerView extends Schema.Schema.Type<typeof AnswerView> {}

/** A question to people, with its answers so far. */
export const ApprovalView = Schema.Struct({
  key: Schema.String,
  ...questionFields,
  requestedAt: Schema.Finite,
  endedAt: optional(Schema.Finite),
  /** `expired` when its deadline passed and that is a failure; `abandoned` when the run ended without an answer. */
  status: Schema.Literals(["open", "granted", "denied", "expired", "abandoned"]),
  answers: Schema.Array(AnswerView),
  /** Whom it was handed to, escalated to and who was reminded of it, in order; absent where there is nothing of it. */
  routed: optional(Schema.Array(Routed))
})
export interface ApprovalView extends Schema.Schema.Type<typeof ApprovalView> {}

/** A named JSON document of the run. */
export const DocumentView = Schema.Struct({
  name: Schema.String,
  revision: Schema.Int,
  value: Schema.Unknown,
  /** Why the latest patch could not be applied; `value` is then the one before. */
  problem: optional(Schema.String)
})
export interface DocumentView extends Schema.Schema.Type<typeof DocumentView> {}

/** An event that the run has published. */
export const EventView = Schema.Struct({
  id: Schema.String,
  name: Schema.String,
  payload: Schema.Unknown,
  at: Schema.Finite
})
export interface EventView extends Schema.Schema.Type<typeof EventView> {}

/** What the body decided once, for every replay. */
export const DecisionView = Schema.Struct({
  key: Schema.String,
  name: Schema.String,
  value: optional(Schema.Unknown),
  at: Schema.Finite
})
export interface DecisionView extends Schema.Schema.Type<typeof DecisionView> {}

/** A message that was taken from the inbox and changed nothing. */
export const RefusalView = Schema.Struct({
  seq: Schema.Int,
  /** What kind of message it was: `signal`, `answer`, `settle` and so on. */
  kind: Schema.String,
  why: Schema.Literals(["late", "refused", "unreadable"]),
  text: Schema.String,
  at: Schema.Finite
})
export interface RefusalView extends Schema.Schema.Type<typeof RefusalView> {}

/** A word to people. */
export const NoteView = Schema.Struct({
  seq: Schema.Int,
  kind: Schema.String,
  text: Schema.String,
  at: Schema.Finite
})
export interface NoteView extends Schema.Schema.Type<typeof NoteView> {}

/** An order to stop that the run has taken: a cancel, a limit that it went past, the end of its parent, or asynchronous work of its body's own. */
export const StopView = Schema.Struct({
  kind: Schema.Literals(["cancel", "limit", "parent", "foreign", "orphan"]),
  by: Schema.String,
  reason: Schema.String,
  at: Schema.Finite
})
export interface StopView extends Schema.Schema.Type<typeof StopView> {}

/** Where a fork comes from. */
export const ForkView = Schema.Struct({
  /** The run whose entries up to the step it shares. */
  from: Schema.String,
  /** The first step that is not shared; absent in a retry of a run that failed outside of a step. */
  step: optional(Schema.String),
  /** The run goes on for the other, which failed. */
  retry: optional(Schema.Boolean),
  sharedEntries: Schema.Int,
  at: Schema.Finite,
  /** Whether its input is another. */
  input: Schema.Boolean,
  /** Shared steps whose outcomes were replaced. */
  set: Schema.Array(Schema.String)
})
export interface ForkView extends Schema.Schema.Type<typeof ForkView> {}

/** A run is in doubt: the store was put back from a backup, and nobody knows what the run has done since; one that is `asleep` in no doubt any more once it wakes. */
export const RestoredView = Schema.Struct({ from: Schema.Finite, to: Schema.Finite, asleep: optional(Schema.Boolean) })
export interface RestoredView extends Schema.Schema.Type<typeof RestoredView> {}

/** When a run was asked for, started and ended, and how long it was at work. All in ms. */
export const TimesView = Schema.Struct({
  requestedAt: Schema.Finite,
  startedAt: optional(Schema.Finite),
  endedAt: optional(Schema.Finite),
  /** Time of the latest entry. */
  updatedAt: Schema.Finite,
  /** No time but a length: ms in which the run was not suspended. */
  activeMs: Schema.Finite
})
export interface TimesView extends Schema.Schema.Type<typeof TimesView> {}

/** How many entries, steps and other things of each kind a run has. */
export const CountsView = Schema.Struct({
  /** Entries folded so far, which is also the `seq` of the next. */
  entries: Schema.Int,
  steps: Schema.Int,
  completed: Schema.Int,
  failed: Schema.Int,
  attempts: Schema.Int,
  recoveries: Schema.Int,
  timers: Schema.Int,
  children: Schema.Int,
  signals: Schema.Int,
  approvals: Schema.Int,
  events: Schema.Int
})
export interface CountsView extends Schema.Schema.Type<typeof CountsView> {}

/** What a run has spent, of which `total` is the sum of the first three. */
export const SpentView = Schema.Struct({
  /** What the bodies of its steps said. */
  own: Amount,
  /** Reservations and grants of which no outcome says what was spent. */
  unsettled: Amount,
  /** What its children and theirs have cost, as far as their ends are known. */
  children: Amount,
  total: Amount,
  /** In flight: what running steps and children may spend beside that. */
  reserved: Amount
})
export interface SpentView extends Schema.Schema.Type<typeof SpentView> {}

/** What a run may spend, as far as it was told from outside. */
export const BudgetView = Schema.Struct({
  /** By whoever started it. */
  granted: optional(Amount),
  /** Added by operators since. */
  raised: Amount
})
export interface BudgetView extends Schema.Schema.Type<typeof BudgetView> {}

/** A run as its journal tells it. */
export const RunView = Schema.Struct({
  id: Schema.String,
  /** Empty until the first entry. */
  workflow: Schema.String,
  version: Schema.String,
  status: Schema.Literals(runStatuses),
  /** The most urgent of the waits, when suspended. */
  reason: optional(Schema.Literals(suspendReasons)),
  /** Empty unless suspended. */
  waits: Schema.Array(Wait),
  /** An operator's pause is in force: no step starts. */
  paused: Schema.Boolean,
  payload: Schema.Unknown,
  by: optional(Schema.String),
  parent: optional(Schema.String),
  trigger: optional(Trigger),
  fork: optional(ForkView),
  output: optional(Schema.Unknown),
  error: optional(Failure),
  stop: optional(StopView),
  restored: optional(RestoredView),
  /** Counts the owners of the run, by its latest entry; a restore adds a million. */
  epoch: Schema.Int,
  times: TimesView,
  counts: CountsView,
  /** Of a fork, what it has spent by itself. */
  spent: SpentView,
  budget: BudgetView,
  steps: Schema.Array(StepView),
  timers: Schema.Array(TimerView),
  children: Schema.Array(ChildView),
  signals: Schema.Array(SignalView),
  approvals: Schema.Array(ApprovalView),
  state: Schema.Record(Schema.String, DocumentView),
  events: Schema.Array(EventView),
  decisions: Schema.Array(DecisionView),
  refusals: Schema.Array(RefusalView),
  notes: Schema.Array(NoteView)
})
export interface RunView extends Schema.Schema.Type<typeof RunView> {}
