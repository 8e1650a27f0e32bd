/**
 * What each entry of a journal is to a replay, what it is about, and which
 * request of the code it belongs to: one table, for whoever goes by the tag of
 * an entry.
 */
import type { EntryOf, JournalEntry, Tag } from "./JournalEntry.ts"

/**
 * - `command`: the code asked for it. A replay waits until the code asks again.
 * - `delivery`: the code was told it. A replay tells it at the same place.
 * - `mark`: it says where the run stood. A replay passes over it.
 */
export type Role = "command" | "delivery" | "mark"

/**
 * What the code asks for, by kind and key: a step, an approval, a child run, a
 * timer by its number, or, as `act`, what is done at once and has no outcome.
 */
export type RequestKey =
  | { readonly kind: "step" | "approval" | "child" | "act"; readonly key: string }
  | { readonly kind: "timer"; readonly key: number }

/** What the table says of the entries with one tag. */
export interface Row<T extends Tag> {
  readonly role: (entry: EntryOf<T>) => Role
  /** What the entry is about, as operators name it; its tag where there is no row for that. */
  readonly subject?: (entry: EntryOf<T>) => string
  /** The request that the entry makes, repeats or answers. */
  readonly request?: (entry: EntryOf<T>) => RequestKey | undefined
}

const mark = () => "mark" as const
const command = () => "command" as const
const delivery = () => "delivery" as const

const byKey = ({ key }: { readonly key: string }) => key
const byName = ({ name }: { readonly name: string }) => name
const byTimer = ({ timer }: { readonly timer: number }) => `timer ${timer}`
const byChild = ({ child }: { readonly child: string }) => child

const step = ({ key }: { readonly key: string }): RequestKey => ({ kind: "step", key })
const approval = ({ key }: { readonly key: string }): RequestKey => ({ kind: "approval", key })
const timer = ({ timer }: { readonly timer: number }): RequestKey => ({ kind: "timer", key: timer })
const child = ({ child }: { readonly child: string }): RequestKey => ({ kind: "child", key: child })

/** The keys of what is done at once. */
export const acts = {
  /** The workflow completes one of its own deferreds. */
  deferred: (name: string): string => `deferred:${name}`,
  state: (name: string, revision: number): string => `state:${name}@${revision}`,
  emit: (id: string): string => `emit:${id}`,
  patch: (name: string): string => `patch:${name}`,
  decision: (key: string): string => `decision:${key}`,
  /** The workflow ends unless there is another signal. */
  end: (key: string): string => `end:${key}`,
  /** The code has failed, and undoes what it did. */
  unwind: "failure"
} as const
const act = (key: string): RequestKey => ({ kind: "act", key })

/** The table. */
export const roles: { readonly [T in Tag]: Row<T> } = {
  RunRequested: { role: mark },
  RunForked: { role: mark },
  RunStarted: { role: mark },
  RunSuspended: { role: mark },
  RunResumed: { role: mark },
  RunCompleted: { role: mark },
  RunFailed: { role: mark },
  RunCancelled: { role: mark },
  StopRequested: { role: delivery },
  PauseRequested: { role: mark },
  RunRestored: { role: mark },
  RunConfirmed: { role: mark },
  // What a step body asks for is outside the order of the workflow.
  StepRequested: { role: ({ nested }) => nested === true ? "mark" : "command", subject: byKey, request: step },
  StepDoubted: { role: mark, subject: byKey, request: step },
  StepCompleted: { role: delivery, subject: byKey, request: step },
  // A failure that another attempt follows is none of the code's.
  StepFailed: {
    role: ({ retryAt }) => retryAt === undefined ? "delivery" : "mark",
    subject: byKey,
    request: step
  },
  ProbeFailed: { role: mark, subject: byKey, request: step },
  SignalReceived: { role: delivery, subject: byName },
  EndOffered: { role: delivery, subject: byKey, request: ({ key }) => act(acts.end(key)) },
  DeferredCompleted: {
    role: ({ inside }) => inside ? "command" : "delivery",
    subject: byName,
    request: ({ inside, name }) => inside ? act(acts.deferred(name)) : undefined
  },
  ApprovalRequested: { role: command, subject: byKey, request: approval },
  ApprovalAnswered: { role: delivery, subject: byKey, request: approval },
  // The code is told nothing of whom a question went to.
  ApprovalDelegated: { role: mark, subject: byKey, request: approval },
  ApprovalEscalated: { role: mark, subject: byKey, request: approval },
  ApprovalReminded: { role: mark, subject: byKey, request: approval },
  TimerSet: { role: command, subject: byTimer, request: timer },
  TimerFired: { role: delivery, subject: byTimer, request: timer },
  ChildStarted: { role: command, subject: byChild, request: child },
  ChildFinished: { role: delivery, subject: byChild, request: child },
  StateChanged: {
    role: command,
    subject: byName,
    request: ({ name, revision }) => act(acts.state(name, revision))
  },
  EventEmitted: { role: command, subject: byName, request: ({ id }) => act(acts.emit(id)) },
  // A patch is taken out of the code by deleting it, so nothing waits until it is asked for.
  PatchTaken: { role: mark, subject: byName, request: ({ name }) => act(acts.patch(name)) },
  Decided: { role: command, subject: byKey, request: ({ key }) => act(acts.decision(key)) },
  UnwindStarted: { role: command, subject: () => acts.unwind, request: () => act(acts.unwind) },
  StepReleased: { role: mark, subject: byKey, request: step },
  BodyLetGo: { role: mark, subject: byKey, request: step },
  MessageRefused: { role: mark, subject: ({ kind }) => kind },
  Note: { role: mark, subject: ({ text }) => text }
}

/** The role of an entry by itself. Only its journal says whether it repeats a request, or belongs to a pass that was abandoned. */
export const roleOf = (entry: JournalEntry): Role => rowOf(entry).role(entry)

/** What an entry is about, as operators name it. */
export const subjectOf = (entry: JournalEntry): string => rowOf(entry).subject?.(entry) ?? entry._tag

/** The request of the code that the entry makes, repeats or answers; undefined where there is none. */
export const requestOf = (entry: JournalEntry): RequestKey | undefined => rowOf(entry).request?.(entry)

/** Whether a run that waited goes on with this entry, so that its journal says so no longer. */
export const goesOn = ({ _tag }: JournalEntry): boolean =>
  _tag === "StepRequested" || _tag === "RunResumed" || _tag === "RunStarted"

const rowOf = (entry: JournalEntry): Row<Tag> => roles[entry._tag] as Row<Tag>
