import { assert, describe, it } from "@effect/vitest"
import {
  Config,
  ConfigProvider,
  Context,
  Deferred,
  Effect,
  Exit,
  Fiber,
  Layer,
  Queue,
  Stream,
  String as Text
} from "effect"
import { Reactivity } from "effect/reactivity"
import { Migrator, SqlClient, type SqlError } from "effect/sql"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import * as SqliteClient from "../src/SqliteClient.ts"
import * as TempFolder from "./support/TempFolder.ts"

const memory = SqliteClient.layer({ filename: ":memory:" })

const file = Effect.map(TempFolder.make, (folder) => join(folder, "songs.db"))

const open = (filename: string, options: Partial<SqliteClient.SqliteClientConfig> = {}) =>
  Effect.provide(SqliteClient.make({ filename, synchronous: "NORMAL", ...options }), Reactivity.layer)

/** A connection of somebody else, in the same process: whoever blocks it never gets it. */
const other = (filename: string) =>
  Effect.acquireRelease(
    Effect.sync(() => new DatabaseSync(filename, { timeout: 0 })),
    (db) => Effect.sync(() => db.close())
  )

const songs = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE songs (title TEXT NOT NULL UNIQUE, bars INTEGER)`
  return sql
})

const titles = (sql: SqlClient.SqlClient) =>
  Effect.map(sql<{ title: string }>`SELECT title FROM songs ORDER BY rowid`, (rows) => rows.map((row) => row.title))

/** An open database file with a table of songs. */
const songFile = Effect.gen(function*() {
  const filename = yield* file
  const sql = yield* open(filename, { patience: "1 hour" })
  yield* Effect.provideService(songs, SqlClient.SqlClient, sql)
  return { filename, sql }
})

const reasonOf = <A, R>(effect: Effect.Effect<A, SqlError.SqlError, R>) =>
  Effect.map(Effect.flip(effect), (error) => error.reason)

describe("statements", () => {
  it.effect("insert, read, change and remove rows", () =>
    Effect.gen(function*() {
      const sql = yield* songs
      const inserted = yield* sql`INSERT INTO songs ${
        sql.insert([{ title: "Rondo", bars: 8 }, { title: "Aria", bars: 16 }])
      } RETURNING title`
      assert.deepStrictEqual(inserted, [{ title: "Rondo" }, { title: "Aria" }])
      yield* sql`UPDATE songs SET ${sql.update({ title: "Aria", bars: 32 }, ["title"])} WHERE title = ${"Aria"}`
      assert.deepStrictEqual(yield* sql`SELECT * FROM songs WHERE ${sql.in("title", ["Aria", "Gigue"])}`, [{
        title: "Aria",
        bars: 32
      }])
      assert.deepStrictEqual(yield* sql`DELETE FROM songs WHERE title = ${"Rondo"}`, [])
      assert.deepStrictEqual(yield* titles(sql), ["Aria"])
    }).pipe(Effect.provide(memory)))

  it.effect("give values, raw results and what is not prepared", () =>
    Effect.gen(function*() {
      const sql = yield* songs
      const write = sql`INSERT INTO songs VALUES (${"Rondo"}, ${8})`
      assert.deepStrictEqual(yield* write.raw, { changes: 1, lastInsertRowid: 1 })
      const read = sql`SELECT title, bars FROM songs`
      assert.deepStrictEqual(yield* read.values, [["Rondo", 8]])
      assert.deepStrictEqual(yield* read, [{ title: "Rondo", bars: 8 }])
      assert.deepStrictEqual(yield* read.raw, [{ title: "Rondo", bars: 8 }])
      assert.deepStrictEqual(yield* read.unprepared, [{ title: "Rondo", bars: 8 }])
      assert.deepStrictEqual(yield* read.valuesUnprepared, [["Rondo", 8]])
      assert.deepStrictEqual(yield* sql`DELETE FROM songs`.values, [])
    }).pipe(Effect.provide(memory)))

  it.effect("give rows that are plain objects", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const read = sql`SELECT 1 AS n`
      for (const [row] of [yield* read, yield* Stream.runCollect(read.stream)]) {
        assert.strictEqual(Object.getPrototypeOf(row), Object.prototype)
      }
    }).pipe(Effect.provide(memory)))

  it.effect("take booleans, bytes and nothing, and refuse what SQLite cannot store", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const bytes = new Uint8Array([1, 2])
      assert.deepStrictEqual(
        yield* sql`SELECT ${true} AS yes, ${false} AS no, ${undefined} AS missing, ${null} AS none, ${bytes} AS bytes, ${7n} AS big`,
        [{ yes: 1, no: 0, missing: null, none: null, bytes, big: 7 }]
      )
      const error = yield* Effect.flip(sql`SELECT ${new Date(0)} AS day`)
      assert.strictEqual(error.message, "parameter 1 is of type Date; SQLite stores text, numbers, bytes and null")
    }).pipe(Effect.provide(memory)))

  it.effect("read large integers as bigint where that is asked for", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const large = sql`SELECT ${2n ** 60n} AS n`
      assert.include((yield* Effect.flip(large)).message, "too large")
      assert.deepStrictEqual(yield* Effect.provideService(large, SqlClient.SafeIntegers, true), [{ n: 2n ** 60n }])
      assert.deepStrictEqual(yield* sql`SELECT 1 AS n`, [{ n: 1 }])
    }).pipe(Effect.provide(memory)))

  it.effect("say why SQLite refused them", () =>
    Effect.gen(function*() {
      const sql = yield* songs
      const insert = sql`INSERT INTO songs VALUES ('Rondo', 8)`
      yield* insert
      const twice = yield* reasonOf(insert)
      assert.strictEqual(twice._tag === "UniqueViolation" ? twice.constraint : twice._tag, "songs.title")
      assert.strictEqual((yield* reasonOf(sql`INSERT INTO songs VALUES (NULL, 8)`))._tag, "ConstraintError")
      const unknown = yield* Effect.flip(sql`SELECT * FROM hymns`)
      assert.strictEqual(unknown.message, "no such table: hymns")
      yield* sql`CREATE TABLE hymns (title TEXT)`
      assert.deepStrictEqual(yield* sql`SELECT * FROM hymns`, [])
    }).pipe(Effect.provide(memory)))

  it.effect("are refused together, since only the first would run", () =>
    Effect.gen(function*() {
      const sql = yield* songs
      const error = yield* Effect.flip(sql`INSERT INTO songs VALUES ('Rondo', 8); INSERT INTO songs VALUES ('Aria', 8)`)
      assert.include(error.message, "more than one statement")
      assert.deepStrictEqual(yield* titles(sql), [])
      yield* sql`
        -- one alone
        INSERT INTO songs VALUES ('Rondo', 8); -- with; comments
        /* around it */
      `
      assert.deepStrictEqual(yield* titles(sql), ["Rondo"])
    }).pipe(Effect.provide(memory)))

  it.effect("stay right when more of them are used than are kept", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      for (const round of [1, 2]) {
        for (const n of [1, 2, 3, 4]) {
          assert.deepStrictEqual(yield* sql`SELECT ${sql.literal(String(n))} * ${round} AS n`, [{ n: n * round }])
        }
      }
    }).pipe(Effect.provide(SqliteClient.layer({ filename: ":memory:", prepareCacheSize: 2 }))))

  it.effect("have their names transformed both ways, unless told otherwise", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      yield* sql`CREATE TABLE ${sql("folkSongs")} (first_line TEXT)`
      yield* sql`INSERT INTO ${sql("folkSongs")} ${sql.insert({ firstLine: "Row, row" })}`
      const read = sql`SELECT * FROM folk_songs`
      assert.deepStrictEqual(yield* read, [{ firstLine: "Row, row" }])
      assert.deepStrictEqual(yield* Stream.runCollect(read.stream), [{ firstLine: "Row, row" }])
      assert.deepStrictEqual(yield* read.withoutTransform, [{ first_line: "Row, row" }])
      const plain = sql.withoutTransforms()
      assert.deepStrictEqual(yield* plain`SELECT ${plain("first_line")} FROM folk_songs`, [{ first_line: "Row, row" }])
    }).pipe(Effect.provide(SqliteClient.layer({
      filename: ":memory:",
      transformQueryNames: Text.camelToSnake,
      transformResultNames: Text.snakeToCamel
    }))))
})

describe("transactions", () => {
  it.effect("keep all or nothing", () =>
    Effect.gen(function*() {
      const sql = yield* songs
      yield* sql.withTransaction(sql`INSERT INTO songs VALUES ('Rondo', 8)`)
      const failure = yield* sql`INSERT INTO songs VALUES ('Aria', 8)`.pipe(
        Effect.andThen(Effect.fail("out of tune")),
        sql.withTransaction,
        Effect.flip
      )
      assert.strictEqual(failure, "out of tune")
      assert.deepStrictEqual(yield* titles(sql), ["Rondo"])
    }).pipe(Effect.provide(memory)))

  it.effect("nest: what fails inside is undone alone, what fails outside undoes all", () =>
    Effect.gen(function*() {
      const sql = yield* songs
      const add = (title: string) => sql`INSERT INTO songs VALUES (${title}, 8)`
      const spoilt = (title: string) => sql.withTransaction(Effect.andThen(add(title), Effect.fail("out of tune")))
      yield* Effect.gen(function*() {
        yield* add("one")
        yield* Effect.ignore(spoilt("two"))
        yield* sql.withTransaction(Effect.gen(function*() {
          yield* add("three")
          yield* Effect.ignore(spoilt("four"))
          yield* sql.withTransaction(add("five"))
        }))
        yield* add("six")
      }).pipe(sql.withTransaction)
      assert.deepStrictEqual(yield* titles(sql), ["one", "three", "five", "six"])

      const outer = Effect.andThen(sql.withTransaction(add("seven")), Effect.fail("out of tune"))
      yield* Effect.flip(sql.withTransaction(outer))
      assert.deepStrictEqual(yield* titles(sql), ["one", "three", "five", "six"])
    }).pipe(Effect.provide(memory)))

  it.effect("that are interrupted leave nothing, and the connection to others", () =>
    Effect.gen(function*() {
      const sql = yield* songs
      const written = yield* Deferred.make<void>()
      const fiber = yield* sql`INSERT INTO songs VALUES ('Rondo', 8)`.pipe(
        Effect.andThen(Deferred.succeed(written, undefined)),
        Effect.andThen(Effect.never),
        sql.withTransaction,
        Effect.forkChild
      )
      yield* Deferred.await(written)
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(yield* titles(sql), [])
      yield* sql.withTransaction(sql`INSERT INTO songs VALUES ('Aria', 8)`)
      assert.deepStrictEqual(yield* titles(sql), ["Aria"])
    }).pipe(Effect.provide(memory)))

  it.effect("are not entered by the statements of other fibers", () =>
    Effect.gen(function*() {
      const sql = yield* songs
      const [written, go] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const happened: Array<string> = []
      const transaction = yield* sql`INSERT INTO songs VALUES ('Rondo', 8)`.pipe(
        Effect.andThen(Deferred.succeed(written, undefined)),
        Effect.andThen(Deferred.await(go)),
        Effect.andThen(Effect.sync(() => happened.push("last of the transaction"))),
        Effect.andThen(Effect.fail("out of tune")),
        sql.withTransaction,
        Effect.ignore,
        Effect.forkChild
      )
      yield* Deferred.await(written)
      const reader = yield* titles(sql).pipe(
        Effect.tap((seen) => Effect.sync(() => happened.push(`read ${seen.length}`))),
        Effect.forkChild({ startImmediately: true })
      )
      yield* Deferred.succeed(go, undefined)
      yield* Fiber.joinAll([transaction, reader])
      assert.deepStrictEqual(happened, ["last of the transaction", "read 0"])
    }).pipe(Effect.provide(memory)))

  it.effect("of many fibers count right", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      yield* sql`CREATE TABLE counter AS SELECT 0 AS n`
      const increment = Effect.gen(function*() {
        const [row] = yield* sql<{ n: number }>`SELECT n FROM counter`
        yield* Effect.yieldNow
        yield* sql`UPDATE counter SET n = ${row!.n + 1}`
      }).pipe(sql.withTransaction)
      yield* Effect.replicateEffect(increment, 50, { concurrency: "unbounded", discard: true })
      assert.deepStrictEqual(yield* sql`SELECT n FROM counter`, [{ n: 50 }])
    }).pipe(Effect.provide(memory)))

  it.effect("have the write lock from their beginning, so that what they read stays true until they write", () =>
    Effect.gen(function*() {
      const { filename, sql } = yield* songFile
      const rival = yield* other(filename)
      yield* Effect.gen(function*() {
        const before = yield* titles(sql)
        assert.throws(() => rival.exec("INSERT INTO songs VALUES ('theirs', 8)"), /locked/)
        yield* sql`INSERT INTO songs VALUES (${`after ${before.length}`}, 8)`
      }).pipe(sql.withTransaction)
      assert.deepStrictEqual(yield* titles(sql), ["after 0"])
    }))

  it.effect("that cannot commit are rolled back", () =>
    Effect.gen(function*() {
      const sql = yield* songs
      yield* sql`CREATE TABLE verses (song TEXT REFERENCES songs (title) DEFERRABLE INITIALLY DEFERRED)`
      const orphan = sql.withTransaction(sql`INSERT INTO verses VALUES ('nowhere')`)
      assert.strictEqual((yield* reasonOf(orphan))._tag, "ConstraintError")
      assert.deepStrictEqual(yield* sql`SELECT * FROM verses`, [])
      yield* sql.withTransaction(sql`INSERT INTO songs VALUES ('Rondo', 8)`)
      assert.deepStrictEqual(yield* titles(sql), ["Rondo"])
    }).pipe(Effect.provide(memory)))

  it.effect("tell others after the commit, and not after a rollback", () =>
    Effect.gen(function*() {
      const sql = yield* songs
      const seen = yield* sql.reactiveMailbox(["songs"], titles(sql))
      assert.deepStrictEqual(yield* Queue.take(seen), [])
      const add = (title: string) => Reactivity.mutation(sql`INSERT INTO songs VALUES (${title}, 8)`, ["songs"])
      yield* Effect.ignore(sql.withTransaction(Effect.andThen(add("Rondo"), Effect.fail("out of tune"))))
      yield* sql.withTransaction(Effect.andThen(add("Aria"), add("Gigue")))
      assert.deepStrictEqual(yield* Queue.take(seen), ["Aria", "Gigue"])
    }).pipe(Effect.provide(Layer.merge(memory, Reactivity.layer))))
})

describe("streams", () => {
  const many = 1_000
  const numbers = (sql: SqlClient.SqlClient) =>
    sql<
      { n: number }
    >`WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < ${many}) SELECT n FROM c`

  it.effect("give every row in order", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const rows = yield* Stream.runCollect(numbers(sql).stream)
      assert.deepStrictEqual(rows, Array.from({ length: many }, (_, index) => ({ n: index + 1 })))
      assert.deepStrictEqual(yield* Stream.runCollect(sql`SELECT 1 AS n WHERE false`.stream), [])
    }).pipe(Effect.provide(memory)))

  it.effect("may be left early, and the database can be written then", () =>
    Effect.gen(function*() {
      const sql = yield* songs
      yield* sql`INSERT INTO songs SELECT 'song ' || n, n FROM (${numbers(sql)})`
      assert.deepStrictEqual(
        yield* sql`SELECT bars FROM songs`.stream.pipe(Stream.take(2), Stream.runCollect),
        [{ bars: 1 }, { bars: 2 }]
      )
      yield* sql`DROP TABLE songs`
    }).pipe(Effect.provide(memory)))

  it.effect("go on while their transaction runs the same statement and others", () =>
    Effect.gen(function*() {
      const sql = yield* songs
      yield* numbers(sql).stream.pipe(
        Stream.runForEach(({ n }) =>
          n % 400 === 0
            ? Effect.andThen(numbers(sql), sql`INSERT INTO songs VALUES (${`at ${n}`}, ${n})`)
            : Effect.void
        ),
        sql.withTransaction
      )
      assert.deepStrictEqual(yield* titles(sql), ["at 400", "at 800"])
    }).pipe(Effect.provide(memory)))

  it.effect("fail with what SQLite says, where it says so", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const rows = sql<{ n: number }>`SELECT abs(value) AS n FROM json_each(${"[1, 2, -9223372036854775808]"})`.stream
      assert.include((yield* Effect.flip(Stream.runDrain(rows))).message, "integer overflow")
      assert.include((yield* Effect.flip(Stream.runDrain(sql`SELECT * FROM hymns`.stream))).message, "no such table")
      assert.deepStrictEqual(yield* sql`SELECT 1 AS n`, [{ n: 1 }])
    }).pipe(Effect.provide(memory)))
})

describe("a database that others have locked", () => {
  it.live("is waited for without blocking, and read meanwhile", () =>
    Effect.gen(function*() {
      const { filename, sql } = yield* songFile
      const locker = yield* other(filename)
      locker.exec("BEGIN IMMEDIATE")
      locker.exec("INSERT INTO songs VALUES ('theirs', 8)")
      const write = yield* Effect.forkChild(sql`INSERT INTO songs VALUES ('ours', 8)`, { startImmediately: true })
      assert.deepStrictEqual(yield* titles(sql), [])
      locker.exec("COMMIT")
      yield* Fiber.join(write)
      assert.deepStrictEqual(yield* titles(sql), ["theirs", "ours"])
    }))

  it.live("is waited for by a transaction, and the wait can be interrupted", () =>
    Effect.gen(function*() {
      const { filename, sql } = yield* songFile
      const locker = yield* other(filename)
      locker.exec("BEGIN IMMEDIATE")
      const add = (title: string) =>
        Effect.forkChild(sql.withTransaction(sql`INSERT INTO songs VALUES (${title}, 8)`), { startImmediately: true })
      const [first, second] = [yield* add("first"), yield* add("second")]
      yield* Fiber.interrupt(first)
      locker.exec("COMMIT")
      yield* Fiber.join(second)
      assert.deepStrictEqual(yield* titles(sql), ["second"])
    }))

  it.live("is streamed from once it is free", () =>
    Effect.gen(function*() {
      const { filename, sql } = yield* songFile
      const locker = yield* other(filename)
      locker.exec("BEGIN IMMEDIATE")
      const rows = yield* sql`INSERT INTO songs VALUES ('Rondo', 8) RETURNING title`.stream.pipe(
        Stream.runCollect,
        Effect.forkChild({ startImmediately: true })
      )
      locker.exec("COMMIT")
      assert.deepStrictEqual(yield* Fiber.join(rows), [{ title: "Rondo" }])
      assert.deepStrictEqual(yield* titles(sql), ["Rondo"])
    }))

  it.live("fails the statement when patience ends, and works on", () =>
    Effect.gen(function*() {
      const { filename } = yield* songFile
      const sql = yield* open(filename, { patience: "5 millis" })
      const locker = yield* other(filename)
      locker.exec("BEGIN IMMEDIATE")
      const add = sql`INSERT INTO songs VALUES ('Rondo', 8)`
      for (const write of [add, sql.withTransaction(add)]) {
        const error = yield* Effect.flip(write)
        assert.strictEqual(error.reason._tag, "LockTimeoutError")
        assert.strictEqual(error.message, "another process keeps the database locked")
        assert.isTrue(error.isRetryable)
      }
      locker.exec("COMMIT")
      yield* sql.withTransaction(add)
      assert.deepStrictEqual(yield* titles(sql), ["Rondo"])
    }))

  it.live("fails a reading transaction that turns to writing too late at once, and tries it again as a whole", () =>
    Effect.gen(function*() {
      const { filename } = yield* songFile
      const sql = yield* open(filename, { patience: "1 hour" })
      const rival = yield* other(filename)
      let attempts = 0
      yield* Effect.gen(function*() {
        attempts++
        const before = yield* titles(sql)
        if (attempts === 1) rival.exec("INSERT INTO songs VALUES ('theirs', 8)")
        yield* sql`INSERT INTO songs VALUES (${`after ${before.length}`}, 8)`
      }).pipe(
        sql.withTransaction,
        Effect.provideService(SqlClient.BeginTransaction, "BEGIN"),
        Effect.retry({ while: (error) => error.isRetryable, times: 1 })
      )
      assert.strictEqual(attempts, 2)
      assert.deepStrictEqual(yield* titles(sql), ["theirs", "after 1"])
    }))
})

describe("migrations", () => {
  const create = Effect.flatMap(SqlClient.SqlClient, (sql) => sql`CREATE TABLE songs (title TEXT)`)
  const fill = Effect.flatMap(SqlClient.SqlClient, (sql) => sql`INSERT INTO songs VALUES ('Rondo')`)
  const broken = Effect.flatMap(SqlClient.SqlClient, (sql) => sql`INSERT INTO hymns VALUES ('Psalm')`)
  const migrate = (loader: Migrator.Loader) => Migrator.make({})({ loader })
  const first = Migrator.fromRecord({ "0001_create": Effect.asVoid(create) })
  const both = Migrator.fromRecord({ "0001_create": Effect.asVoid(create), "0002_fill": Effect.asVoid(fill) })

  it.effect("run once, in order", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* migrate(first), [[1, "create"]])
      assert.deepStrictEqual(yield* migrate(both), [[2, "fill"]])
      assert.deepStrictEqual(yield* migrate(both), [])
      assert.deepStrictEqual(yield* titles(yield* SqlClient.SqlClient), ["Rondo"])
    }).pipe(Effect.provide(memory)))

  it.effect("leave nothing when one fails", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(
        migrate(Migrator.fromRecord({ "0001_create": Effect.asVoid(create), "0002_broken": Effect.asVoid(broken) }))
      )
      assert.strictEqual(error._tag === "MigrationError" ? error.kind : error._tag, "Failed")
      assert.deepStrictEqual(yield* migrate(both), [[1, "create"], [2, "fill"]])
    }).pipe(Effect.provide(memory)))

  it.live("of two clients at once run once", () =>
    Effect.gen(function*() {
      const filename = yield* file
      const clients = [yield* open(filename), yield* open(filename)]
      const done = yield* Effect.forEach(clients, (sql) =>
        Effect.provideService(migrate(both), SqlClient.SqlClient, sql), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(done.flat(), [[1, "create"], [2, "fill"]])
      assert.deepStrictEqual(yield* titles(clients[0]!), ["Rondo"])
    }))
})

describe("a client", () => {
  it.effect("opens a write-ahead log and closes it with its scope", () =>
    Effect.gen(function*() {
      const filename = yield* file
      const mode = Effect.flatMap(open(filename), (sql) => sql`PRAGMA journal_mode`.values)
      assert.deepStrictEqual(yield* Effect.scoped(mode), [["wal"]])
      assert.isFalse(existsSync(`${filename}-wal`))
    }))

  it.effect("syncs every commit unless told otherwise", () =>
    Effect.gen(function*() {
      const filename = yield* file
      const synchronous = (options: Partial<SqliteClient.SqliteClientConfig>) =>
        Effect.scoped(Effect.flatMap(open(filename, options), (sql) => sql`PRAGMA synchronous`.values))
      assert.deepStrictEqual(yield* synchronous({ synchronous: undefined }), [[2]])
      assert.deepStrictEqual(yield* synchronous({ synchronous: "NORMAL" }), [[1]])
    }))

  it.effect("may only read, and begins its transactions so", () =>
    Effect.gen(function*() {
      const { filename, sql } = yield* songFile
      yield* sql`INSERT INTO songs VALUES ('Rondo', 8)`
      const reader = yield* open(filename, { readonly: true })
      assert.deepStrictEqual(yield* reader.withTransaction(titles(reader)), ["Rondo"])
      assert.strictEqual((yield* Effect.flip(reader`DELETE FROM songs`)).message, "the database is read-only")
    }))

  it.effect("fails with an error when its file cannot be opened", () =>
    Effect.gen(function*() {
      const folder = yield* TempFolder.make
      const reason = yield* reasonOf(Effect.scoped(open(join(folder, "missing", "songs.db"))))
      assert.strictEqual(reason._tag, "ConnectionError")
      assert.strictEqual(reason.message, "the database cannot be opened")
    }))

  it.effect("is one service under two tags, also from configuration", () =>
    Effect.gen(function*() {
      const filename = yield* file
      const layer = SqliteClient.layerConfig({ filename: Config.String("FILE") }).pipe(
        Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ FILE: filename })))
      )
      const services = yield* Layer.build(layer)
      const sql = Context.get(services, SqliteClient.SqliteClient)
      assert.strictEqual(sql as SqlClient.SqlClient, Context.get(services, SqlClient.SqlClient))
      assert.strictEqual(sql.config.filename, filename)
      assert.isTrue(existsSync(filename))
    }))

  it.live("backs its database up", () =>
    Effect.gen(function*() {
      const { filename, sql } = yield* songFile
      yield* sql`INSERT INTO songs VALUES ('Rondo', 8)`
      const { remainingPages, totalPages } = yield* sql.backup(`${filename}.copy`)
      assert.strictEqual(remainingPages, 0)
      assert.isAbove(totalPages, 0)
      assert.deepStrictEqual(yield* titles(yield* open(`${filename}.copy`)), ["Rondo"])
    }))

  it.effect("loads extensions when asked, and leaves that closed to SQL", () =>
    Effect.gen(function*() {
      const sql = yield* SqliteClient.SqliteClient
      const missing = yield* Effect.exit(sql.loadExtension("./no-such-extension"))
      assert.isTrue(Exit.isFailure(missing))
      assert.include((yield* Effect.flip(sql`SELECT load_extension('./no-such-extension')`)).message, "not authorized")
    }).pipe(Effect.provide(memory)))
})
