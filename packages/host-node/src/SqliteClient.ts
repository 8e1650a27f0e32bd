/**
 * A `SqlClient` of `effect/sql` on Node's built-in SQLite, with the API of
 * `@effect/sql-sqlite-node`: user code, `Migrator`, `PersistedQueue` and
 * whatever else asks for a `SqlClient` runs on it.
 *
 * One connection, used in turns. No statement blocks the event loop for
 * another connection's lock: it is tried again with jitter, and lets other
 * fibers have the connection meanwhile unless it is part of a transaction.
 * Transactions take the write lock when they begin (`BEGIN IMMEDIATE`), so that
 * none fails halfway because another writer was faster; provide
 * `SqlClient.BeginTransaction` with `"BEGIN"` for one that only reads.
 */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Reactivity from "effect/reactivity/Reactivity"
import type * as Scope from "effect/Scope"
import * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import * as SqliteSql from "./internal/SqliteSql.ts"

export const TypeId: TypeId = SqliteSql.TypeId

export type TypeId = typeof SqliteSql.TypeId

export interface SqliteClient extends SqlClient.SqlClient {
  readonly [TypeId]: TypeId
  readonly config: SqliteClientConfig
  /** Copies the database to another file while it is in use. */
  readonly backup: (destination: string) => Effect.Effect<BackupMetadata, SqlError>
  /** Loads a SQLite extension from a shared library. */
  readonly loadExtension: (path: string) => Effect.Effect<void, SqlError>
  /** SQLite has no such statement. */
  readonly updateValues: never
}

/** What a backup has copied, in pages of the database. */
export interface BackupMetadata {
  readonly totalPages: number
  readonly remainingPages: number
}

export const SqliteClient = Context.Service<SqliteClient>("@fermata/host-node/SqliteClient")

export interface SqliteClientConfig {
  /** Path of the database file, which is created in an existing folder, or `:memory:`. */
  readonly filename: string
  readonly readonly?: boolean | undefined
  /** How many prepared statements are kept; 200 by default. */
  readonly prepareCacheSize?: number | undefined
  /** Leaves the journal mode as it is; otherwise it is set to WAL. */
  readonly disableWAL?: boolean | undefined
  /**
   * `FULL` (the default): what was committed survives a power loss.
   * `NORMAL`: it survives a crash of the process, but not always of the machine.
   */
  readonly synchronous?: "FULL" | "NORMAL" | undefined
  /** How long to wait while another connection has the database locked; 30 seconds by default. */
  readonly patience?: Duration.Input | undefined
  readonly spanAttributes?: Record<string, unknown> | undefined
  /** From the name of a column in the database to the name in a row, as `String.snakeToCamel`. */
  readonly transformResultNames?: ((name: string) => string) | undefined
  /** From a name in code to the name in the database, as `String.camelToSnake`. */
  readonly transformQueryNames?: ((name: string) => string) | undefined
}

/**
 * Opens the database and closes it with the scope. Fails with `SqlError` when
 * it cannot be opened.
 */
export const make = (
  options: SqliteClientConfig
): Effect.Effect<SqliteClient, SqlError, Scope.Scope | Reactivity.Reactivity> =>
  Effect.gen(function*() {
    const opened = yield* SqliteSql.open(options)
    return yield* SqliteSql.make(options, Effect.succeed(opened))
  })

/** The client under both its own tag and that of `SqlClient`. */
export const layer = (
  config: SqliteClientConfig
): Layer.Layer<SqliteClient | SqlClient.SqlClient, SqlError> =>
  Layer.effectContext(Effect.map(make(config), both)).pipe(Layer.provide(Reactivity.layer))

/** As {@link layer}, from configuration. */
export const layerConfig = (
  config: Config.Wrap<SqliteClientConfig>
): Layer.Layer<SqliteClient | SqlClient.SqlClient, Config.ConfigError | SqlError> =>
  Layer.effectContext(Effect.map(Effect.flatMap(Config.unwrap(config), make), both)).pipe(
    Layer.provide(Reactivity.layer)
  )

// ---------------------------------------------------------------------------
// internal
// ---------------------------------------------------------------------------

const both = (client: SqliteClient) => Context.make(SqliteClient, client).pipe(Context.add(SqlClient.SqlClient, client))
