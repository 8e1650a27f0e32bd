/**
 * The engine's own events: what it tells the world about runs, steps and
 * approvals, read off the journal.
 *
 * There are twenty. Fourteen are those of the contract model that Fermata
 * unites. `engine.run.suspended` is for suspensions that are neither a pause,
 * nor a wait, nor an approval: `corrupt`, `diverged`, `recovery`,
 * `outcome-unknown` and `budget`. `engine.approval.answered`,
 * `engine.approval.reopened`, `engine.approval.delegated`, `engine.approval.escalated`
 * and `engine.approval.reminder` tell what happens to a question before it is decided.
 *
 * An entry makes at most one event, whose id is the place of the entry in its
 * journal, so that telling twice can be noticed.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as ApprovalRule from "./ApprovalRule.ts"
import * as FailureText from "./FailureText.ts"
import type * as JournalEntry from "./JournalEntry.ts"
import { reasonOf, suspendReasons } from "./RunStatus.ts"
import * as RunView from "./RunView.ts"
import { suspensions } from "./Suspension.ts"
import { Trigger } from "./Trigger.ts"
import { Wait } from "./Wait.ts"

const run = { runId: Schema.String, workflow: Schema.String }
const step = { ...run, stepId: Schema.String }
const halted = { ...run, reason: Schema.Literals(suspendReasons), waits: Schema.Array(Wait) }
const optional = Schema.optionalKey

/**
 * The payload of each event. `stepId` is the key of the step or approval,
 * `error` one sentence for people, `cause` the whole failure as JSON, and times
 * are ms since the epoch.
 */
export const payloads = {
  "engine.run.requested": Schema.Struct({
    ...run,
    version: Schema.String,
    payload: Schema.Unknown,
    by: optional(Schema.String),
    parent: optional(Schema.String),
    trigger: optional(Trigger)
  }),
  "engine.run.started": Schema.Struct(run),
  "engine.run.completed": Schema.Struct({ ...run, output: Schema.Unknown }),
  "engine.run.failed": Schema.Struct({ ...run, error: Schema.String, cause: Schema.Unknown }),
  "engine.run.cancelled": Schema.Struct({ ...run, by: Schema.String, reason: Schema.String }),
  /** Suspended by an operator, or on its failure until an operator resumes it. */
  "engine.run.paused": Schema.Struct(halted),
  "engine.run.resumed": Schema.Struct({ ...run, by: Schema.String }),
  /** Suspended until a signal, a timer, a child or a handoff. */
  "engine.run.waiting": Schema.Struct(halted),
  /** Suspended for any other reason than a pause, a wait or an approval: an operator is needed. */
  "engine.run.suspended": Schema.Struct(halted),
  "engine.step.requested": Schema.Struct({
    ...step,
    name: Schema.String,
    attempt: Schema.Int,
    input: optional(Schema.Unknown)
  }),
  "engine.step.completed": Schema.Struct({
    ...step,
    attempt: Schema.Int,
    output: optional(Schema.Unknown),
    settledBy: optional(Schema.String)
  }),
  "engine.step.failed": Schema.Struct({
    ...step,
    attempt: Schema.Int,
    error: Schema.String,
    cause: Schema.Unknown,
    settledBy: optional(Schema.String)
  }),
  "engine.approval.requested": Schema.Struct({
    ...step,
    prompt: Schema.String,
    approvers: Schema.Array(Schema.String),
    choices: Schema.Array(Schema.String),
    quorum: Schema.Int,
    editable: Schema.Boolean,
    args: optional(Schema.Unknown),
    hash: optional(Schema.String),
    deadline: optional(Schema.Int)
  }),
  /** An answer that does not decide: more are wanted, or, with `edit`, other arguments stand to be approved now. */
  "engine.approval.answered": Schema.Struct({
    ...step,
    answeredBy: Schema.String,
    for: optional(Schema.String),
    decision: Schema.Literals(["approve", "deny"]),
    choice: optional(Schema.String),
    edit: optional(Schema.Unknown),
    hash: optional(Schema.String),
    note: optional(Schema.String)
  }),
  /** The code does not take the arguments that somebody has proposed: the question is open again. */
  "engine.approval.reopened": Schema.Struct({
    ...step,
    proposedBy: Schema.String,
    edit: Schema.Unknown,
    problem: Schema.String
  }),
  /** Somebody has handed the question on, with the place of `for`. */
  "engine.approval.delegated": Schema.Struct({
    ...step,
    delegatedBy: Schema.String,
    for: Schema.String,
    to: Schema.String,
    note: optional(Schema.String)
  }),
  /** Nobody has decided the question for a while: these may answer too from now on. `stage` counts from 1. */
  "engine.approval.escalated": Schema.Struct({ ...step, stage: Schema.Int, to: Schema.Array(Schema.String) }),
  /** These have yet to answer. `count` counts from 1. */
  "engine.approval.reminder": Schema.Struct({ ...step, count: Schema.Int, to: Schema.Array(Schema.String) }),
  /** The answer that decided was a yes. Those before it were told as they came. */
  "engine.approval.granted": Schema.Struct({
    ...step,
    grantedBy: Schema.String,
    /** Whose place the answer took, where that one had handed the question on. */
    for: optional(Schema.String),
    choice: optional(Schema.String),
    edit: optional(Schema.Unknown),
    note: optional(Schema.String)
  }),
  "engine.approval.denied": Schema.Struct({
    ...step,
    deniedBy: Schema.String,
    for: optional(Schema.String),
    timedOut: Schema.Boolean,
    note: optional(Schema.String)
  })
} as const

/** The name of an event of the engine. */
export type Name = keyof typeof payloads

/** The names of all events of the engine. */
export const names = Object.keys(payloads) as ReadonlyArray<Name>

/** Whether this is the name of an event of the engine. */
export const isName = (name: string): name is Name => Object.hasOwn(payloads, name)

const event = <const N extends Name>(name: N) =>
  Schema.Struct({
    /** `<runId>:<seq of the entry>`. */
    id: Schema.String,
    name: Schema.tag(name),
    at: Schema.Int,
    /** The id of the run. */
    correlationId: Schema.String,
    payload: payloads[name]
  })

/** An event of the engine. */
export const EngineEvent = Schema.Union([
  event("engine.run.requested"),
  event("engine.run.started"),
  event("engine.run.completed"),
  event("engine.run.failed"),
  event("engine.run.cancelled"),
  event("engine.run.paused"),
  event("engine.run.resumed"),
  event("engine.run.waiting"),
  event("engine.run.suspended"),
  event("engine.step.requested"),
  event("engine.step.completed"),
  event("engine.step.failed"),
  event("engine.approval.requested"),
  event("engine.approval.answered"),
  event("engine.approval.reopened"),
  event("engine.approval.delegated"),
  event("engine.approval.escalated"),
  event("engine.approval.reminder"),
  event("engine.approval.granted"),
  event("engine.approval.denied")
])
export type EngineEvent = typeof EngineEvent.Type
/** The event of one name. */
export type EventOf<N extends Name> = Extract<EngineEvent, { readonly name: N }>

/**
 * What the engine tells about an entry: one event, or none.
 *
 * With `before`, the view of the run before this entry, a step that is
 * requested again after a crash or a restart is told once, and the end of a
 * deadline is told as what the question says it means. Without it a request is
 * told when it is a first attempt, and a deadline as a denial.
 */
export const of = (
  runId: string,
  workflow: string,
  entry: JournalEntry.JournalEntry,
  before?: RunView.RunView
): ReadonlyArray<EngineEvent> => {
  const told = tell({ runId, workflow }, entry, before)
  return told === undefined
    ? []
    : [{ id: `${runId}:${entry.seq}`, at: entry.at, correlationId: runId, ...told } as EngineEvent]
}

/**
 * What the engine tells about a run that it suspends without an entry in its
 * journal: one that diverged, that cannot be read, or that recovery stopped as a
 * whole. `epoch` is that of the owner that did so.
 */
export const ofUnrecordedSuspension = (
  run: { readonly id: string; readonly workflow: string },
  { at, epoch, waits }: { readonly at: number; readonly epoch: number; readonly waits: ReadonlyArray<Wait> }
): EventOf<"engine.run.suspended"> => ({
  id: `${run.id}:given-up:${epoch}`,
  at,
  correlationId: run.id,
  name: "engine.run.suspended",
  payload: { runId: run.id, workflow: run.workflow, reason: reasonOf(waits) ?? "corrupt", waits }
})

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

type Told = { readonly [N in Name]: { readonly name: N; readonly payload: (typeof payloads)[N]["Type"] } }[Name]

const tell = (
  run: { readonly runId: string; readonly workflow: string },
  entry: JournalEntry.JournalEntry,
  before: RunView.RunView | undefined
): Told | undefined => {
  switch (entry._tag) {
    case "RunRequested": {
      const { by, parent, payload, trigger, version } = entry
      return {
        name: "engine.run.requested",
        payload: {
          ...run,
          version,
          payload,
          ...(by === undefined ? {} : { by }),
          ...(parent === undefined ? {} : { parent }),
          ...(trigger === undefined ? {} : { trigger })
        }
      }
    }
    case "RunStarted":
      return { name: "engine.run.started", payload: run }
    case "RunCompleted":
      return { name: "engine.run.completed", payload: { ...run, output: entry.output ?? null } }
    case "RunFailed":
      return { name: "engine.run.failed", payload: { ...run, ...failed(entry.cause) } }
    case "RunCancelled":
      return { name: "engine.run.cancelled", payload: { ...run, by: entry.by, reason: entry.reason } }
    case "RunResumed":
      return entry.by === undefined
        ? undefined
        : { name: "engine.run.resumed", payload: { ...run, by: entry.by } }
    case "RunSuspended": {
      const reason = reasonOf(entry.waits)
      const name = reason === undefined ? undefined : suspensions[reason].event
      // A question was told when it was asked.
      return name === undefined || name === "engine.approval.requested"
        ? undefined
        : { name, payload: { ...run, reason: reason!, waits: entry.waits } }
    }
    case "StepRequested": {
      const known = before === undefined
        ? entry.attempt > 1 || entry.recovery !== undefined
        : RunView.step(before, entry.key) !== undefined
      if (known) return undefined
      // A question whether the step was done is not the step.
      if (entry.probe === true) return undefined
      const { attempt, key, name } = entry
      return {
        name: "engine.step.requested",
        payload: { ...run, stepId: key, name, attempt, ...("input" in entry ? { input: entry.input } : {}) }
      }
    }
    case "StepCompleted":
      return {
        name: "engine.step.completed",
        payload: {
          ...run,
          stepId: entry.key,
          attempt: entry.attempt,
          ...("output" in entry ? { output: entry.output } : {}),
          ...settled(entry.settledBy)
        }
      }
    case "StepFailed":
      // An attempt that is repeated is no failure of the step.
      return entry.retryAt !== undefined ? undefined : {
        name: "engine.step.failed",
        payload: {
          ...run,
          stepId: entry.key,
          attempt: entry.attempt,
          ...failed(entry.cause),
          ...settled(entry.settledBy)
        }
      }
    case "ApprovalRequested": {
      const { approvers, args, choices, deadline, editable, hash, key, prompt, quorum } = entry
      return {
        name: "engine.approval.requested",
        payload: {
          ...run,
          stepId: key,
          prompt,
          approvers,
          choices,
          quorum,
          editable,
          ...(args === undefined ? {} : { args }),
          ...(hash === undefined ? {} : { hash }),
          ...(deadline === undefined ? {} : { deadline })
        }
      }
    }
    case "ApprovalAnswered": {
      const { by, choice, decision, edit, hash, key, note } = entry
      const timedOut = decision === "timeout"
      const common = {
        ...run,
        stepId: key,
        ...(entry.for === undefined ? {} : { for: entry.for }),
        ...(note === undefined ? {} : { note })
      }
      if (entry.open === true && decision !== "timeout") {
        return {
          name: "engine.approval.answered",
          payload: {
            ...common,
            answeredBy: by,
            decision,
            ...(choice === undefined ? {} : { choice }),
            ...(edit === undefined ? {} : { edit }),
            ...(hash === undefined ? {} : { hash })
          }
        }
      }
      const asked = before === undefined ? undefined : RunView.approval(before, key)
      const isGranted = asked === undefined
        ? decision === "approve"
        : ApprovalRule.standing(asked, [...asked.answers, entry]).status === "granted"
      if (!isGranted) {
        return { name: "engine.approval.denied", payload: { ...common, deniedBy: by, timedOut } }
      }
      return {
        name: "engine.approval.granted",
        payload: {
          ...common,
          grantedBy: by,
          ...(choice === undefined ? {} : { choice }),
          ...(edit === undefined ? {} : { edit })
        }
      }
    }
    case "ApprovalDelegated": {
      const { by, for: place, key, note, to } = entry
      return {
        name: "engine.approval.delegated",
        payload: { ...run, stepId: key, delegatedBy: by, for: place, to, ...(note === undefined ? {} : { note }) }
      }
    }
    case "ApprovalEscalated": {
      const { key, stage, to } = entry
      return { name: "engine.approval.escalated", payload: { ...run, stepId: key, stage, to } }
    }
    case "ApprovalReminded": {
      const { count, key, to } = entry
      return { name: "engine.approval.reminder", payload: { ...run, stepId: key, count, to } }
    }
    case "MessageRefused": {
      const { kind, message, problem, why } = entry
      const edited = kind === "answer" && why === "refused" ? decodeEdited(message) : Option.none()
      if (Option.isNone(edited) || problem === undefined) return undefined
      const { by, edit, key } = edited.value
      return { name: "engine.approval.reopened", payload: { ...run, stepId: key, proposedBy: by, edit, problem } }
    }
    default:
      return undefined
  }
}

/** An answer that edits the arguments. */
const decodeEdited = Schema.decodeUnknownOption(
  Schema.Struct({ key: Schema.String, by: Schema.String, edit: Schema.Unknown })
)

const failed = (cause: unknown) => ({ error: FailureText.ofCause(cause), cause })

const settled = (by: string | undefined) => by === undefined ? {} : { settledBy: by }
