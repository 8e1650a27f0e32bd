/**
 * What a workflow asks of its run, and what it gets, as data.
 */
import type { Artifact } from "@fermata/core/Artifact"
import type { CrashRule } from "@fermata/core/CrashRule"
import type { DayRefusal } from "@fermata/core/DayRefusal"
import type * as JournalEntry from "@fermata/core/JournalEntry"
import type { ArtifactDamaged } from "@fermata/core/RunsErrors"
import type { Amount } from "@fermata/core/Spent"
import type { StandingOffer } from "@fermata/core/StandingRule"
import type * as StoredJson from "@fermata/core/StoredJson"
import type * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Option from "effect/Option"
import type { OutboxRow, StorageFailed } from "../../Backend.ts"
import type { Equality } from "../../EventLog.ts"
import type * as Handover from "../Handover.ts"
import type { ArtifactRefused } from "./ArtifactRefused.ts"
import type { KeepOptions } from "./Kept.ts"

/** A step as the executor runs it: everything is JSON, schemas are the caller's. */
export interface StepDefinition {
  readonly name: string
  /** The whole key when the caller chose it; else the executor numbers the name. */
  readonly key: string | undefined
  readonly onCrash: CrashRule
  /** Absent where the step takes nothing. */
  readonly input: Handover.Input | undefined
  readonly label: string | undefined
  /** What this call does, for people. Asked for when the step is requested, and not at a replay. */
  readonly title?: string | undefined
  /** A cancel gives its body no time to finish. */
  readonly stopsAtOnce?: boolean | undefined
  /** The most that an attempt may spend. */
  readonly reserved?: Amount | undefined
  /** Asked for by a step body. */
  readonly nested: boolean
  /** The key of that step, with its attempt when it is not the first. */
  readonly inside: string | undefined
  /** A failure suspends the run until an operator resumes it (`SuspendOnFailure`). */
  readonly parkOnFailure?: boolean | undefined
  /** The services of the fiber that asks. */
  readonly asker: Context.Context<never>
  /** Runs one attempt; the value and the typed errors of its exit are what its schemas made of them. */
  body(attempt: StepAttempt): Effect.Effect<unknown, unknown>
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
  /** Why JSON cannot be a typed error of the step; undefined when it can. Absent where nobody can tell. */
  readonly errorProblemOf?: ((error: unknown) => string | undefined) | undefined
  /** An output that it could have, as JSON; undefined where none was found. */
  readonly sample: () => unknown
}
export interface StepAttempt {
  readonly key: string
  readonly attempt: number
  readonly idempotencyKey: string
  /** The place in the journal of the request that is carried out. */
  readonly entry: number
  /** How often the attempt was cut short before. */
  readonly recovery: number
  /** The attempt has spent this. */
  readonly spend: (amount: Amount) => Effect.Effect<void>
  /** The attempt keeps this with its outcome. */
  readonly keep: (
    content: Uint8Array | string,
    options?: KeepOptions
  ) => Effect.Effect<Artifact, ArtifactRefused>
  /** The bytes of what an earlier step has kept. */
  readonly kept: (artifact: Artifact) => Effect.Effect<Uint8Array, ArtifactDamaged | StorageFailed>
  /** The day of the request had no room for what the attempt was to reserve. */
  readonly refused: DayRefusal | undefined
}

/** What an asker of a step gets. Its value or cause may be stored text; nobody else is given it. */
export type StepOutcome =
  | { readonly _tag: "Done"; readonly key: string; readonly exit: JournalEntry.ExitJson }
  | { readonly _tag: "Parked"; readonly key: string; readonly cause: unknown }

/** A settlement as it is applied to a step: the operator's message has become a cause. */
export type SettleAction =
  | { readonly _tag: "retry" }
  | { readonly _tag: "complete"; readonly output: unknown }
  | { readonly _tag: "fail"; readonly cause: unknown }

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
  /** Who may not answer; `requester` is who started the run. */
  readonly notBy: ReadonlyArray<string>
  /** Who else may answer after so many ms. */
  readonly escalate?: ReadonlyArray<{ readonly afterMs: number; readonly to: ReadonlyArray<string> }> | undefined
  readonly remind?: { readonly everyMs: number; readonly most: number } | undefined
  /** Rules of which a yes may let one stand. */
  readonly standing?: StandingOffer | undefined
  /** ms from the time of the request. */
  readonly deadlineMs: number | undefined
  readonly onTimeout: "deny" | "approve" | "fail"
  /** Why the code does not take these arguments; undefined when it does. With such an edit the question opens again. */
  readonly problemOf: (edit: unknown) => string | undefined
}

export type ApprovalResult =
  | {
    readonly _tag: "Approved"
    readonly by: ReadonlyArray<string>
    readonly choice: string | undefined
    readonly edit: unknown
    readonly note: string | undefined
  }
  | { readonly _tag: "Denied"; readonly by: string; readonly note: string | undefined; readonly timedOut: boolean }
  | { readonly _tag: "TimedOut" }

/** What a step that waits asks of the events. */
export interface EventQuestion {
  readonly step: string
  readonly event: string
  readonly equality: Equality | null
  /** For people who ask what the run waits for. */
  readonly detail: string
  /** The services of the fiber that asks. */
  readonly asker: Context.Context<never>
  readonly wants: (payload: unknown) => Effect.Effect<boolean>
}

/** `Taken` is recorded as the outcome of the step; `Signal` is an event as an earlier build journaled it, to be judged by the code. */
export interface EventAnswer {
  readonly _tag: "Taken" | "Signal"
  readonly payload: unknown
}

/** `Recorded`: what the journal has, as JSON of its own, undefined where nothing was stored. `Made`: what has just become of the value. */
export type Decision =
  | { readonly _tag: "Recorded"; readonly key: string; readonly value: unknown }
  | { readonly _tag: "Made"; readonly exit: Exit.Exit<Handover.Handed> }

/** A child run that is started, or joined. */
export interface ChildQuestion {
  readonly id: string
  /** The message that starts it. */
  readonly start: OutboxRow
  readonly workflow: string
  readonly version: string
  readonly payload: StoredJson.StoredJson
  /** What it may spend. */
  readonly granted?: Amount | undefined
  /** Whether the run is told its end. */
  readonly linked: boolean
}
