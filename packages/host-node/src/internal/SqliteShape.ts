/**
 * What a `SqliteClient` is, and what it is made of.
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"

export const TypeId = "~@fermata/host-node/SqliteClient"

export type TypeId = typeof TypeId

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
