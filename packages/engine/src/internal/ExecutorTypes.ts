/**
 * What a run's executor needs of its host, and what it is asked for.
 */
import type { CrashRule } from "@fermata/core/CrashRule"
import type * as JournalEntry from "@fermata/core/JournalEntry"
import type { Giver } from "@fermata/core/ValueRefused"
import type { Wait } from "@fermata/core/Wait"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as Option from "effect/Option"
import type * as Schema from "effect/Schema"
import type * as Workflow from "effect/workflow/Workflow"
import type { Desk, Outcome } from "../Answers.ts"
import type { ApprovalRow, Backend, CommitOp, InboxRow, OutboxRow, RunRow, Within } from "../Backend.ts"
import type { EventWaitChanges } from "../EventLog.ts"
import type { Signal } from "../Signal.ts"
import type * as Handover from "./Handover.ts"
import type { Look } from "./RunEvents.ts"
import type { RunExecutor } from "./RunExecutor.ts"
import type { RunTurns } from "./RunTurns.ts"
import type { TimerQueue } from "./TimerQueue.ts"

/** Limits of a run, in ms and steps. */
export interface Limits {
  readonly maxRunMs: number
  readonly maxActiveMs: number
  readonly maxSteps: number
}

/** A handler as registered, with the codecs of its exit. */
export interface Registration {
  readonly name: string
  readonly version: string
  readonly workflow: Workflow.Any
  readonly limits: Limits
  /** JSON Schemas of payload, success and error, as one JSON document. */
  readonly schemas: string
  /** The signals that its runs receive: declared, or seen to be received in this process. */
  readonly signals: Map<string, Signal<Schema.Top>>
  readonly decodePayload: (json: unknown) => Effect.Effect<object, unknown>
  /** A result that cannot be stored, or that its schema does not read back, is a defect. */
  readonly encodeExit: (exit: Exit.Exit<unknown, unknown>, by: Giver) => JournalEntry.ExitJson
  readonly execute: (payload: object, runId: string) => Effect.Effect<unknown, unknown, never>
}

/** The suspension of a run without an entry: its journal stays as it is until an operator has looked at it. */
export interface UnrecordedSuspension {
  /** ms since the epoch. */
  readonly at: number
  readonly waits: ReadonlyArray<Wait>
}

/** What one commit of a run carries. Values in its entries are stored text, so that nobody can change them. */
export interface PendingCommit {
  readonly entries: ReadonlyArray<JournalEntry.JournalEntry>
  readonly expected: number
  readonly status:
    | { readonly status: string; readonly reason: string | null; readonly waits: string | null }
    | undefined
  readonly consumed: ReadonlyArray<string>
  readonly outbox: ReadonlyArray<OutboxRow>
  readonly approvalsOpened: ReadonlyArray<ApprovalRow>
  readonly approvalsClosed: ReadonlyArray<string>
  readonly awaits: EventWaitChanges | undefined
  readonly ended: { readonly payload: string } | undefined
  readonly release: { readonly dueAt: number | null; readonly quiet?: boolean } | undefined
  readonly leaves?: CommitOp["leaves"]
  readonly unrecorded?: UnrecordedSuspension
}

/** Makes one entry inside the transaction that stores it, or undoes that with undefined. */
export type MakeEntry = (within: Within) => JournalEntry.JournalEntry | undefined

/** What the engine offers to the executors of its runs. */
export interface ExecutorHost {
  /** ms since the epoch, by the clock that programs live by. */
  readonly now: () => number
  /** ms of a clock that nobody sets, for how long something took. */
  readonly elapsed: () => number
  /** `unseen`: it is refused, for the inbox holds what the run has not taken; everything else is as it was. */
  readonly commit: (run: RunRow, commit: PendingCommit, done: (ok: boolean, unseen?: boolean) => void) => void
  /** Has what is in the inboxes of the runs of this process handed out. */
  readonly handOutSoon: () => void
  /** Takes answers of the engine's own: at a deadline, and where the code does not take an edit. */
  readonly desk: Desk
  /** Commits the entry that a function makes inside the transaction. */
  readonly commitTogether: (
    run: RunRow,
    expected: number,
    make: MakeEntry,
    done: (how: "done" | "undone" | "refused") => void
  ) => void
  /** What a wait for events has yet to look at. */
  readonly awaited: Backend["awaited"]
  /** Whether the store can do that. */
  readonly together: boolean
  /** Runs the task in a later turn of the event loop. */
  readonly schedule: (task: () => void) => void
  /** Forks a fiber that nothing holds, in the engine's own context. */
  readonly fork: <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>
  /** What all bodies see: the engine's services, silent loggers. */
  readonly shared: Context.Context<never>
  /** The services of an asker with the world in place of the run's own clock, randomness and scheduler. */
  readonly stepContext: (asker: Context.Context<never>) => Context.Context<never>
  readonly timers: TimerQueue
  /** Where runs that compute wait for their next turn. */
  readonly turns: RunTurns
  /** Waits by the host's clock. */
  readonly hostSleep: (millis: number) => Effect.Effect<void>
  readonly options: ExecutorOptions
  /** The run is over, suspended without an entry, or was taken away: forget the executor. */
  readonly gone: (executor: RunExecutor, how: "ended" | "released" | "deposed" | "reload") => void
  /** Every branch waits and everything is committed. */
  readonly parked: (executor: RunExecutor) => void
  readonly woken: (executor: RunExecutor) => void
  /** A fiber of this evicted run has gone on by itself, beside what the run waits for: the run is loaded again and pinned in memory. */
  readonly activeAfterEviction: (runId: string) => void
  /** ms of the host, by a clock that nobody sets. */
  readonly hostElapsed: () => number
  /** There in a host that only replays: the journal is delivered, and the run is to go no further. */
  readonly replayed?: () => void
  /** The body of a step starts. */
  readonly bodyStarts: (runId: string, key: string, attempt: number) => void
}

export interface ExecutorOptions {
  /** How long (ms, host time) a process owns its runs without a sign of life. */
  readonly leaseMs: number
  /** Crashes of one step, or takeovers of a run without progress, after which it suspends as `recovery`. */
  readonly maxRecoveries: number
  /** How long (ms) a cancel lets the body of an `ask` step finish. */
  readonly cancelGraceMs: number
  /** How long (ms) a body that was interrupted at its timeout may take to end before it is let go. */
  readonly timeoutGraceMs: number
}

/** A step as the executor runs it: everything is JSON, schemas are the caller's. */
export interface StepDefinition {
  readonly name: string
  /** The whole key when the caller chose it; else the executor numbers the name. */
  readonly key: string | undefined
  readonly onCrash: CrashRule
  /** Absent where the step takes nothing. */
  readonly input: Handover.Input | undefined
  readonly label: string | undefined
  /** Asked for by a step body. */
  readonly nested: boolean
  /** The key of that step, with its attempt when it is not the first. */
  readonly inside: string | undefined
  /** A failure suspends the run until an operator resumes it (`SuspendOnFailure`). */
  readonly parkOnFailure: boolean
  /** The services of the fiber that asks. */
  readonly asker: Context.Context<never>
  /** Runs one attempt; the value and the typed errors of its exit are what its schemas made of them. */
  readonly body: (attempt: StepAttempt) => Effect.Effect<unknown, unknown>
  /** Says whether an attempt that was cut short has been done, and with what output; there with the rule `probe`. */
  readonly probe?: ((attempt: StepAttempt) => Effect.Effect<Option.Option<unknown>, unknown>) | undefined
  /** The time (ms) for one attempt, and for one question to the probe, and what fails with it. */
  readonly limit?: { readonly millis: number; readonly error: () => unknown } | undefined
  /** What a body that waits for something fails with, where it runs inside the commit of its outcome. */
  readonly notSynchronous?: (() => unknown) | undefined
  /** A fresh, stateful policy: the delay in ms before the next attempt, or undefined to give up. */
  readonly retry: (() => (now: number, cause: unknown) => Effect.Effect<number | undefined>) | undefined
  /** Why a value, declared by an operator, cannot be the step's output; undefined when it can. */
  readonly problemOf: (output: unknown) => string | undefined
  /** An output that it could have, as JSON; undefined where none was found. */
  readonly sample: () => unknown
}
export interface StepAttempt {
  readonly key: string
  readonly attempt: number
  readonly idempotencyKey: string
}

/** What an asker of a step gets. Its value or cause may be stored text; nobody else is given it. */
export type StepOutcome =
  | { readonly _tag: "Done"; readonly key: string; readonly exit: JournalEntry.ExitJson }
  | { readonly _tag: "Parked"; readonly key: string; readonly cause: unknown }

export interface ApprovalQuestion {
  readonly key: string | undefined
  readonly name: string
  readonly prompt: string
  readonly approvers: ReadonlyArray<string>
  readonly choices: ReadonlyArray<string>
  readonly quorum: number
  /** How many may answer: a no denies only when the quorum is out of reach. Without it one no denies. */
  readonly of?: number | undefined
  readonly editable: boolean
  readonly args: unknown
  /** Of the arguments. */
  readonly hash: string
  /** JSON Schema of the arguments; asked for when they may be edited. */
  readonly schema?: (() => unknown) | undefined
  /** Whoever started the run may not answer. */
  readonly preventSelfApproval: boolean
  /** ms from the time of the request. */
  readonly deadlineMs: number | undefined
  readonly onTimeout: "deny" | "approve" | "fail"
  /** Why the code does not take these arguments; undefined when it does. With such an edit the question opens again. */
  readonly problemOf: (edit: unknown) => string | undefined
}

/** An order to stop the run. */
export interface StopItem {
  readonly _tag: "Stop"
  readonly id: string
  readonly kind: "cancel" | "limit" | "parent" | "foreign"
  readonly by: string
  readonly reason: string
  /** The inbox row that ordered it: taken when the stop is journaled, not before. */
  readonly row?: InboxRow
}

export type ReadyItem =
  | {
    readonly _tag: "Outcome"
    readonly key: string
    readonly exit: JournalEntry.ExitJson
    readonly delay: number | undefined
  }
  | { readonly _tag: "Probed"; readonly key: string; readonly exit: Exit.Exit<Option.Option<unknown>, unknown> }
  | { readonly _tag: "LetGo"; readonly key: string; readonly millis: number }
  | { readonly _tag: "Late"; readonly text: string }
  | { readonly _tag: "Timer"; readonly timer: number }
  | { readonly _tag: "Backoff"; readonly key: string }
  | { readonly _tag: "Deadline"; readonly key: string }
  /** What the store says to the end of a deadline. */
  | { readonly _tag: "Expired"; readonly key: string; readonly outcome: Outcome }
  /** The store knows that the code does not take the edit in this row. */
  | { readonly _tag: "EditRefused"; readonly row: InboxRow }
  | { readonly _tag: "Inbox"; readonly row: InboxRow }
  | { readonly _tag: "Looked"; readonly look: Look }
  | StopItem
  | { readonly _tag: "GraceOver" }
  | { readonly _tag: "Still" }
  | { readonly _tag: "ActiveLimit" }
  | { readonly _tag: "Foreign" }

/** Whether it may stop the run: what does so does not wait until the body has nothing left to do. */
export const isOrderToStop = (item: ReadyItem): boolean =>
  item._tag === "Stop" || item._tag === "GraceOver" || item._tag === "ActiveLimit" || item._tag === "Foreign" ||
  (item._tag === "Inbox" && item.row.kind === "cancel")

/** Where the current fiber stands: in the body of a run, or in the body of one of its steps. */
export interface Place {
  readonly executor: RunExecutor
  readonly step: string | undefined
  /** The step with its attempt when it is not the first: what nested keys begin with. */
  readonly inside?: string
  /** The body was let go at its timeout: whatever it still asks the run for is refused. */
  letGo?: boolean
}
export const CurrentRun: Context.Reference<Place | undefined> = Context.Reference<Place | undefined>(
  "@fermata/engine/CurrentRun",
  { defaultValue: () => undefined }
)

export type { RunRow, Wait }
