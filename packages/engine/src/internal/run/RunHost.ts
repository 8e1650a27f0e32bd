/**
 * What a run needs of the process that has it in memory.
 */
import type * as JournalEntry from "@fermata/core/JournalEntry"
import type { Amount } from "@fermata/core/Spent"
import type { Giver } from "@fermata/core/ValueRefused"
import type { Wait } from "@fermata/core/Wait"
import type * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as Schema from "effect/Schema"
import type * as Workflow from "effect/workflow/Workflow"
import type { Desk } from "../../Answers.ts"
import type {
  ApprovalRow,
  Backend,
  BlobRow,
  CommitOp,
  OutboxRow,
  RunRow,
  SpendingChange,
  Within
} from "../../Backend.ts"
import type { EventWaitChanges } from "../../EventLog.ts"
import type { Store } from "../../Store.ts"
import type { RunTurns } from "../process/RunTurns.ts"
import type { TimerQueue } from "../process/TimerQueue.ts"
import type { Signal } from "../SignalDeclaration.ts"

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
  readonly signals: ReadonlyMap<string, Signal<Schema.Top>>
  /** A run of it receives this signal. */
  readonly declare: (signal: Signal<Schema.Top>) => void
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
  /** What the entries name, beside what is moved out of them as they are stored. */
  readonly blobs: ReadonlyArray<BlobRow>
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
  readonly certain?: boolean
  readonly spending?: Omit<SpendingChange, "claims">
  /** What requests among the entries reserve if their day has room: those for which it has none say so once they are written. */
  readonly claims?: ReadonlyArray<Claim>
  readonly unrecorded?: UnrecordedSuspension
}

/** A request that reserves something within a limit of its day. */
export interface Claim {
  readonly entry: JournalEntry.EntryOf<"StepRequested">
  readonly amount: Amount
  readonly limit: Amount
}

/** An entry, with the blobs that it names. */
export interface MadeEntry<E> {
  readonly entry: E
  readonly blobs?: ReadonlyArray<BlobRow> | undefined
}

/** Makes one entry inside the transaction that stores it, with what it changes of what was spent, or undoes that with undefined. */
export type MakeEntry = (
  within: Within
) => MadeEntry<JournalEntry.JournalEntry> & { readonly spending?: SpendingChange } | undefined

/** How a commit came out. `unseen`: it is refused, for the inbox holds what the run has not taken; everything else is as it was. */
export type Committed = (ok: boolean, unseen?: boolean) => void

/** A run in memory, as its process sees it. */
export interface HeldRun {
  readonly row: RunRow
  /** Lets it out of memory when every branch of it waits. */
  readonly release: () => void
}

/** What the engine offers to the executors of its runs. */
export interface ExecutorHost {
  /** ms since the epoch, by the clock that programs live by. */
  readonly now: () => number
  /** ms of a clock that nobody sets, for how long something took. */
  readonly elapsed: () => number
  readonly commit: (run: RunRow, commit: PendingCommit, done: Committed) => void
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
  /** The bytes of an artifact, or what is wrong with them. */
  readonly artifact: Store["Service"]["artifact"]
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
  readonly gone: (run: HeldRun, how: "ended" | "released" | "deposed" | "reload") => void
  /** Every branch waits and everything is committed. */
  readonly parked: (run: HeldRun) => void
  readonly woken: (run: HeldRun) => void
  /** A fiber of this evicted run has gone on by itself, beside what the run waits for: the run is loaded again and pinned in memory. */
  readonly activeAfterEviction: (runId: string) => void
  /** ms of the host, by a clock that nobody sets. */
  readonly hostElapsed: () => number
  /** There in a host that only replays: the journal is delivered, and the run is to go no further. */
  readonly replayed?: () => void
  /** The body of a step has spent something. */
  readonly bodySpends: (runId: string, key: string, amount: Amount) => void
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
