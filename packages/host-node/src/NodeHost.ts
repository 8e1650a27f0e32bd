/**
 * The Node host: runs live in one SQLite file that many processes may share.
 */
import type { StorageFailed } from "@fermata/engine/Backend"
import { Bulk } from "@fermata/engine/Bulk"
import { Chunks } from "@fermata/engine/Chunks"
import * as ChunkSweep from "@fermata/engine/ChunkSweep"
import { Engine } from "@fermata/engine/Engine"
import { EngineOptions } from "@fermata/engine/EngineOptions"
import { HostClock } from "@fermata/engine/HostClock"
import * as Otlp from "@fermata/engine/Otlp"
import { Schedules } from "@fermata/engine/Schedules"
import { Store } from "@fermata/engine/Store"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { WorkflowEngine } from "effect/workflow/WorkflowEngine"
import * as Egress from "./Egress.ts"
import { HostSql } from "./HostSql.ts"
import * as Processes from "./internal/Processes.ts"
import * as Seen from "./Seen.ts"
import * as SqliteBackend from "./SqliteBackend.ts"

/** Which database a host uses, and how it behaves. */
export interface Options extends Partial<EngineOptions> {
  /** The database file; made with its folder when it is not there. Default `.fermata/fermata.db`. */
  readonly db?: string
  /** `FULL` (default): an acknowledged step survives power loss. `NORMAL`: it survives the death of the process. */
  readonly synchronous?: "FULL" | "NORMAL"
  /**
   * Bytes of the write-ahead log (the `-wal` file) at which writes wait, as on a
   * full disk, until whoever keeps a read transaction open has closed it.
   * Default 1 GiB.
   */
  readonly maxLogBytes?: number
  /** Opens also a backup of which nobody has said yet that it was put back; see `Backup`. Default false. */
  readonly copied?: boolean
  /**
   * Only reads, so that a database which may not be written is opened all the
   * same; one of an older version is brought up to date where it may be.
   * `untouched`: nothing of it changes; an older one is read from a copy.
   * Default false.
   */
  readonly readOnly?: boolean | "untouched"
  /**
   * Where its runs may go on the network, for what takes the way out of the
   * process; nowhere by default but to the base URLs of models.
   */
  readonly egress?: Egress.Options
}

/** Where runs live when nothing else is said. */
export const defaultDatabase = ".fermata/fermata.db"

const clock = Layer.succeed(
  HostClock,
  HostClock.of({ now: () => Date.now(), elapsed: () => performance.now(), sleep: (millis) => Effect.sleep(millis) })
)

/** The store alone, for reading and writing without working on runs. */
export const layerStore = (options: Options = {}): Layer.Layer<Store | HostClock | HostSql | Chunks, StorageFailed> =>
  Layer.effectContext(Effect.gen(function*() {
    const backend = yield* SqliteBackend.make({
      file: options.db ?? defaultDatabase,
      synchronous: options.synchronous,
      maxLogBytes: options.maxLogBytes,
      readOnly: options.readOnly,
      copied: options.copied
    })
    return Context.make(Store, Store.make(backend)).pipe(
      Context.add(HostSql, backend.sql),
      Context.add(Chunks, yield* Chunks.make(backend.chunks))
    )
  })).pipe(Layer.provideMerge(clock))

/**
 * Everything that a program needs to run on Node: give it to the layers of
 * your workflows and launch them. By default the process is a worker, which
 * takes up any due run that it serves.
 */
export const layer = (
  options: Options = {}
): Layer.Layer<Engine | WorkflowEngine | Store | HostClock | HostSql | Chunks, StorageFailed> =>
  Layer.unwrap(Effect.gen(function*() {
    const defaults = yield* EngineOptions
    const {
      copied: _copied,
      db = defaultDatabase,
      egress,
      maxLogBytes: _maxLogBytes,
      readOnly = false,
      synchronous: _synchronous,
      ...rest
    } = options
    const seen = readOnly === false ? Seen.layer(db) : Layer.empty
    return Layer.mergeAll(Bulk.served, Schedules.served, ChunkSweep.layer, Otlp.layer, seen).pipe(
      Layer.provideMerge(Engine.layer),
      Layer.provideMerge(Layer.merge(Otlp.layerTracer, Otlp.layerLogger)),
      Layer.provideMerge(layerStore(options)),
      Layer.provideMerge(Egress.layer(egress)),
      Layer.provide(Layer.succeed(EngineOptions, {
        ...defaults,
        processOf: Processes.processOf,
        ...rest,
        info: { ...Processes.self(), ...rest.info }
      }))
    )
  }))
