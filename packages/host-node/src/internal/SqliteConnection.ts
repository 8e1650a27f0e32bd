/**
 * The connection contract of `effect/sql` on a `node:sqlite` database.
 */
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"
import type { Connection } from "effect/sql/SqlConnection"
import { classifySqliteError, isSqlError, SqlError } from "effect/sql/SqlError"
import * as Stream from "effect/Stream"
import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from "node:sqlite"
import { isBusy } from "./Busy.ts"
import { codeOf, problemOf } from "./Problems.ts"

/** Runs synchronous work on the database; says whether integers are to be read as `bigint`. */
export type Run = <A>(operation: string, work: (bigints: boolean) => A) => Effect.Effect<A, SqlError>

/** Fails at once, with what {@link isLocked} recognises, while another connection has the database locked. */
export const once: Run = (operation, work) =>
  Effect.withFiber((fiber) => {
    try {
      return Effect.succeed(work(fiber.getRef(SqlClient.SafeIntegers)))
    } catch (cause) {
      return Effect.fail(toSqlError(cause, operation))
    }
  })

/** Whether the error is another connection's lock. */
export const isLocked = (error: unknown): boolean => isSqlError(error) && isBusy(error.reason.cause)

/** What SQLite threw, as `effect/sql` sorts it. */
export const toSqlError = (cause: unknown, operation: string): SqlError => {
  const code = codeOf(cause)
  return new SqlError({
    reason: classifySqliteError(
      // The name by which codes are looked for there.
      code === undefined ? cause : Object.assign(cause as Error, { errno: code }),
      { message: problemOf(cause), operation }
    )
  })
}

/** Statements by their text; the least recently used is let go beyond `size`. */
export interface Statements {
  /** A statement of its own, which nobody else runs. */
  readonly prepare: (sql: string) => StatementSync
  /** The kept statement of this text. */
  readonly kept: (sql: string) => StatementSync
}

export const makeStatements = (db: DatabaseSync, size: number): Statements => {
  const kept = new Map<string, StatementSync>()
  const prepare = (sql: string) => {
    const statement = db.prepare(sql)
    refuseMore(db, sql.slice(statement.sourceSQL.length))
    return statement
  }
  return {
    prepare,
    kept: (sql) => {
      const statement = kept.get(sql) ?? prepare(sql)
      kept.delete(sql)
      kept.set(sql, statement)
      if (kept.size > size) kept.delete(kept.keys().next().value!)
      return statement
    }
  }
}

/** A connection whose statements run by `run`. Several may share one database, as long as they take turns. */
export const make = (statements: Statements, run: Run): Connection => {
  const execute = (prepare: (sql: string) => StatementSync): Connection["execute"] => (sql, params, transformRows) => {
    const rows = run("execute", (bigints) => {
      const rows = reading(prepare(sql), bigints, "rows").all(...params.map(toInput))
      return transformRows === undefined ? rows.map(toPlain) : rows
    })
    return transformRows === undefined ? rows : Effect.map(rows, transformRows)
  }
  const executeValues = (prepare: (sql: string) => StatementSync): Connection["executeValues"] => (sql, params) =>
    run(
      "executeValues",
      (bigints) =>
        reading(prepare(sql), bigints, "values").all(...params.map(toInput)) as unknown as Array<Array<SQLOutputValue>>
    )

  return {
    execute: execute(statements.kept),
    executeUnprepared: execute(statements.prepare),
    executeValues: executeValues(statements.kept),
    executeValuesUnprepared: executeValues(statements.prepare),
    executeRaw: (sql, params) =>
      run("executeRaw", (bigints): unknown => {
        const statement = reading(statements.kept(sql), bigints, "rows")
        const values = params.map(toInput)
        return statement.columns().length > 0
          ? statement.all(...values).map(toPlain)
          : toPlain(statement.run(...values))
      }),
    executeStream: (sql, params, transformRows) =>
      Stream.unwrap(
        Effect.map(Effect.acquireRelease(Effect.sync(() => new Cursor(statements, sql, params)), close), (cursor) => {
          // A lock can only be met by the first rows; reading again later would repeat those that have left.
          const pull = Effect.suspend(() =>
            (cursor.started ? once : run)("executeStream", (bigints) => cursor.next(bigints))
          )
          return Stream.fromPull(Effect.succeed(Effect.flatMap(pull, (read) => {
            const rows = transformRows === undefined ? read.map(toPlain) : transformRows(read)
            return Arr.isReadonlyArrayNonEmpty(rows) ? Effect.succeed(rows) : Cause.done()
          })))
        })
      )
  }
}

// ---------------------------------------------------------------------------
// internal
// ---------------------------------------------------------------------------

type Row = Record<string, SQLOutputValue>

const rowsPerChunk = 128

/** The rows of a query while they are read; its statement is its own, since running it again would end it. */
class Cursor {
  started = false
  private rows: Iterator<Row> | undefined
  private ended = false
  private readonly statements: Statements
  private readonly sql: string
  private readonly params: ReadonlyArray<unknown>

  constructor(statements: Statements, sql: string, params: ReadonlyArray<unknown>) {
    this.statements = statements
    this.sql = sql
    this.params = params
  }

  next(bigints: boolean): ReadonlyArray<Row> {
    if (this.ended) return []
    const rows = this.rows ??
      reading(this.statements.prepare(this.sql), bigints, "rows").iterate(...this.params.map(toInput))
    const chunk: Array<Row> = []
    while (chunk.length < rowsPerChunk) {
      const next = rows.next()
      if (next.done === true) {
        this.ended = true
        break
      }
      chunk.push(next.value)
    }
    this.rows = rows
    this.started = true
    return chunk
  }

  close(): void {
    if (!this.ended) this.rows?.return?.()
  }
}

const close = (cursor: Cursor) => Effect.sync(() => cursor.close())

const reading = (statement: StatementSync, bigints: boolean, as: "rows" | "values"): StatementSync => {
  statement.setReadBigInts(bigints)
  statement.setReturnArrays(as === "values")
  return statement
}

/** Rows of SQLite have no prototype, which deep equality and some libraries stumble over. */
const toPlain = <A extends object>(row: A): A => ({ ...row })

const toInput = (value: unknown, index: number): SQLInputValue => {
  switch (typeof value) {
    case "string":
    case "number":
    case "bigint":
      return value
    case "boolean":
      return value ? 1 : 0
    case "undefined":
      return null
    case "object":
      if (value === null || ArrayBuffer.isView(value)) return value as NodeJS.ArrayBufferView | null
  }
  // SQLite's binding takes an object for a set of named parameters, and stores NULL.
  const kind = typeof value === "object" ? value?.constructor?.name ?? "object" : typeof value
  throw new TypeError(`parameter ${index + 1} is of type ${kind}; SQLite stores text, numbers, bytes and null`)
}

/** SQLite prepares the first statement of a text and leaves the others out without a word. */
const refuseMore = (db: DatabaseSync, rest: string): void => {
  if (rest.trim() === "") return
  try {
    db.prepare(rest)
  } catch (cause) {
    // Comments alone.
    if (cause instanceof Error && "code" in cause && cause.code === "ERR_INVALID_ARG_VALUE") return
  }
  throw new Error("the SQL holds more than one statement; run them one by one")
}
