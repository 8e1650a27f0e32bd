/**
 * The engine of one command: its services, and how this process comes to work
 * on runs.
 */
import type { StorageFailed } from "@fermata/engine/Backend"
import { Engine } from "@fermata/engine/Engine"
import { Events } from "@fermata/engine/Events"
import { HostClock } from "@fermata/engine/HostClock"
import { Runs } from "@fermata/engine/Runs"
import { Store } from "@fermata/engine/Store"
import * as NodeHost from "@fermata/host-node/NodeHost"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { existsSync } from "node:fs"
import { type CommandFailed, fromUnknown, refused } from "./CommandFailed.ts"
import * as Config from "./Config.ts"
import { noteNow } from "./Output.ts"
import { type Globals, quoted } from "./Globals.ts"

export interface Options {
  /** Take up any due run that is served here; else only what the command is about. */
  readonly worker?: boolean
  /** Take up nothing at all. */
  readonly idle?: boolean
  /** The database must be there already. */
  readonly existing?: boolean
  /** A folder in which the search for the configuration begins, before the working directory. */
  readonly near?: string
  /** For others that look at the processes of this database. */
  readonly command: string
}

export interface Host {
  readonly runs: Runs["Service"]
  readonly events: Events["Service"]
  readonly engine: Engine["Service"]
  readonly store: Store["Service"]
  /** ms since the epoch. */
  readonly now: () => number
  readonly sleep: (millis: number) => Effect.Effect<void>
  /** Frees the runs of processes whose lease has ended. */
  readonly reap: Effect.Effect<void, CommandFailed>
  /** Loads the configuration and serves what it names; once, however often it is asked. */
  readonly serve: Effect.Effect<Config.Loaded, CommandFailed>
  /** Turns the errors of the engine's services into those of the command. */
  readonly refine: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, CommandFailed, R>
}
