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
import * as Semaphore from "effect/Semaphore"
import * as SqlClient from "effect/sql/SqlClient"
import type { Connection } from "effect/sql/SqlConnection"
import type { SqlError } from "effect/sql/SqlError"
import * as Statement from "effect/sql/Statement"
import { backup, DatabaseSync } from "node:sqlite"
import { defaultPatience, patiently } from "./internal/Busy.ts"
import * as SqliteConnection from "./internal/SqliteConnection.ts"

export const TypeId: TypeId = "~@fermata/host-node/SqliteClient"

export type TypeId = "~@fermata/host-node/SqliteClient"

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
    const patience = options.patience ?? defaultPatience
    const patient: SqliteConnection.Run = (operation, work) =>
      patiently(SqliteConnection.once(operation, work), SqliteConnection.isLocked, patience)

    const db = yield* open(options, patient)
    const statements = SqliteConnection.makeStatements(db, options.prepareCacheSize ?? 200)
    const hasty = SqliteConnection.make(statements, SqliteConnection.once)
    const leased = SqlClient.makeSqliteAcquirers({
      connection: Effect.succeed(SqliteConnection.make(statements, patient)),
      semaphore: Semaphore.makeUnsafe(1),
      isTransaction: () => db.isTransaction
    })
    const spanAttributes = [...Object.entries(options.spanAttributes ?? {}), ["db.system.name", "sqlite"] as const]

    const client = yield* SqlClient.make({
      ...leased,
      // Waits without the connection: a fiber that never comes back from the wait must not keep it.
      borrower: (use) => patiently(leased.borrower(() => use(hasty)), SqliteConnection.isLocked, patience),
      compiler: Statement.makeCompilerSqlite(options.transformQueryNames),
      driver: "sqlite-node",
      spanAttributes,
      transformRows: options.transformResultNames === undefined
        ? undefined
        : Statement.defaultTransforms(options.transformResultNames).array
    })

    return Object.assign(client, {
      [TypeId]: TypeId,
      config: options,
      withTransaction: makeWithTransaction(client, leased, spanAttributes, options.readonly === true ? "BEGIN" : "BEGIN IMMEDIATE"),
      backup: (destination: string) => Effect.scoped(Effect.andThen(leased.acquirer, copy(db, destination))),
      loadExtension: (path: string) => Effect.scoped(Effect.andThen(leased.acquirer, load(db, path)))
    }) as SqliteClient
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

const both = (client: SqliteClient) =>
  Context.make(SqliteClient, client).pipe(Context.add(SqlClient.SqlClient, client))

const open = (options: SqliteClientConfig, run: SqliteConnection.Run) =>
  Effect.gen(function*() {
    const db = yield* Effect.acquireRelease(
      run("open", () =>
        new DatabaseSync(options.filename, { readOnly: options.readonly === true, timeout: 0, allowExtension: true })),
      (db) => Effect.sync(() => db.close())
    )
    yield* run("open", () => {
      db.enableLoadExtension(false)
      if (options.readonly !== true && options.disableWAL !== true) db.exec("PRAGMA journal_mode = WAL")
      if (options.synchronous !== undefined) {
        db.exec(`PRAGMA synchronous = ${options.synchronous === "NORMAL" ? "NORMAL" : "FULL"}`)
      }
    })
    return db
  })

/**
 * The transactions of the client, but for their beginning, which may have to
 * wait for another process: here the wait can be interrupted.
 */
const makeWithTransaction = (
  client: SqlClient.SqlClient,
  leased: ReturnType<typeof SqlClient.makeSqliteAcquirers<Connection>>,
  spanAttributes: ReadonlyArray<readonly [string, unknown]>,
  begin: string
) => {
  const control = (connection: Connection, sql: string) => Effect.asVoid(connection.execute(sql, [], undefined))
  /** SQLite ends a transaction by itself when, for example, the disk is full. */
  const controlOpen = (connection: Connection, sql: string) =>
    Effect.suspend(() => leased.isTransaction?.(connection) === false ? Effect.void : control(connection, sql))
  return SqlClient.makeWithTransaction({
    transactionService: client.transactionService,
    spanAttributes,
    acquireConnection: (restore) =>
      Effect.gen(function*() {
        const connection = yield* restore(leased.transactionAcquirer)
        // Ends what is still open: after a failed commit, or an interrupt that came as SQLite had just begun.
        // A failure is not lost: the connection is not lent again before the rollback has succeeded.
        yield* Effect.addFinalizer(() => Effect.ignore(leased.onCommitFailure(connection)))
        const statement = yield* SqlClient.BeginTransaction
        yield* restore(
          statement === undefined ? control(connection, begin) : connection.executeUnprepared(statement, [], undefined)
        )
        return connection
      }),
    begin: () => Effect.void,
    savepoint: (connection, id) => control(connection, `SAVEPOINT ${savepoint(id)}`),
    releaseSavepoint: (connection, id) => controlOpen(connection, `RELEASE SAVEPOINT ${savepoint(id)}`),
    rollbackSavepoint: (connection, id) => controlOpen(connection, `ROLLBACK TO SAVEPOINT ${savepoint(id)}`),
    commit: (connection) => control(connection, "COMMIT"),
    rollback: (connection) => controlOpen(connection, "ROLLBACK")
  })
}

const savepoint = (id: number): string => `effect_sql_${id}`

const copy = (db: DatabaseSync, destination: string) =>
  Effect.tryPromise({
    try: async (): Promise<BackupMetadata> => ({ totalPages: await backup(db, destination), remainingPages: 0 }),
    catch: (cause) => SqliteConnection.toSqlError(cause, "backup")
  })

const load = (db: DatabaseSync, path: string) =>
  SqliteConnection.once("loadExtension", () => {
    db.enableLoadExtension(true)
    try {
      db.loadExtension(path)
    } finally {
      db.enableLoadExtension(false)
    }
  })
