/**
 * The SQL client of a host, and how the bodies of `commit-together` steps run
 * in the transaction of the journal.
 *
 * Outside such a body the client has a connection of its own, opened when it is
 * first used. Inside, it is lent the journal's: everything happens in one
 * synchronous call, so nothing else comes in between, and once the call is over
 * the lease is worth nothing.
 */
import type { Together, Within } from "@fermata/engine/Backend"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as Scope from "effect/Scope"
import * as SqlClient from "effect/sql/SqlClient"
import type { Connection } from "effect/sql/SqlConnection"
import type { SqlError } from "effect/sql/SqlError"
import * as Stream from "effect/Stream"
import type { DatabaseSync } from "node:sqlite"
import { SqliteClient } from "../SqliteClient.ts"
import { prepare } from "./Rows.ts"
import * as SqliteConnection from "./SqliteConnection.ts"
import * as SqliteSql from "./SqliteSql.ts"

export interface JournalSql {
  readonly client: SqliteClient
  /**
   * Calls the function in the middle of the journal's transaction. When it gives
   * null or throws, what it did is undone and null is the answer.
   */
  readonly call: (together: Together) => ReturnType<Together>
}

export const make = (
  journal: DatabaseSync,
  config: { readonly filename: string; readonly synchronous?: "FULL" | "NORMAL" | undefined }
): Effect.Effect<JournalSql, never, Scope.Scope> =>
  Effect.gen(function*() {
    const scope = yield* Effect.scope
    let opened: SqliteSql.Opened | undefined
    // The client asks for it while nobody else may, so it is opened once.
    const own = Effect.suspend(() =>
      opened === undefined
        ? Effect.tap(Scope.provide(SqliteSql.open(config), scope), (now) => Effect.sync(() => void (opened = now)))
        : Effect.succeed(opened)
    )
    const client = yield* Effect.provide(SqliteSql.make(config, own), Reactivity.layer)
    const statements = SqliteConnection.makeStatements(journal, 200)
    const plain = SqliteConnection.make(statements, SqliteConnection.once)
    const savepoint = prepare(journal, "SAVEPOINT fermata_together")
    const release = prepare(journal, "RELEASE fermata_together")
    const checkDeferred = makeCheckDeferred(journal)

    return {
      client,
      call: (together) => {
        const { connection, end } = lend(journal, plain)
        const services = Context.make(SqliteSql.CurrentLease, { client, connection }).pipe(
          Context.add(SqlClient.SqlClient, client),
          Context.add(SqliteClient, client)
        )
        const within: Within = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
          // A transaction on a connection that is lent begins and ends without a statement, so it cannot fail by itself.
          client.withTransaction(Effect.tap(effect, () => Effect.sync(() => checkDeferred()))).pipe(
            Effect.provideContext(services)
          ) as Effect.Effect<A, E, R>
        savepoint.run()
        let made: ReturnType<Together>
        try {
          made = together(within)
        } catch {
          made = null
        } finally {
          end()
        }
        if (!journal.isTransaction) throw new Error("SQLite has ended the transaction by itself; the disk may be full")
        if (made === null) journal.exec("ROLLBACK TO fermata_together")
        release.run()
        return made
      }
    }
  })

// ---------------------------------------------------------------------------
// internal
// ---------------------------------------------------------------------------

/** What would end the transaction of the journal, or change the connection for what comes after it. */
const refused =
  /^(?:\s|--[^\n]*(?:\n|$)|\/\*[^]*?\*\/)*(BEGIN|COMMIT|END|ROLLBACK|SAVEPOINT|RELEASE|ATTACH|DETACH|PRAGMA|VACUUM)\b/i

const lend = (db: DatabaseSync, plain: Connection) => {
  let over = false
  const problemOf = (sql: string): string | undefined => {
    if (over) return "the step that was lent this connection is over"
    const word = SqliteSql.isSavepoint(sql) ? undefined : refused.exec(sql)?.[1]
    return word &&
      `${word.toUpperCase()} has no place in a step that commits together with its record; use withTransaction for a part of it`
  }
  const checked =
    <Args extends ReadonlyArray<unknown>, A>(run: (sql: string, ...args: Args) => Effect.Effect<A, SqlError>) =>
    (sql: string, ...args: Args): Effect.Effect<A, SqlError> =>
      Effect.suspend(() => {
        const problem = problemOf(sql)
        return problem === undefined
          ? run(sql, ...args)
          : Effect.fail(SqliteConnection.toSqlError(new Error(problem), "execute"))
      })
  const connection: Connection = {
    execute: checked(plain.execute),
    executeRaw: checked(plain.executeRaw),
    executeValues: checked(plain.executeValues),
    executeValuesUnprepared: checked(plain.executeValuesUnprepared),
    executeUnprepared: checked(plain.executeUnprepared),
    executeStream: (sql, params, transformRows) =>
      Stream.unwrap(Effect.as(checked(() => Effect.void)(sql), plain.executeStream(sql, params, transformRows)))
  }
  return {
    connection: { ...connection, db, failFast: connection },
    end: () => {
      over = true
    }
  }
}

/**
 * A constraint that is checked at the commit would undo what others commit with
 * it, so tables that have one are checked here.
 */
const makeCheckDeferred = (db: DatabaseSync) => {
  const deferred = prepare(db, "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND sql LIKE '%deferred%'")
  const violations = prepare(db, "SELECT \"parent\" FROM pragma_foreign_key_check(?) LIMIT 1")
  return (): void => {
    for (const { name, sql } of deferred.all()) {
      if (!/INITIALLY\s+DEFERRED/i.test(String(sql))) continue
      const broken = violations.get(String(name))
      if (broken !== undefined) {
        throw new Error(
          `a row of table ${String(name)} refers to one that table ${String(broken["parent"])} does not have`
        )
      }
    }
  }
}
