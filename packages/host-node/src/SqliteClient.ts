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
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Reactivity from "effect/reactivity/Reactivity"
import type * as Scope from "effect/Scope"
import * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import type * as SqliteShape from "./internal/SqliteShape.ts"
import type { SqliteClientConfig } from "./internal/SqliteShape.ts"
import * as SqliteSql from "./internal/SqliteSql.ts"

export { type BackupMetadata, type SqliteClientConfig, TypeId } from "./internal/SqliteShape.ts"

/** A `SqlClient` on Node's own SQLite. */
export interface SqliteClient extends SqliteShape.SqliteClient {}

export const SqliteClient = Context.Service<SqliteClient>("@fermata/host-node/SqliteClient")

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
