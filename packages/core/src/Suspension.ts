/**
 * Why runs are suspended: one table with a row for each reason, which says who
 * ends such a wait, which event of the engine tells of it, how it is said to
 * people, and what one may do about it. Commands, pages and documentation go by
 * it; it holds no schema.
 */
import * as ApprovalRouting from "./ApprovalRouting.ts"
import * as ApprovalRule from "./ApprovalRule.ts"
import * as QuestionText from "./QuestionText.ts"
import { neverKey, type SuspendReason } from "./RunStatus.ts"
import type { ApprovalView } from "./RunViewSchema.ts"
import * as TimeText from "./TimeText.ts"
import type { Wait } from "./Wait.ts"

/** What is known where a wait is told. */
export interface Place {
  /** The reader's time, ms since the epoch. */
  readonly now: number
  /** The question of a wait for an approval, where the run's journal is at hand. */
  readonly question?: ApprovalView | undefined
}

/** What one may do so that a wait ends, in the words of the operator's verbs. */
export type Action =
  /** Answer the question of this key. */
  | { readonly verb: "approve" | "deny"; readonly key: string }
  /** Send the run a signal of this name. */
  | { readonly verb: "signal"; readonly name: string }
  /** Let the run spend more, in dollars or in tokens. */
  | { readonly verb: "raise"; readonly unit: "usd" | "tokens" }
  /** Let all runs of its workflow together spend more on the day. */
  | { readonly verb: "raise-day"; readonly unit: "usd" | "tokens" }
  /** Publish an event of this name. */
  | { readonly verb: "emit"; readonly event: string }
  | { readonly verb: "resume" | "cancel" }
  /** Say what became of the step of this key: again, done, or failed. */
  | { readonly verb: "settle"; readonly key: string; readonly as: "retry" | "complete" | "fail" }
  /** Say that nothing of the run has happened since the backup that the store was put back from. */
  | { readonly verb: "confirm" }
  /** Look at another run, whose end this one waits for. */
  | { readonly verb: "show"; readonly run: string }

/** What is true of all waits for one reason. */
export interface Suspension {
  /**
   * Who ends it: an `operator` of the engine, one of the `people` who were asked,
   * the sender of the `signal`, another `run`, or `time` alone.
   */
  readonly endedBy: "operator" | "people" | "signal" | "run" | "time"
  /** Something went wrong: no run is meant to wait like this, and an operator has to look. */
  readonly isFault: boolean
  /** The event that tells of a run which is suspended for this reason. An approval was told when it was requested. */
  readonly event: "engine.run.suspended" | "engine.run.paused" | "engine.run.waiting" | "engine.approval.requested"
  /** What it waits for, as the end of a sentence that begins with "waits". */
  readonly clause: (wait: Wait, place: Place) => string
  /** What one may do, most urgent first; nothing where it ends by itself. */
  readonly actions: (wait: Wait) => ReadonlyArray<Action>
}

const detail = ({ detail }: Wait): string => detail === undefined ? "" : `: ${detail}`

/** A time and how far it is. */
const when = (millis: number, now: number): string => `${TimeText.time(millis)} (${TimeText.fromNow(millis, now)})`

const until = ({ until }: Wait, now: number): string => until === undefined ? "" : `, until ${when(until, now)}`

const resume = (): ReadonlyArray<Action> => [{ verb: "resume" }]

const settle = ({ key }: Wait): ReadonlyArray<Action> => [
  { verb: "settle", key, as: "retry" },
  { verb: "settle", key, as: "complete" },
  { verb: "settle", key, as: "fail" }
]

/** The key under which recovery stops a run as a whole, and not one step of it. */
export const runKey = "run"

/** Whether recovery has stopped the run as a whole. */
export const isOfRun = ({ key, reason, step }: Wait): boolean =>
  reason === "recovery" && key === runKey && step !== true

const eventPrefix = "event:"
const stepPrefix = "step:"

/** Names as those of whom one is enough: `ada`, `ada or bob`. */
const anyOf = (names: ReadonlyArray<string>): string =>
  names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} or ${names.at(-1)}`

/** Who may still answer a question, so that it counts. */
export const wanted = (question: ApprovalView): ReadonlyArray<string> => {
  const { wanted } = ApprovalRule.standing(question, question.answers)
  return (wanted.length === 0 ? ApprovalRouting.approversOf(question) : wanted).filter((name) =>
    name !== question.requester && question.notBy?.includes(name) !== true
  )
}

const onTimeout = { deny: "denied", approve: "approved", fail: "fails" } as const

const approvalClause = (wait: Wait, { now, question }: Place): string => {
  const who = question === undefined ? wait.who ?? [] : wanted(question)
  const asked = who.length === 0
    ? `for an answer to approval "${wait.key}"`
    : `for ${anyOf(who)} to answer approval "${wait.key}"`
  const asides = question === undefined ? [] : QuestionText.asidesOf(question)
  const end = question === undefined ? "ends" : onTimeout[question.onTimeout]
  return [
    `${asked}${wait.detail === undefined ? "" : `: ${QuestionText.headline(wait.detail)}`}`,
    ...asides,
    ...(question === undefined ? [] : QuestionText.routes(question, now)),
    ...(wait.until === undefined
      ? []
      : [`${end} by itself ${TimeText.fromNow(wait.until, now)}, at ${TimeText.time(wait.until)}`])
  ].join("; ")
}

const signalClause = (wait: Wait, { now }: Place): string => {
  const { key } = wait
  // The detail of a wait for an event names it, with its condition.
  if (key.startsWith(eventPrefix)) {
    return `for ${wait.detail ?? `event "${key.slice(eventPrefix.length)}"`}${until(wait, now)}`
  }
  if (key.startsWith(stepPrefix)) {
    return `for the outcome of step "${key.slice(stepPrefix.length)}", which was handed over${detail(wait)}${
      until(wait, now)
    }`
  }
  return `for signal "${key}"${detail(wait)}${until(wait, now)}`
}

/** The table. */
export const suspensions: { readonly [R in SuspendReason]: Suspension } = {
  corrupt: {
    endedBy: "operator",
    isFault: true,
    event: "engine.run.suspended",
    clause: (wait) => `for an operator: the journal is corrupt at ${wait.key}${detail(wait)}`,
    actions: resume
  },
  diverged: {
    endedBy: "operator",
    isFault: true,
    event: "engine.run.suspended",
    clause: (wait) => `for an operator: the code does not fit the journal at "${wait.key}"${detail(wait)}`,
    actions: resume
  },
  recovery: {
    endedBy: "operator",
    isFault: true,
    event: "engine.run.suspended",
    clause: (wait) =>
      `for an operator after repeated crashes${isOfRun(wait) ? "" : ` at step "${wait.key}"`}${detail(wait)}`,
    actions: (wait) => isOfRun(wait) ? resume() : settle(wait)
  },
  "outcome-unknown": {
    endedBy: "operator",
    isFault: true,
    event: "engine.run.suspended",
    clause: (wait) => `for an operator to settle step "${wait.key}", whose outcome is unknown${detail(wait)}`,
    actions: (wait) => wait.restored === undefined ? settle(wait) : [...settle(wait), { verb: "confirm" }]
  },
  budget: {
    endedBy: "operator",
    isFault: false,
    event: "engine.run.suspended",
    clause: (wait, { now }) => `for a larger budget${detail(wait)}${until(wait, now)}`,
    actions: ({ day, key }) => {
      const unit = key === "tokens" ? "tokens" : "usd"
      return [...(day === undefined ? [] : [{ verb: "raise-day", unit } as const]), { verb: "raise", unit }]
    }
  },
  operator: {
    endedBy: "operator",
    isFault: false,
    event: "engine.run.paused",
    clause: (wait) =>
      wait.key === neverKey
        ? `for ever${detail(wait)}`
        : wait.key === "failure"
        ? `for an operator, who may resume it after its failure${detail(wait)}`
        : `for an operator, who may resume it${detail(wait)}`,
    actions: (wait) => wait.key === neverKey ? [{ verb: "cancel" }] : resume()
  },
  approval: {
    endedBy: "people",
    isFault: false,
    event: "engine.approval.requested",
    clause: approvalClause,
    actions: ({ key }) => [{ verb: "approve", key }, { verb: "deny", key }]
  },
  signal: {
    endedBy: "signal",
    isFault: false,
    event: "engine.run.waiting",
    clause: signalClause,
    // A run of a contract waits for events and for the completion of tasks by signals of these names.
    actions: ({ key }) =>
      key.startsWith(eventPrefix)
        ? [{ verb: "emit", event: key.slice(eventPrefix.length) }]
        : [{ verb: "signal", name: key }]
  },
  child: {
    endedBy: "run",
    isFault: false,
    event: "engine.run.waiting",
    clause: (wait, { now }) => `for child run ${wait.key}${detail(wait)}${until(wait, now)}`,
    actions: ({ key }) => [{ verb: "show", run: key }]
  },
  handoff: {
    endedBy: "run",
    isFault: false,
    event: "engine.run.waiting",
    clause: (wait, { now }) => `for a handoff "${wait.key}"${detail(wait)}${until(wait, now)}`,
    actions: () => []
  },
  timer: {
    endedBy: "time",
    isFault: false,
    event: "engine.run.waiting",
    clause: (wait, { now }) =>
      wait.until === undefined ? `for a timer${detail(wait)}` : `until ${when(wait.until, now)}${detail(wait)}`,
    actions: () => []
  }
}

/** What a run waits for, as the end of a sentence that begins with "waits". */
export const clauseOf = (wait: Wait, place: Place): string => suspensions[wait.reason].clause(wait, place)

/** What one may do so that the wait ends. */
export const actionsOf = (wait: Wait): ReadonlyArray<Action> => suspensions[wait.reason].actions(wait)

/**
 * Whether only a person, a signal or an operator ends this wait. A deadline of
 * an approval does not count as an end; that of a signal does.
 */
export const isForPeople = (wait: Wait): boolean => {
  const { endedBy } = suspensions[wait.reason]
  return endedBy === "operator" || endedBy === "people" || (endedBy === "signal" && wait.until === undefined)
}

/** Whether a run with these waits goes on only by a person, a signal or an operator: no timer, child or handoff is among them, or it is paused. */
export const waitsForPeople = (waits: ReadonlyArray<Wait>): boolean =>
  waits.length > 0 && (waits.some((wait) => wait.reason === "operator") || waits.every(isForPeople))
