/**
 * How a `SqliteClient` is made: of a connection of its own, and of the
 * connections that it is lent for a while.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Reactivity from "effect/reactivity/Reactivity"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as SqlClient from "effect/sql/SqlClient"
import type { Connection } from "effect/sql/SqlConnection"
import type { SqlError } from "effect/sql/SqlError"
import * as Statement from "effect/sql/Statement"
import { backup, DatabaseSync } from "node:sqlite"
import { defaultPatience, patiently } from "./Busy.ts"
import * as SqliteConnection from "./SqliteConnection.ts"
import { type BackupMetadata, type SqliteClient, type SqliteClientConfig, TypeId } from "./SqliteShape.ts"

/** A connection to an open database. */
export interface Opened extends Connection {
  readonly db: DatabaseSync
  /** Fails at once while another connection has the database locked. */
  readonly failFast: Connection
}

/** A connection in the middle of somebody else's transaction, for one client: its transactions are parts of that one. */
export interface Lease {
  readonly client: SqliteClient
  readonly connection: Opened
}
export const CurrentLease: Context.Reference<Lease | undefined> = Context.Reference<Lease | undefined>(
  "@fermata/host-node/CurrentLease",
  { defaultValue: () => undefined }
)

/** Opens the database of a client and closes it with the scope. */
export const open = (options: SqliteClientConfig): Effect.Effect<Opened, SqlError, Scope.Scope> =>
  Effect.gen(function*() {
    const patience = options.patience ?? defaultPatience
    const run: SqliteConnection.Run = (operation, work) =>
      patiently(SqliteConnection.once(operation, work), SqliteConnection.isLocked, patience)
    const db = yield* Effect.acquireRelease(
      run(
        "open",
        () =>
          new DatabaseSync(options.filename, { readOnly: options.readonly === true, timeout: 0, allowExtension: true })
      ),
      (db) => Effect.sync(() => db.close())
    )
    yield* run("open", () => {
      db.enableLoadExtension(false)
      if (options.readonly !== true && options.disableWAL !== true) db.exec("PRAGMA journal_mode = WAL")
      if (options.synchronous !== undefined) {
        db.exec(`PRAGMA synchronous = ${options.synchronous === "NORMAL" ? "NORMAL" : "FULL"}`)
      }
    })
    const statements = SqliteConnection.makeStatements(db, options.prepareCacheSize ?? 200)
    return {
      db,
      failFast: SqliteConnection.make(statements, SqliteConnection.once),
      ...SqliteConnection.make(statements, run)
    }
  })

/** A client whose own connection is there, or is opened when it is first needed. */
export const make = (
  options: SqliteClientConfig,
  own: Effect.Effect<Opened, SqlError>
): Effect.Effect<SqliteClient, never, Reactivity.Reactivity> =>
  Effect.gen(function*() {
    const patience = options.patience ?? defaultPatience
    const leased = SqlClient.makeSqliteAcquirers({
      connection: own,
      semaphore: Semaphore.makeUnsafe(1),
      isTransaction: ({ db }) => db.isTransaction
    })
    const spanAttributes = [...Object.entries(options.spanAttributes ?? {}), ["db.system.name", "sqlite"] as const]

    const client = yield* SqlClient.make({
      ...leased,
      // Waits without the connection: a fiber that never comes back from the wait must not keep it.
      borrower: (use) =>
        patiently(
          leased.borrower((connection) => use((connection as Opened).failFast)),
          SqliteConnection.isLocked,
          patience
        ),
      compiler: Statement.makeCompilerSqlite(options.transformQueryNames),
      driver: "sqlite-node",
      spanAttributes,
      transformRows: options.transformResultNames === undefined
        ? undefined
        : Statement.defaultTransforms(options.transformResultNames).array
    })
    const connection = Effect.map(leased.acquirer, ({ db }) => db)
    const made: SqliteClient = Object.assign(client, {
      [TypeId]: TypeId,
      config: options,
      withTransaction: makeWithTransaction(
        client,
        leased,
        spanAttributes,
        options.readonly === true ? "BEGIN" : "BEGIN IMMEDIATE",
        () => made
      ),
      afterCommit: makeAfterCommit(client.afterCommit, () => made),
      backup: (destination: string) => Effect.scoped(Effect.flatMap(connection, (db) => copy(db, destination))),
      loadExtension: (path: string) => Effect.scoped(Effect.flatMap(connection, (db) => load(db, path)))
    }) as SqliteClient
    return made
  })

// ---------------------------------------------------------------------------
// internal
// ---------------------------------------------------------------------------

const leaseOf = (client: () => SqliteClient) =>
  Effect.map(CurrentLease, (lease) => lease?.client === client() ? lease.connection : undefined)

/**
 * The transactions of the client, but for their beginning, which may have to
 * wait for another process: here the wait can be interrupted. On a connection
 * that is lent, beginning and end are the lender's.
 */
const makeWithTransaction = (
  client: SqlClient.SqlClient,
  leased: ReturnType<typeof SqlClient.makeSqliteAcquirers<Opened>>,
  spanAttributes: ReadonlyArray<readonly [string, unknown]>,
  begin: string,
  self: () => SqliteClient
) => {
  const lent = new WeakSet<Connection>()
  const control = (connection: Connection, sql: string) => Effect.asVoid(connection.execute(sql, [], undefined))
  /** SQLite ends a transaction by itself when, for example, the disk is full. */
  const controlOpen = (connection: Connection, sql: string) =>
    Effect.suspend(() => leased.isTransaction?.(connection) === false ? Effect.void : control(connection, sql))
  const unlessLent = (connection: Connection, effect: Effect.Effect<void, SqlError>) =>
    Effect.suspend(() => lent.has(connection) ? Effect.void : effect)
  const acquireOwn = (restore: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>) =>
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
    })
  return SqlClient.makeWithTransaction<SqlClient.TransactionConnection, Connection>({
    transactionService: client.transactionService,
    spanAttributes,
    acquireConnection: (restore) =>
      Effect.flatMap(leaseOf(self), (connection) => {
        if (connection === undefined) return acquireOwn(restore)
        lent.add(connection)
        return Effect.succeed(connection)
      }),
    begin: () => Effect.void,
    savepoint: (connection, id) => control(connection, `SAVEPOINT ${savepoint(id)}`),
    releaseSavepoint: (connection, id) => controlOpen(connection, `RELEASE SAVEPOINT ${savepoint(id)}`),
    rollbackSavepoint: (connection, id) => controlOpen(connection, `ROLLBACK TO SAVEPOINT ${savepoint(id)}`),
    commit: (connection) => unlessLent(connection, control(connection, "COMMIT")),
    rollback: (connection) => unlessLent(connection, controlOpen(connection, "ROLLBACK"))
  })
}

/** Only the lender knows when its transaction commits. */
const makeAfterCommit =
  (afterCommit: SqlClient.SqlClient["afterCommit"], self: () => SqliteClient): SqlClient.SqlClient["afterCommit"] =>
  (effect) =>
    Effect.flatMap(leaseOf(self), (connection) =>
      connection === undefined ? afterCommit(effect) : Effect.die(
        new Error(
          "afterCommit has no place in a step that commits together with its record: do it in the step that comes next"
        )
      ))

const savepoint = (id: number): string => `effect_sql_${id}`

/** A savepoint of a transaction inside a transaction. */
export const isSavepoint = (sql: string): boolean =>
  /^(SAVEPOINT|RELEASE SAVEPOINT|ROLLBACK TO SAVEPOINT) effect_sql_\d+$/.test(sql)

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
