/**
 * What a command looks at runs with and acts on them by: the services of a
 * database of this machine, or those of a server.
 */
import type { AgentHead } from "@fermata/api/AgentsGroup"
import type { Contract } from "@fermata/contracts/Contract"
import type { Stored } from "@fermata/contracts/ContractRegistry"
import type { Contracts } from "@fermata/contracts/Contracts"
import type { StepKinds } from "@fermata/contracts/StepKind"
import type { AccessTokens } from "@fermata/engine/AccessTokens"
import type { AuditLog } from "@fermata/engine/AuditLog"
import type { Bulk } from "@fermata/engine/Bulk"
import type { Chunks } from "@fermata/engine/Chunks"
import type { Engine } from "@fermata/engine/Engine"
import type { Events } from "@fermata/engine/Events"
import type { Retention } from "@fermata/engine/Retention"
import type { RunExports } from "@fermata/engine/RunExports"
import type { Runs } from "@fermata/engine/Runs"
import type { Schedules } from "@fermata/engine/Schedules"
import type { Sensors } from "@fermata/engine/Sensors"
import type { Tasks } from "@fermata/engine/Tasks"
import type { Tenants } from "@fermata/engine/Tenants"
import type { Sources } from "@fermata/operations/Sources"
import type { By, Webhooks } from "@fermata/operations/Webhooks"
import type * as Effect from "effect/Effect"
import type { CommandFailed } from "./CommandFailed.ts"
import type { Loaded } from "./Config.ts"

/** The verbs of a command, wherever the runs are. Errors of the engine, and of the way to a server, are those of the command after `refine`. */
export interface Operator {
  readonly runs: Runs["Service"]
  /** Acts on many runs at once. */
  readonly bulk: Bulk["Service"]
  readonly contracts: Pick<Contracts["Service"], "check" | "heads"> & {
    readonly add: (
      document: unknown
    ) => Effect.Effect<
      Pick<Stored, "at" | "hash" | "id" | "title" | "version">,
      Effect.Error<ReturnType<Contracts["Service"]["add"]>>
    >
  }
  readonly events: Pick<Events["Service"], "emit" | "kept" | "publish">
  /** What comes in from outside. */
  readonly sensors: Pick<Sensors["Service"], "find" | "ingest" | "list">
  /** Who may send webhooks. */
  readonly sources: Omit<Sources["Service"], "receive">
  /** The tokens by which a server lets callers in. */
  readonly tokens: Pick<AccessTokens["Service"], "create" | "list" | "remove">
  /** Those whose runs are there, and what each may have. */
  readonly tenants: Pick<Tenants["Service"], "delete" | "limit" | "list">
  /** What is deleted there, and for how long runs are kept. */
  readonly retention: Retention["Service"]
  /** What is started at which times. */
  readonly schedules: Schedules["Service"]
  /** Tasks and their queues. */
  readonly tasks: Pick<
    Tasks["Service"],
    | "attempts"
    | "cancel"
    | "configure"
    | "dispatch"
    | "enqueue"
    | "list"
    | "pause"
    | "queues"
    | "resume"
    | "retry"
    | "setDispatch"
    | "show"
  >
  /** Endpoints that are told of what happens there, and what was sent to them. */
  readonly webhooks:
    & Pick<
      Webhooks["Service"],
      | "deliveries"
      | "list"
      | "pause"
      | "put"
      | "redeliverDead"
      | "remove"
      | "resume"
      | "rotate"
      | "test"
    >
    & {
      readonly delivery: (
        id: string,
        options: { readonly endpoint: string }
      ) => ReturnType<Webhooks["Service"]["delivery"]>
      readonly redeliver: (
        id: string,
        options: By & { readonly endpoint: string }
      ) => ReturnType<Webhooks["Service"]["redeliver"]>
    }
  /** Runs that go there and come from there. */
  readonly exports: RunExports["Service"]
  /** Who did what there. */
  readonly audit: AuditLog["Service"]
  /** What steps say while they work. */
  readonly chunks: Pick<Chunks["Service"], "follow">
  /** A contract that is known there, with the kinds of steps that it is read with; nothing where those are not here. */
  readonly contractOf: (
    id: string,
    version?: string
  ) => Effect.Effect<{ readonly contract: Contract; readonly kinds: StepKinds } | undefined, CommandFailed>
  /** How this process works on runs, where they are in a database of this machine; nothing where a server has them. */
  readonly here: Here | undefined
  /** The server that has the runs; nothing where they are in a database of this machine. */
  readonly there: Server | undefined
  /** ms since the epoch. */
  readonly now: () => number
  readonly sleep: (millis: number) => Effect.Effect<void>
  /** Gives an effect of the library the services of this operator. */
  readonly use: <A, E>(effect: Effect.Effect<A, E, Runs>) => Effect.Effect<A, CommandFailed>
  readonly refine: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, CommandFailed, R>
  /** `refine`, for what only looks, once something is done: a server that is away then is asked again until it answers, for two minutes. */
  readonly look: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, CommandFailed, R>
}

/** How a process works on the runs of a database. */
export interface Here {
  readonly engine: Engine["Service"]
  /** Frees the runs of processes that are dead. */
  readonly reap: Effect.Effect<void, CommandFailed>
  /**
   * Serves what the configuration names; once, however often it is asked. One
   * that was not loaded before is the one that last worked on this workflow, or
   * the nearest.
   */
  readonly serve: (workflow?: string) => Effect.Effect<Loaded, CommandFailed>
  /** Why runs of this workflow cannot go on here although the configuration has it, as where the key of a model is missing. */
  readonly lack: (workflow: string) => string | undefined
  /** The epochs in which this process has owned the run; known for hosts that are no workers. */
  readonly epochsOf: (runId: string) => ReadonlySet<number>
}

/** A server, as people know it. */
export interface Server {
  readonly url: string
  /** Whether whoever acts there may answer questions, if they are among those who are asked. */
  readonly mayAnswer: boolean
  /** The agents that it has; those of this machine are in a configuration. */
  readonly agents: Effect.Effect<ReadonlyArray<AgentHead>, CommandFailed>
}
