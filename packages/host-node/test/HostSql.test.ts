import { assert, describe, it } from "@effect/vitest"
import * as Signal from "@fermata/engine/Signal"
import * as Step from "@fermata/engine/Step"
import { commit, one, startOwned } from "@fermata/testing/backend/Fixtures"
import * as CrashExplorer from "@fermata/testing/CrashExplorer"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Cause, Context, Effect, Exit, Fiber, Layer, Logger, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { Workflow } from "effect/workflow"
import { readdirSync, readlinkSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import * as HostSql from "../src/HostSql.ts"
import * as NodeHost from "../src/NodeHost.ts"
import * as SqliteBackend from "../src/SqliteBackend.ts"
import * as SqliteClient from "../src/SqliteClient.ts"
import * as TempFolder from "./support/TempFolder.ts"

const W = Workflow.make("W", {
  payload: { id: Schema.String },
  success: Schema.Unknown,
  error: Schema.Unknown,
  idempotencyKey: ({ id }) => id
})
const Go = Signal.make("go")
const quiet = Effect.provide(Logger.layer([]))

/** A database with a table of the user's, the client of its host, and a world of hosts on it. */
const makePlace = Effect.gen(function*() {
  const file = join(yield* TempFolder.make, "fermata.db")
  const backend = yield* SqliteBackend.make({ file, synchronous: "NORMAL" })
  const sql = HostSql.layer.pipe(Layer.provide(Layer.succeed(HostSql.HostSql, backend.sql)))
  yield* backend.sql`CREATE TABLE seats (name TEXT NOT NULL, taken TEXT UNIQUE)`
  const world = yield* CrashHost.makeOn(backend)
  return {
    file,
    backend,
    sql,
    world,
    /** What another connection sees of the table. */
    names: Effect.sync(() => {
      const db = new DatabaseSync(file)
      try {
        return db.prepare("SELECT name FROM seats ORDER BY name").all().map((row) => String(row["name"]))
      } finally {
        db.close()
      }
    })
  }
})

const take = Step.make("take", {
  input: Schema.String,
  success: Schema.Int,
  onCrash: "commit-together",
  run: Effect.fnUntraced(function*(name) {
    const sql = yield* SqlClient.SqlClient
    yield* sql`INSERT INTO seats ${sql.insert({ name })}`
    const [row] = yield* sql<{ readonly count: number }>`SELECT count(*) AS count FROM seats`
    return row!.count
  }, Effect.orDie)
})

const begin = (host: CrashHost.Host, id = "1") =>
  Effect.tap(host.use(W.execute({ id }, { discard: true })), host.settled)

/** How the run has ended: its value, or its failure as text. */
const endOf = Effect.fnUntraced(function*(world: CrashHost.World, id: string) {
  const entry = (yield* world.journal(id)).at(-1)
  return entry?._tag === "RunCompleted" ? entry.output : JSON.stringify(entry)
})

describe("a step that commits together, on SQLite", () => {
  it.effect(
    "S2, S4: `commit-together`: killed at any write, exactly one row of each body is there",
    () =>
      Effect.gen(function*() {
        const places = new Map<CrashHost.World, Effect.Success<typeof makePlace>>()
        const nested = Step.make("nested", { success: Schema.Int, onCrash: "rerun", run: () => take("inside") })
        const program = W.toLayer(Effect.fnUntraced(function*() {
          yield* take("a")
          yield* Effect.all([take("b"), take("c")], { concurrency: 2 })
          yield* Effect.sleep("1 day")
          yield* nested()
          yield* take("d")
        }))
        const report = yield* CrashExplorer.explore({
          world: Effect.map(makePlace, (place) => {
            places.set(place.world, place)
            return place.world
          }),
          workflows: (world) => program.pipe(Layer.provide(places.get(world)!.sql)),
          outside: (world) =>
            Effect.tap(
              places.get(world)!.names,
              (names) => Effect.sync(() => assert.deepStrictEqual(names, ["a", "b", "c", "d", "inside"]))
            ),
          drive: (host) =>
            host.use(Effect.gen(function*() {
              yield* W.execute({ id: "1" }, { discard: true })
              yield* host.settled
              yield* TestClock.adjust("1 day")
              yield* host.settled
            }))
        })
        assert.isAbove(report.writes, 10)
        assert.strictEqual(report.crashes, report.writes * 2)
        assert.strictEqual(report.bodies, 6)
      })
  )

  it.effect("S2: nobody sees the row without the record, or the record without the row", () =>
    Effect.gen(function*() {
      const { names, sql, world } = yield* makePlace
      const seen: Array<ReadonlyArray<string>> = []
      const look = Step.make("look", {
        onCrash: "commit-together",
        run: Effect.fnUntraced(function*() {
          const sql = yield* SqlClient.SqlClient
          yield* sql`INSERT INTO seats ${sql.insert({ name: "mine" })}`
          seen.push(
            (yield* sql<{ readonly name: string }>`SELECT name FROM seats`).map(({ name }) => name),
            yield* names
          )
        }, Effect.orDie)
      })
      const host = yield* world.start(W.toLayer(() => look()).pipe(Layer.provide(sql)))
      const id = yield* begin(host)
      assert.deepStrictEqual([...seen, yield* names], [["mine"], [], ["mine"]])
      assert.include(yield* world.story(id), "StepCompleted look")
    }))

  it.effect("S2: a failure undoes what the body did, and what others commit with it stands", () =>
    Effect.gen(function*() {
      const { names, sql, world } = yield* makePlace
      const both = Step.make("both", {
        input: Schema.String,
        error: Schema.String,
        onCrash: "commit-together",
        run: Effect.fnUntraced(function*(name) {
          const sql = yield* SqlClient.SqlClient
          yield* sql`INSERT INTO seats ${sql.insert({ name, taken: name })}`
          yield* Effect.catchTag(
            sql`INSERT INTO seats ${sql.insert({ name: `${name} too`, taken: name === "bad" ? name : null })}`,
            "SqlError",
            (error) => Effect.fail(error.reason._tag)
          )
        }, Effect.catchTag("SqlError", Effect.die))
      })
      const host = yield* world.start(
        W.toLayer(({ id }) => Effect.flip(both(id)).pipe(Effect.orElseSucceed(() => "fine"))).pipe(Layer.provide(sql))
      )
      const ids = yield* host.use(
        Effect.forEach(["one", "bad", "two"], (id) => W.execute({ id }, { discard: true }), { concurrency: 3 })
      )
      yield* host.settled
      assert.deepStrictEqual(yield* Effect.forEach(ids, (id) => endOf(world, id)), ["fine", "UniqueViolation", "fine"])
      assert.deepStrictEqual(yield* names, ["one", "one too", "two", "two too"])
      const failed = (yield* world.story(ids[1]!)).filter((entry) => entry.includes("both"))
      assert.deepStrictEqual(failed, ["StepRequested both", "StepFailed both"])
    }))

  it.effect("S2: a body that waits is undone and named, and what is left of it reaches nothing", () =>
    Effect.gen(function*() {
      const { names, sql, world } = yield* makePlace
      let late: Fiber.Fiber<unknown, unknown> | undefined
      const waits = Step.make("waits", {
        onCrash: "commit-together",
        run: Effect.fnUntraced(function*() {
          const sql = yield* SqlClient.SqlClient
          late = yield* Effect.forkDetach(
            Effect.andThen(
              Effect.promise(() => Promise.resolve()),
              sql`INSERT INTO seats ${sql.insert({ name: "late" })}`
            )
          )
          yield* sql`INSERT INTO seats ${sql.insert({ name: "before" })}`
          yield* Effect.promise(() => Promise.resolve()).pipe(
            Effect.ensuring(Effect.ignore(sql`INSERT INTO seats ${sql.insert({ name: "finalizer" })}`))
          )
          yield* sql`INSERT INTO seats ${sql.insert({ name: "after" })}`
        }, Effect.orDie)
      })
      const layer = W.toLayer(() =>
        Effect.catchDefect(
          Effect.as(waits(), "?"),
          (defect) => Effect.succeed(defect instanceof Step.NotSynchronous && defect.step)
        )
      )
      const host = yield* world.start(layer.pipe(Layer.provide(sql)))
      const id = yield* begin(host)
      assert.strictEqual(yield* endOf(world, id), "waits")
      const exit = yield* Fiber.await(late!)
      assert.isTrue(Exit.isFailure(exit))
      assert.include(String(Exit.isFailure(exit) && Cause.squash(exit.cause)), "SqlError")
      assert.deepStrictEqual(yield* names, [])
    }))

  it.effect("a service that was built with the client long before takes part in the transaction", () =>
    Effect.gen(function*() {
      const { backend, names, sql, world } = yield* makePlace
      class Seats extends Context.Service<Seats, { readonly add: (name: string) => Effect.Effect<void> }>()("Seats") {}
      const seats = Layer.effect(
        Seats,
        Effect.map(SqlClient.SqlClient, (sql) => ({
          add: (name: string) =>
            Effect.orDie(Effect.asVoid(sql.withTransaction(sql`INSERT INTO seats ${sql.insert({ name })}`)))
        }))
      )
      const add = Step.make("add", {
        input: Schema.String,
        onCrash: "commit-together",
        run: (name) =>
          Effect.flatMap(
            Seats,
            (seats) => name === "undone" ? Effect.andThen(seats.add(name), Effect.die("no")) : seats.add(name)
          )
      })
      const layer = W.toLayer(() => Effect.andThen(add("done"), Effect.exit(add("undone")))).pipe(
        Layer.provide(seats),
        Layer.provide(sql)
      )
      const host = yield* world.start(layer)
      yield* begin(host)
      assert.deepStrictEqual(yield* names, ["done"])
      // Outside such a body the same service has a connection of its own.
      yield* Effect.provide(Effect.flatMap(Seats, (seats) => seats.add("outside")), seats.pipe(Layer.provide(sql)))
      assert.deepStrictEqual(yield* names, ["done", "outside"])
      assert.strictEqual((yield* backend.sql`SELECT 1`).length, 1)
    }))

  it.effect("the client of the host stands in for any other that is at hand", () =>
    Effect.gen(function*() {
      const { names, world } = yield* makePlace
      const other = SqliteClient.layer({ filename: ":memory:" })
      const host = yield* world.start(W.toLayer(() => take("mine")).pipe(Layer.provide(other)))
      assert.strictEqual(yield* endOf(world, yield* begin(host)), 1)
      assert.deepStrictEqual(yield* names, ["mine"])
    }))

  it.effect("a part of the body may be undone without the whole", () =>
    Effect.gen(function*() {
      const { names, sql, world } = yield* makePlace
      const parts = Step.make("parts", {
        onCrash: "commit-together",
        run: Effect.fnUntraced(function*() {
          const sql = yield* SqlClient.SqlClient
          const add = (name: string) => sql`INSERT INTO seats ${sql.insert({ name })}`
          yield* add("first")
          yield* Effect.exit(sql.withTransaction(Effect.andThen(add("part"), Effect.fail("no"))))
          yield* sql.withTransaction(
            Effect.andThen(
              add("second"),
              Effect.ignore(sql.withTransaction(Effect.andThen(add("deep"), Effect.fail("no"))))
            )
          )
        }, Effect.orDie)
      })
      const host = yield* world.start(W.toLayer(() => parts()).pipe(Layer.provide(sql)))
      yield* begin(host)
      assert.deepStrictEqual(yield* names, ["first", "second"])
    }))

  it.effect("a body cannot end or change the transaction that it is part of", () =>
    Effect.gen(function*() {
      const { names, sql, world } = yield* makePlace
      const statements = [
        "COMMIT",
        "/* a */ -- b\n rollback",
        "END",
        "BEGIN",
        "PRAGMA defer_foreign_keys = ON",
        "SAVEPOINT mine",
        "ATTACH ':memory:' AS other"
      ]
      const refusals: Array<string> = []
      const ends = Step.make("ends", {
        onCrash: "commit-together",
        run: Effect.fnUntraced(function*() {
          const sql = yield* SqlClient.SqlClient
          yield* sql`INSERT INTO seats ${sql.insert({ name: "mine" })}`
          for (const statement of statements) refusals.push((yield* Effect.flip(sql.unsafe(statement))).message)
          const defect = yield* Effect.flip(Effect.sandbox(sql.afterCommit(Effect.void)))
          refusals.push(String(Cause.squash(defect as Cause.Cause<never>)))
        }, Effect.orDie)
      })
      const host = yield* world.start(W.toLayer(() => ends()).pipe(Layer.provide(sql)))
      yield* begin(host)
      assert.strictEqual(refusals.length, statements.length + 1)
      for (const refusal of refusals) {
        assert.include(refusal, "has no place in a step that commits together with its record")
      }
      assert.deepStrictEqual(yield* names, ["mine"])
    }))

  it.effect("a constraint that is checked at the commit fails the step alone", () =>
    Effect.gen(function*() {
      const { backend, names, sql, world } = yield* makePlace
      yield* backend.sql`CREATE TABLE rooms (id INTEGER PRIMARY KEY)`
      yield* backend.sql`CREATE TABLE doors (room INTEGER REFERENCES rooms (id) DEFERRABLE INITIALLY DEFERRED)`
      const door = Step.make("door", {
        input: { room: Schema.Int, early: Schema.Boolean },
        onCrash: "commit-together",
        run: Effect.fnUntraced(function*({ early, room }) {
          const sql = yield* SqlClient.SqlClient
          yield* sql`INSERT INTO doors ${sql.insert({ room })}`
          if (early) yield* sql`INSERT INTO rooms ${sql.insert({ id: room })}`
          yield* sql`INSERT INTO seats ${sql.insert({ name: `seat ${room}` })}`
        }, Effect.orDie)
      })
      const layer = W.toLayer(({ id }) =>
        Effect.catchDefect(Effect.as(door({ room: Number(id), early: id !== "2" }), "fine"), (defect) =>
          Effect.succeed(String(defect)))
      )
      const host = yield* world.start(layer.pipe(Layer.provide(sql)))
      const ids = yield* host.use(Effect.forEach(["1", "2", "3"], (id) =>
        W.execute({ id }, { discard: true }), { concurrency: 3 }))
      yield* host.settled
      assert.deepStrictEqual(
        yield* Effect.forEach(ids, (id) =>
          endOf(world, id)),
        [
          "fine",
          "Error: a row of table doors refers to one that table rooms does not have",
          "fine"
        ]
      )
      assert.deepStrictEqual(yield* names, ["seat 1", "seat 3"])
    }))

  it.live("waits for another process that has the database locked, and then runs once", () =>
    Effect.gen(function*() {
      const { file, names, sql, world } = yield* makePlace
      const host = yield* world.start(
        W.toLayer(() => Effect.andThen(Signal.receive(Go), take("mine"))).pipe(Layer.provide(sql))
      )
      const id = yield* begin(host)
      const other = new DatabaseSync(file)
      yield* world.backend.write([{
        op: "inbox",
        row: { run: id, id: "go", kind: "signal", payload: JSON.stringify({ name: "go", payload: null }), at: 0 }
      }])
      other.exec("BEGIN IMMEDIATE")
      const look = yield* Effect.forkChild(world.look)
      for (let turn = 0; turn < 100; turn++) yield* Effect.yieldNow
      assert.deepStrictEqual(yield* names, [])
      other.exec("ROLLBACK")
      other.close()
      yield* Fiber.join(look)
      yield* host.settled
      assert.strictEqual(yield* endOf(world, id), 1)
      assert.deepStrictEqual(yield* names, ["mine"])
    }))

  it.live("S2: a transaction that is tried again runs the body again on undone ground, and one that fails to commit has done nothing", () =>
    Effect.gen(function*() {
      for (const [errcode, bodies] of [[busy, 2], [full, 1]] as const) {
        const trouble = commitFails(errcode)
        const { backend, names } = yield* makePlace
        yield* backend.write([startOwned("r")])
        let calls = 0
        const op = commit("r", 0, [], {
          together: (within) => {
            calls++
            Effect.runSync(within(backend.sql`INSERT INTO seats ${backend.sql.insert({ name: `try ${calls}` })}`))
            return { rows: [`made ${calls}`], blobs: [], outbox: [] }
          }
        })
        trouble.begin()
        const exit = yield* Effect.exit(one(backend, op))
        trouble.end()
        assert.strictEqual(calls, bodies)
        assert.strictEqual(Exit.isSuccess(exit), errcode === busy)
        assert.deepStrictEqual(yield* names, errcode === busy ? ["try 2"] : [])
        assert.deepStrictEqual(yield* backend.entries("r", 0, 10), errcode === busy ? ["made 2"] : [])
      }
    }))

  it.effect("a database that ends the transaction by itself undoes the whole list", () =>
    Effect.gen(function*() {
      const { backend, names } = yield* makePlace
      yield* backend.write([startOwned("r"), startOwned("s")])
      const failure = yield* Effect.flip(backend.write([
        commit("s", 0, ["s0"]),
        commit("r", 0, [], {
          together: (within) => {
            const sql = backend.sql
            const exit = Effect.runSyncExit(within(Effect.andThen(
              sql`INSERT INTO seats ${sql.insert({ name: "mine" })}`,
              // What SQLite does by itself when, for example, the disk is full.
              sql`INSERT OR ROLLBACK INTO seats (name) VALUES (NULL)`
            )))
            assert.isTrue(Exit.isFailure(exit))
            return { rows: ["r0"], blobs: [], outbox: [] }
          }
        })
      ]))
      assert.include(failure.message, "SQLite has ended the transaction by itself")
      assert.deepStrictEqual(yield* names, [])
      assert.deepStrictEqual(yield* backend.entries("s", 0, 10), [])
      assert.deepStrictEqual(yield* one(backend, commit("r", 0, ["r0"])), { ok: true })
    }))
})

describe("the client of a host", () => {
  it.live("is given by NodeHost.layer, and its tables are in the file of the runs", () =>
    Effect.gen(function*() {
      const db = join(yield* TempFolder.make, "fermata.db")
      const program = W.toLayer(() => take("mine")).pipe(
        Layer.merge(Layer.effectDiscard(Effect.flatMap(SqlClient.SqlClient, (sql) =>
          sql`CREATE TABLE IF NOT EXISTS seats (name TEXT)`))),
        Layer.provide(HostSql.layer),
        Layer.provideMerge(NodeHost.layer({ db }))
      )
      const first = yield* Effect.provide(W.execute({ id: "1" }), program)
      const again = yield* Effect.provide(W.execute({ id: "1" }), program)
      assert.deepStrictEqual([first, again], [1, 1])
      const file = new DatabaseSync(db)
      assert.deepStrictEqual(file.prepare("SELECT count(*) AS count FROM seats").get()?.["count"], 1)
      file.close()
    }).pipe(quiet))

  it.effect("does not open a connection of its own before it is used outside of a step that commits together", () =>
    Effect.gen(function*() {
      const folder = yield* TempFolder.make
      const backend = yield* SqliteBackend.make({ file: join(folder, "fermata.db") })
      const open = () =>
        process.platform === "linux"
          ? Option.some(openFiles(join(folder, "fermata.db")))
          : Option.none<number>()
      const before = open()
      yield* backend.sql`SELECT 1`
      assert.deepStrictEqual(
        Option.map(open(), (count) => count - Option.getOrElse(before, () => 0)),
        Option.map(before, () => 1)
      )
    }))
})

const busy = 5
const full = 13

/** Makes the next COMMIT of a statement that is prepared from now on fail, while the transaction stays open. */
const commitFails = (errcode: number) => {
  const { prepare } = DatabaseSync.prototype
  let armed = false
  DatabaseSync.prototype.prepare = function(sql) {
    const statement = prepare.call(this, sql)
    if (sql !== "COMMIT") return statement
    const run = statement.run.bind(statement)
    statement.run = (...values: ReadonlyArray<never>) => {
      if (!armed) return run(...values)
      armed = false
      throw Object.assign(new Error("it was told to fail"), { errcode })
    }
    return statement
  }
  return {
    begin: () => {
      armed = true
    },
    end: () => {
      DatabaseSync.prototype.prepare = prepare
    }
  }
}

/** How often this process has the file open. */
const openFiles = (file: string): number =>
  readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === file
    } catch {
      return false
    }
  }).length
