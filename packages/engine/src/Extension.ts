/**
 * What a package outside of the engine gives it, with `Engine.extend`: kinds of
 * documents whose runs it executes, what published events come to, what commits
 * publish, and who hears of them.
 */
import type * as JournalEntry from "@fermata/core/JournalEntry"
import type { PayloadRefused, StartRefused } from "@fermata/core/RunsErrors"
import type { StartOptions } from "@fermata/core/RunStart"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Workflow from "effect/workflow/Workflow"
import type { WorkflowInstance } from "effect/workflow/WorkflowEngine"
import type { DefinitionRow, RunRow, StorageFailed } from "./Backend.ts"
import type { Limits, UnrecordedSuspension } from "./internal/run/RunHost.ts"
import type { EventMessage, StartRequest } from "./StartRequest.ts"

/** An extension cannot be taken: its kind of documents is none, or another extension has it. A defect. */
export class ExtensionRefused extends Schema.TaggedError<ExtensionRefused>()("ExtensionRefused", {
  extension: Schema.String,
  problem: Schema.String
}) {
  override get message(): string {
    return `The extension "${this.extension}" cannot be taken: ${this.problem}`
  }
}

/** What is known of a run when something of it is told. */
export type ToldRun = Pick<RunRow, "id" | "workflow" | "kind">

/** What one commit of a run brought. */
export interface Committed {
  readonly run: RunRow
  /** In their order; none where the run was suspended without an entry. */
  readonly entries: ReadonlyArray<JournalEntry.JournalEntry>
  /** The status after this commit. */
  readonly status: string
  /** There when the run was suspended without an entry. */
  readonly unrecorded?: UnrecordedSuspension | undefined
}

/** What a published event comes to: the start of a run, or a signal to one. Either is carried out once for its id. */
export type Delivery =
  | { readonly _tag: "Start"; readonly request: StartRequest }
  | {
    readonly _tag: "Signal"
    readonly runId: string
    /** A signal of an id that the run has received before is passed over. */
    readonly id: string
    readonly name: string
    readonly payload: Schema.Json
  }

/** A document that can be executed, as a program is. */
export interface Program {
  /** Name, version and schemas of its runs. */
  readonly workflow: Workflow.Any
  readonly limits: Limits
  /** The body. It is given the payload as the workflow's schema decodes it. */
  readonly execute: (payload: object, runId: string) => Effect.Effect<unknown, unknown, WorkflowInstance>
}

/** What can be said of a document without executing it. */
export interface Description {
  readonly limits: Limits
  /** The events that a run may ask for, and at which places in them its waits ask for one value; see `EventLog`. */
  readonly subscriptions: StartRequest["subscriptions"]
  /** The names of the signals that a run receives. */
  readonly signals: ReadonlyArray<string>
  /** By step: the event that it waits for, and the place at which it asks for one value and for nothing else, or none where any event will do. Steps with other conditions are left out. */
  readonly waits: ReadonlyMap<string, { readonly event: string; readonly path: string | undefined }>
}

/** A kind of documents. Runs of one are pinned to its hash, and are executed by processes that have an extension for the kind. */
export interface Definitions {
  /** A word such as `recipe`: small letters, digits and hyphens. Stands in the rows of definitions and runs. */
  readonly kind: string
  /**
   * The document that a run is pinned to, ready to be executed; undefined where
   * this process cannot execute it. The same for the same document, if it can be.
   * With `evenIfUnserved` also for a run that is left to others, as to stop it.
   */
  readonly resolve: (
    run: RunRow,
    options: { readonly evenIfUnserved: boolean }
  ) => Effect.Effect<Program | undefined, StorageFailed>
  /** What this process has for runs of the kind, as others see it in its row (`Runs.owners`). */
  readonly offer: () => Readonly<Record<string, Schema.Json>>
  /** Hashes of the documents whose runs this process leaves to others, as far as it knows. Asked at every claim. */
  readonly unserved: () => ReadonlyArray<string>
  /** The request that starts a run by the name of its definition (`Runs.start`). */
  readonly request: (
    definition: DefinitionRow,
    payload: unknown,
    options: StartOptions
  ) => Effect.Effect<StartRequest, PayloadRefused | StartRefused | StorageFailed>
  /** Undefined for a document that this build cannot read. Pure. */
  readonly describe: (document: string) => Description | undefined
  /** The payload of a fork that is given another input, from that of its original. The input itself when absent. */
  readonly withInput?: (payload: unknown, input: unknown) => unknown
  /**
   * What a failed step only tells of, by the cause that is recorded of it: another
   * step, by its key, or a child run, by the id under which it was asked for. A retry
   * takes up that one. Undefined where the step has failed by itself. Pure.
   */
  readonly tellsOf?: (cause: unknown) => { readonly step: string } | { readonly child: string } | undefined
  /** What the engine tells about an entry of a run of this kind, where that differs from what it tells about programs; undefined where it does not. Pure. */
  readonly tell?: (run: ToldRun, entry: JournalEntry.JournalEntry) => ReadonlyArray<EventMessage> | undefined
}

/**
 * What an extension brings. Everything is optional. It is in force from the
 * moment of `Engine.extend` until the scope of that closes; whether it works
 * does not depend on what else is built before or after it.
 */
export interface Extension {
  /** Names it in messages. */
  readonly name: string
  readonly definitions?: Definitions
  /**
   * What a published event comes to, beside that it is kept for those who wait
   * for it. Asked in the process that hands the event on, once or, after a crash,
   * again. Events of this process are left to others as long as the store has
   * documents of a kind that no extension of this process has.
   */
  readonly route?: (event: EventMessage) => Effect.Effect<ReadonlyArray<Delivery>, StorageFailed>
  /**
   * Whether what the engine tells under this name of the runs of this process is
   * published like any other event, so that it is routed and waited for; without
   * a name, whether anything is. Asked at every commit.
   */
  readonly listensTo?: (event?: string) => boolean
  /** Further events that a commit publishes, in its own transaction. Asked before each commit; pure. */
  readonly project?: (committing: Omit<Committed, "status">) => ReadonlyArray<EventMessage>
  /** Hears of every commit of this process, in order, once it is in the store. Does no work itself. */
  readonly committed?: (committed: Committed) => void
}
