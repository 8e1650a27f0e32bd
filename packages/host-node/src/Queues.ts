/**
 * Persisted queues in the file where the host keeps its runs, so that an item
 * that a run hands to a `DurableQueue` survives the process, as the run does.
 */
import type { StorageFailed } from "@fermata/engine/Backend"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PersistedQueue from "effect/persistence/PersistedQueue"
import type { SqlError } from "effect/sql/SqlError"
import { defaultDatabase } from "./NodeHost.ts"
import * as Sqlite from "./Sqlite.ts"
import * as SqliteClient from "./SqliteClient.ts"

/** Which database queues are kept in, and how often it is looked at. */
export interface Options {
  /** The database file of the host; made with its folder when it is not there. Default `.fermata/fermata.db`. */
  readonly db?: string | undefined
  /** `FULL` (default): an accepted item survives power loss. `NORMAL`: it survives the death of the process. */
  readonly synchronous?: "FULL" | "NORMAL" | undefined
  /** How often a worker looks for items that other processes have offered; every second by default. */
  readonly pollInterval?: Duration.Input | undefined
  /** How long an item stays with a worker that gives no sign of life, before another takes it; 2 minutes by default. */
  readonly lockExpiration?: Duration.Input | undefined
}

/**
 * Queues for `effect/workflow` `DurableQueue` and `PersistedQueue`, on a
 * connection of their own to the file of the host.
 *
 * Items that were worked on are kept, since it is by them that a run that asks
 * again after a restart is recognised. `PersistedQueue.layerCleanup` removes
 * them; give it a `timeToLive` beyond the longest life of a run.
 */
export const layer = (
  options: Options = {}
): Layer.Layer<
  PersistedQueue.PersistedQueueFactory | PersistedQueue.PersistedQueueStore,
  StorageFailed | SqlError
> => {
  const { lockExpiration = "2 minutes", pollInterval, synchronous } = options
  const client = Layer.unwrap(
    // The host's tables come first: a file with other tables alone would be another program's.
    Effect.scoped(Sqlite.open({ file: options.db ?? defaultDatabase, synchronous })).pipe(
      Effect.map(({ file }) => SqliteClient.layer({ filename: file, synchronous }))
    )
  )
  // Not `PersistedQueue.layer`: as a constant it would be built once, also for the queues of two files.
  return Layer.effect(PersistedQueue.PersistedQueueFactory, PersistedQueue.makeFactory).pipe(
    Layer.provideMerge(PersistedQueue.layerStoreSql({
      pollInterval,
      lockExpiration,
      lockRefreshInterval: Duration.divideUnsafe(Duration.fromInputUnsafe(lockExpiration), 4)
    })),
    Layer.provide(client)
  )
}
