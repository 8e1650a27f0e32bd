/**
 * The journal of a run: one closed, versioned union of past-tense entries.
 *
 * Entries are of three kinds. A *command* is what the workflow asked for
 * (`StepRequested`, `TimerSet`). A *delivery* is what the workflow was told
 * (`StepCompleted`, `SignalReceived`): replay hands deliveries over one at a
 * time and in this order. A *mark* (`RunStarted`, `RunSuspended`) only records
 * where the run stood.
 *
 * Old shapes are brought up to date in `Upcast.ts`, nowhere else.
 */
import * as Schema from "effect/Schema"
import { Amount } from "./Amount.ts"
import { Artifact } from "./Artifact.ts"
import { CrashRule } from "./CrashRule.ts"
import { DayRefusal } from "./DayRefusal.ts"
import { answerFields, Decision, Delegation, Escalation, questionFields, Reminder } from "./Question.ts"
import { restoreFields } from "./Restore.ts"
import { Trigger } from "./Trigger.ts"
import { Wait } from "./Wait.ts"

/** Version of the entry format that this build writes. */
export const formatVersion = 3

/** Fields that every entry has. `at` is ms since the epoch; `epoch` counts the owners of the run. */
const base = {
  seq: Schema.Number,
  at: Schema.Number,
  epoch: Schema.Number,
  /** Fields whose JSON was moved to a blob: field name to SHA-256 in hex. */
  blobs: Schema.optionalKey(Schema.Record(Schema.String, Schema.String))
}

const entry = <const Tag extends string, const Fields extends Schema.Struct.Fields>(tag: Tag, fields: Fields) =>
  Schema.Struct({ _tag: Schema.tag(tag), ...base, ...fields })

/** The recorded exit of a run, child, step or deferred, as plain JSON. */
export const ExitJson = Schema.Union([
  Schema.Struct({ _tag: Schema.tag("Success"), value: Schema.optionalKey(Schema.Unknown) }),
  Schema.Struct({ _tag: Schema.tag("Failure"), cause: Schema.Unknown })
])
export type ExitJson = typeof ExitJson.Type

/** Somebody asked for the run: what it runs, with which payload, and who asked. The first entry of every journal. */
export const RunRequested = entry("RunRequested", {
  workflow: Schema.String,
  version: Schema.String,
  payload: Schema.Unknown,
  by: Schema.optionalKey(Schema.String),
  parent: Schema.optionalKey(Schema.String),
  trigger: Schema.optionalKey(Trigger),
  /** What random numbers and ids of the body follow from; the run's id when absent. */
  seed: Schema.optionalKey(Schema.String),
  /** What whoever asked for it lets it spend. */
  granted: Schema.optionalKey(Amount),
  /** The span in which somebody asked for it, as `traceparent` of the W3C. */
  caller: Schema.optionalKey(Schema.String)
})
/** The run is a fork, or a retry: the entries before this one are those of another run, and this run has not lived them. */
export const RunForked = entry("RunForked", {
  from: Schema.String,
  /** The step from which on they part; absent in a retry of a run that failed outside of a step. */
  step: Schema.optionalKey(Schema.String),
  /** The entry of the other run that requested it or, in a retry, the first that is not shared as it was. */
  fromSeq: Schema.Int,
  /** The run goes on for the other, which failed: what that had in flight may have happened. */
  retry: Schema.optionalKey(Schema.Boolean),
  /** What random numbers and ids follow from after this entry. */
  seed: Schema.String,
  /** The input is another. */
  input: Schema.optionalKey(Schema.Boolean),
  /** Steps whose outcomes were replaced. */
  set: Schema.optionalKey(Schema.Array(Schema.String))
})
/** A worker began the run. */
export const RunStarted = entry("RunStarted", {})
/** Every branch of the run waits, and for what. */
export const RunSuspended = entry("RunSuspended", { waits: Schema.Array(Wait) })
/**
 * The run goes on after a suspension. `by` is who resumed it, which also ends a
 * pause; absent where it did so by itself and no other entry says so, as when
 * the body of a step has what it waited for.
 */
export const RunResumed = entry("RunResumed", { by: Schema.optionalKey(Schema.String) })
/** The run ended with this output, encoded by its success schema. */
export const RunCompleted = entry("RunCompleted", { output: Schema.optionalKey(Schema.Unknown) })
/** The run ended with this cause: an encoded `Cause` with the errors of its schema and defects. */
export const RunFailed = entry("RunFailed", { cause: Schema.Unknown })
/** The run was stopped: by whom, why, and with what cause. */
export const RunCancelled = entry("RunCancelled", {
  by: Schema.String,
  reason: Schema.String,
  cause: Schema.Unknown
})
/** An order to stop: a cancel by somebody, a limit that the run went past, asynchronous work of its body's own, or the end of its process, behind which somebody would not have it go on. */
export const StopRequested = entry("StopRequested", {
  id: Schema.String,
  kind: Schema.Literals(["cancel", "limit", "parent", "foreign", "orphan"]),
  by: Schema.String,
  reason: Schema.String,
  /** Operations that the body had done since the last delivery, when it was stopped in the middle of computing. */
  operations: Schema.optionalKey(Schema.Int)
})
/** An operator's order to start no further step until `RunResumed`. */
export const PauseRequested = entry("PauseRequested", { id: Schema.String, by: Schema.String })

/**
 * The store was put back from a backup, and the run was open in it: what it did
 * between `from` and `to` is not in this journal. Until somebody confirms that
 * this was nothing, a step that is not safe to repeat is not begun.
 */
export const RunRestored = entry("RunRestored", {
  ...restoreFields,
  /** It slept past `to`, so it can have done nothing but stop: the doubt ends with the end of its sleep. */
  asleep: Schema.optionalKey(Schema.Boolean)
})
/** Somebody has looked: since the backup nothing of the run has happened that its journal does not have. */
export const RunConfirmed = entry("RunConfirmed", { by: Schema.String })

/** The code asked for a step, or for its next attempt: its key, input and rule for crashes. */
export const StepRequested = entry("StepRequested", {
  key: Schema.String,
  name: Schema.String,
  attempt: Schema.Int,
  onCrash: CrashRule,
  input: Schema.optionalKey(Schema.Unknown),
  idempotencyKey: Schema.optionalKey(Schema.String),
  /** How often a process died while this attempt was in flight. */
  recovery: Schema.optionalKey(Schema.Int),
  /** Its probe is asked, and not its body: after a crash or an interrupt nobody knows whether the body has acted. */
  probe: Schema.optionalKey(Schema.Boolean),
  /** Asked for by the body of another step, so outside the order of the workflow. */
  nested: Schema.optionalKey(Schema.Boolean),
  label: Schema.optionalKey(Schema.String),
  /** What the step does, for people. Replay does not compare it. */
  title: Schema.optionalKey(Schema.String),
  /** The step is a wait, and took this event, which its outcome holds. The position is where the store keeps it. */
  event: Schema.optionalKey(Schema.Struct({ id: Schema.String, position: Schema.String })),
  /** The most that this attempt may spend, which counts as spent where no outcome says otherwise. Replay does not compare it. */
  reserved: Schema.optionalKey(Amount),
  /** The day had no room for what this attempt was to reserve, which reserves nothing, and whose body spends nothing. */
  refused: Schema.optionalKey(DayRefusal)
})
/**
 * The step was asked for when its run was in doubt, since the store had been put
 * back from a backup whose last commit was at `from`: nobody knows whether it
 * has happened since. Its body has not begun; its probe is asked first, or an
 * operator.
 */
export const StepDoubted = entry("StepDoubted", { key: Schema.String, from: Schema.Finite })
/** A step succeeded with this output, which is what every replay is given. */
export const StepCompleted = entry("StepCompleted", {
  key: Schema.String,
  attempt: Schema.Int,
  output: Schema.optionalKey(Schema.Unknown),
  settledBy: Schema.optionalKey(Schema.String),
  /** The step's probe found that it had been done, with this output. */
  probed: Schema.optionalKey(Schema.Boolean),
  /** What the body said that this attempt has spent. */
  spent: Schema.optionalKey(Amount),
  /** What it keeps. The store has the bytes under these hashes since the commit of this entry. */
  artifacts: Schema.optionalKey(Schema.Array(Artifact))
})
/**
 * `retryAt` (ms since the epoch, `DurableTime.never` for never) is there when
 * another attempt follows; `parked` when an operator's resume repeats it.
 */
export const StepFailed = entry("StepFailed", {
  key: Schema.String,
  attempt: Schema.Int,
  cause: Schema.Unknown,
  retryAt: Schema.optionalKey(Schema.Finite),
  parked: Schema.optionalKey(Schema.Boolean),
  settledBy: Schema.optionalKey(Schema.String),
  spent: Schema.optionalKey(Amount),
  /** What the attempt keeps, when no other follows by itself. */
  artifacts: Schema.optionalKey(Schema.Array(Artifact))
})

/** The step's probe could not tell whether the step had been done. It is no outcome: an operator settles the step. */
export const ProbeFailed = entry("ProbeFailed", { key: Schema.String, attempt: Schema.Int, cause: Schema.Unknown })

/** The run took a signal out of its inbox. */
export const SignalReceived = entry("SignalReceived", {
  id: Schema.String,
  name: Schema.String,
  payload: Schema.Unknown,
  by: Schema.optionalKey(Schema.String)
})
/**
 * The body asked for the next signal of this name or, where nobody has sent
 * one, for the end of the run (`Signal.nextOrEnd`), and was told to end. A run
 * that ends with the same commit has taken all that was acknowledged until then.
 */
export const EndOffered = entry("EndOffered", { key: Schema.String, name: Schema.String })
/** A durable deferred of the run got its exit; `inside` when the workflow itself completed it. */
export const DeferredCompleted = entry("DeferredCompleted", {
  name: Schema.String,
  exit: ExitJson,
  inside: Schema.Boolean
})

/** The code asked people a question, and who may answer it. */
export const ApprovalRequested = entry("ApprovalRequested", { key: Schema.String, ...questionFields })
/** The run took an answer that counts. */
export const ApprovalAnswered = entry("ApprovalAnswered", {
  id: Schema.String,
  key: Schema.String,
  decision: Decision,
  ...answerFields,
  /** The answer does not decide the question: more are wanted. */
  open: Schema.optionalKey(Schema.Boolean)
})

const { at: _delegatedAt, kind: _delegate, ...delegation } = Delegation.fields
const { at: _escalatedAt, kind: _escalate, ...escalation } = Escalation.fields
const { at: _remindedAt, kind: _remind, ...reminder } = Reminder.fields

/** Somebody who was asked has handed a question on to another. */
export const ApprovalDelegated = entry("ApprovalDelegated", { key: Schema.String, ...delegation })
/** Nobody has decided a question for a while: others may answer too. */
export const ApprovalEscalated = entry("ApprovalEscalated", { key: Schema.String, ...escalation })
/** Those who are asked were reminded of a question. */
export const ApprovalReminded = entry("ApprovalReminded", { key: Schema.String, ...reminder })

/** The code began to wait until `dueAt` (ms since the epoch). */
export const TimerSet = entry("TimerSet", {
  timer: Schema.Int,
  dueAt: Schema.Finite,
  label: Schema.optionalKey(Schema.String)
})
/** The time of a timer has come. */
export const TimerFired = entry("TimerFired", { timer: Schema.Int })

/** The run asked for a run of its own. */
export const ChildStarted = entry("ChildStarted", {
  child: Schema.String,
  workflow: Schema.String,
  version: Schema.String,
  payload: Schema.Unknown,
  linked: Schema.Boolean,
  /** What it may spend, which counts as spent where its end says nothing. */
  granted: Schema.optionalKey(Amount),
  /** The run that the code asks for, in a retry: that one had failed, and `child` goes on for it. */
  retryOf: Schema.optionalKey(Schema.String)
})
/** A run that this one asked for has ended, with this exit. `spent` is all that it and its children have cost. */
export const ChildFinished = entry("ChildFinished", {
  child: Schema.String,
  exit: ExitJson,
  spent: Schema.optionalKey(Amount)
})

/** A named document of the run got a new revision; `patch` is RFC 6902 against the one before. */
export const StateChanged = entry("StateChanged", {
  name: Schema.String,
  revision: Schema.Int,
  patch: Schema.Array(Schema.Unknown)
})
/** The run published an event. */
export const EventEmitted = entry("EventEmitted", {
  id: Schema.String,
  name: Schema.String,
  payload: Schema.Unknown
})
/** The run takes the way of a patch (`Workflows.patched`) from here on. */
export const PatchTaken = entry("PatchTaken", { name: Schema.String })
/**
 * The body decided something (`Workflows.decide`), and every replay is given
 * this value, encoded by its schema, whatever the code would decide then.
 */
export const Decided = entry("Decided", {
  key: Schema.String,
  name: Schema.String,
  value: Schema.optionalKey(Schema.Unknown)
})
/** The code has failed, and undoes what it did. A replay that fails where the run did not has no such entry, and undoes nothing. */
export const UnwindStarted = entry("UnwindStarted", {})
/** The body of a step was interrupted by an orderly end of its process, which is no crash. */
export const StepReleased = entry("StepReleased", { key: Schema.String })
/** The body of a step did not end at its timeout: it was let go, and may still act. `text` says so to people. */
export const BodyLetGo = entry("BodyLetGo", { key: Schema.String, text: Schema.String })
/**
 * A row of the inbox was taken and changed nothing. Whoever sent it was told
 * that it is recorded, so the journal says what became of it.
 */
export const MessageRefused = entry("MessageRefused", {
  /** The row; format 1 did not always say. */
  id: Schema.optionalKey(Schema.String),
  /** The kind of the row: `signal`, `answer`, `settle` and so on. */
  kind: Schema.String,
  /** `late`: nobody could take it any more; `refused`: it does not fit; `unreadable`: this build knows no such row. */
  why: Schema.Literals(["late", "refused", "unreadable"]),
  /** A sentence for people. */
  text: Schema.String,
  /** What is wrong with an answer, in the words of the code that does not take it. */
  problem: Schema.optionalKey(Schema.String),
  /** What the row held, where that can be kept. */
  message: Schema.optionalKey(Schema.Unknown)
})
/** A word to people. Nothing is decided by it. */
export const Note = entry("Note", {
  kind: Schema.String,
  text: Schema.String,
  data: Schema.optionalKey(Schema.Unknown)
})

/** One item of a run's journal. */
export const JournalEntry = Schema.Union([
  RunRequested,
  RunForked,
  RunStarted,
  RunSuspended,
  RunResumed,
  RunCompleted,
  RunFailed,
  RunCancelled,
  StopRequested,
  PauseRequested,
  RunRestored,
  RunConfirmed,
  StepRequested,
  StepDoubted,
  StepCompleted,
  StepFailed,
  ProbeFailed,
  SignalReceived,
  EndOffered,
  DeferredCompleted,
  ApprovalRequested,
  ApprovalAnswered,
  ApprovalDelegated,
  ApprovalEscalated,
  ApprovalReminded,
  TimerSet,
  TimerFired,
  ChildStarted,
  ChildFinished,
  StateChanged,
  EventEmitted,
  PatchTaken,
  Decided,
  UnwindStarted,
  StepReleased,
  BodyLetGo,
  MessageRefused,
  Note
])
export type JournalEntry = typeof JournalEntry.Type
/** The tag of a journal entry. */
export type Tag = JournalEntry["_tag"]
/** The entry with this tag. */
export type EntryOf<T extends Tag> = Extract<JournalEntry, { readonly _tag: T }>

/** The formats in which entries that are not as in format 1 took their shape: they are stored with it. */
export const formats: { readonly [T in Tag]?: number } = {
  PatchTaken: 2,
  Decided: 2,
  EndOffered: 2,
  ApprovalDelegated: 2,
  ApprovalEscalated: 2,
  ApprovalReminded: 2,
  UnwindStarted: 2,
  StepReleased: 2,
  BodyLetGo: 2,
  MessageRefused: 2,
  Note: 2,
  RunRestored: 3,
  RunConfirmed: 3,
  StepDoubted: 3
}

type Body<E> = E extends unknown ? Omit<E, "seq" | "at" | "epoch" | "blobs"> : never
/** An entry before it has its place, time and epoch. */
export type EntryBody = Body<JournalEntry>
