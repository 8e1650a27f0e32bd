import { assert, describe, it } from "@effect/vitest"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Deferred, Effect, Exit, Latch, Layer, Logger, Schema } from "effect"
import { Workflow } from "effect/workflow"
import { type Op, StorageFailed } from "../src/Backend.ts"
import * as MemoryBackend from "../src/MemoryBackend.ts"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import { assertOutput, begin, define, echo, giveWay, Log, startAs, stuck } from "./support/Program.ts"

const Go = Signal.make("go")
const W = define("W")
const quiet = Logger.layer([])

describe("a store that fails", () => {
  for (const when of ["before", "after"] as const) {
    it.effect(`S1, S4: costs nothing acknowledged when a commit fails ${when} it is stored`, () =>
      Effect.gen(function*() {
        for (let write = 1; write <= 5; write++) {
          const world = yield* CrashHost.make
          const log = new Log()
          const host = yield* world.start(W.toLayer(Effect.fnUntraced(function*() {
            const a = yield* echo(log, "a")("x")
            yield* Signal.receive(Go)
            return [a, yield* echo(log, "b")("y"), yield* echo(log, "c")("z")]
          })))
          const id = yield* begin(host, W)
          host.failWrites(1, when)
          yield* world.tell(id, "signal", { name: "go", payload: null })
          for (let more = 1; more < write; more++) {
            host.failWrites(1, when)
            yield* host.settled
          }
          yield* world.adjustHost(1_000)
          yield* assertOutput(host, W, id, ["x", "y", "z"])
          assert.strictEqual(log.count("a x"), 1)
        }
      }).pipe(Effect.provide(quiet)))
  }

  it.effect("S13: is no crash of the steps that were in flight elsewhere", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const host = yield* world.start(W.toLayer(() => stuck(log, "long", "rerun")()), { maxRecoveries: 2 })
      const id = yield* begin(host, W)
      for (let outage = 0; outage < 6; outage++) {
        host.failWrites(1)
        yield* Effect.ignore(host.use(startAs(`other ${outage}`)))
        yield* world.adjustHost(1_000)
      }
      assert.include(yield* world.run(id), { status: "running" })
      assert.strictEqual(log.entries.length, 7)
    }).pipe(Effect.provide(quiet)))

  it.effect("S4: forgets no run that is claimed while the process begins anew", () =>
    Effect.gen(function*() {
      const retired = yield* Deferred.make<void>()
      const answered = yield* Deferred.make<void>()
      const base = MemoryBackend.make(MemoryBackend.makeStore())
      let armed = false
      const write = (ops: ReadonlyArray<Op>): Effect.Effect<unknown, StorageFailed> => {
        const has = (name: Op["op"]) => armed && ops.some(({ op }) => op === name)
        if (has("reap")) return Effect.fail(new StorageFailed({ operation: "write", problem: "not now" }))
        if (has("claim")) return Effect.andThen(Deferred.await(retired), base.write(ops))
        if (!has("retire")) return base.write(ops)
        return base.write(ops).pipe(
          Effect.tap(() => Deferred.succeed(retired, undefined)),
          Effect.tap(() => Deferred.await(answered))
        )
      }
      const world = yield* CrashHost.makeOn({ ...base, write: write as typeof base.write })
      const host = yield* world.start(W.toLayer(() => Effect.as(Signal.receive(Go), "gone")))
      const id = yield* begin(host, W)
      yield* host.evict
      yield* host.settled
      armed = true
      yield* Effect.raceFirst(world.tell(id, "signal", { name: "go", payload: null }), giveWay())
      yield* Effect.raceFirst(world.adjustHost(4_000), giveWay())
      armed = false
      yield* Deferred.succeed(answered, undefined)
      yield* giveWay()
      yield* world.adjustHost(1_000)
      yield* assertOutput(host, W, id, "gone")
    }).pipe(Effect.provide(quiet)))

  it.effect("S3: is an error of those who start and signal meanwhile", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* world.start(W.toLayer(() => Effect.as(Signal.receive(Go), "gone")))
      const id = yield* begin(host, W)
      host.failWrites(1)
      const signal = Signal.send(Go, { runId: id, payload: undefined })
      assert.strictEqual((yield* Effect.flip(host.use(signal)))._tag, "StorageFailed")
      assert.isEmpty(yield* world.inbox(id))
      host.failWrites(1)
      assert.strictEqual((yield* Effect.flip(host.use(startAs("other"))))._tag, "StorageFailed")
      assert.isNull(yield* world.backend.run("other"))
      yield* world.adjustHost(1_000)
      assert.strictEqual(yield* host.use(signal), "accepted")
      yield* host.settled
      yield* assertOutput(host, W, id, "gone")
    }).pipe(Effect.provide(quiet)))

  it.effect("S4: forgets no run whose start was stored although the store said that it failed", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const host = yield* world.start(W.toLayer(({ id }) => echo(log)(id)))
      host.failWrites(1, "after")
      assert.isTrue(Exit.isFailure(yield* Effect.exit(begin(host, W, "a"))))
      yield* world.adjustHost(1_000)
      yield* assertOutput(host, W, yield* W.executionId({ id: "a" }), "a")
    }).pipe(Effect.provide(quiet)))

  it.effect("S2: does not have a step run twice at once, whatever begins while the store recovers", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const host = yield* world.start(
        W.toLayer(({ id }) => id === "waits" ? Signal.receive(Go) : stuck(log, "pay", "ask")())
      )
      const waits = yield* begin(host, W, "waits")
      // Its commit fails, and so does the first attempt to begin anew.
      host.failWrites(2)
      yield* world.tell(waits, "signal", { name: "go", payload: null })
      yield* giveWay(10)
      const id = yield* begin(host, W, "pays")
      yield* world.adjustHost(1_000)
      yield* host.settled
      assert.deepInclude(yield* world.run(id), { status: "running", reason: null })
      assert.strictEqual(log.entries.length, 1)
    }).pipe(Effect.provide(quiet)))

  it.effect("S2: has a run that is resumed meanwhile repeat its body once", () =>
    Effect.gen(function*() {
      for (const when of ["before", "after"] as const) {
        const world = yield* CrashHost.make
        const log = new Log()
        const S = W.annotate(Workflow.SuspendOnFailure, true)
        let fails = true
        const host = yield* world.start(S.toLayer(() =>
          Effect.andThen(log.add("begins"), Effect.suspend(() => fails ? Effect.die("no") : Effect.succeed("done")))
        ))
        const id = yield* begin(host, S)
        assert.include(yield* world.run(id), { status: "suspended", reason: "operator" })
        fails = false
        host.failWrites(1, when)
        yield* world.tell(id, "resume", { by: "ada" })
        yield* host.settled
        yield* world.adjustHost(1_000)
        yield* assertOutput(host, S, id, "done")
        assert.deepStrictEqual(log.entries, ["begins", "begins"])
        yield* host.kill
      }
    }).pipe(Effect.provide(quiet)))

  it.effect("S5: leaves this process alive in the eyes of others", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const layer = W.toLayer(() => stuck(log, "work", "ask")())
      const first = yield* world.start(layer)
      yield* world.adjustHost(2_000)
      yield* world.start(Layer.empty)
      yield* world.adjustHost(2_000)
      first.failWrites(1, "after")
      yield* Effect.exit(begin(first, W, "lost"))
      yield* giveWay(10)
      const id = yield* begin(first, W)
      const { epoch, owner } = yield* world.run(id)
      // The beat of the second host, before the next of the first.
      yield* world.adjustHost(2_000)
      yield* world.adjustHost(5_000)
      assert.include(yield* world.run(id), { status: "running", epoch, owner })
      assert.strictEqual(log.entries.length, 2, "each of the two runs has begun its step once")
    }).pipe(Effect.provide(quiet)))
})

describe("a store that is full", () => {
  it.effect("S1, S2, S13: is waited for while bodies go on, however often, and their outcomes are recorded then", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const done = yield* Latch.make()
      const pay = Step.make("pay", {
        success: Schema.String,
        onCrash: "ask",
        run: () => Effect.andThen(log.add("pay"), Effect.as(done.await, "paid"))
      })
      const host = yield* world.start(W.toLayer(() => Effect.zip(pay(), echo(log)("x"))), { maxRecoveries: 1 })
      const id = yield* begin(host, W)
      const before = yield* world.rows(id)
      host.failWrites(3, "full")
      yield* done.open
      yield* giveWay(50)
      assert.deepStrictEqual(yield* world.rows(id), before)
      // It does not settle before its commit is written.
      yield* Effect.raceFirst(world.adjustHost(2_999), giveWay())
      assert.deepStrictEqual(log.entries, ["pay"])
      yield* world.adjustHost(1)
      yield* assertOutput(host, W, id, ["paid", "x"])
      assert.deepStrictEqual(log.entries, ["pay", "echo x"])
    }).pipe(Effect.provide(quiet)))

  it.effect("S3: is an error of those who start and signal meanwhile, and of nobody else", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const host = yield* world.start(W.toLayer(() => stuck(log, "work", "ask")()))
      const id = yield* begin(host, W)
      host.failWrites(2, "full")
      assert.include(yield* Effect.flip(host.use(startAs("other"))), { _tag: "StorageFailed", noRoom: true })
      const signal = Signal.send(Go, { runId: id, payload: undefined })
      assert.include(yield* Effect.flip(host.use(signal)), { _tag: "StorageFailed", noRoom: true })
      assert.isNull(yield* world.backend.run("other"))
      yield* world.adjustHost(1_000)
      assert.include(yield* world.run(id), { status: "running", epoch: 1 })
      assert.lengthOf(log.entries, 1)
      assert.strictEqual(yield* host.use(signal), "accepted")
    }).pipe(Effect.provide(quiet)))

  it.effect("S4: keeps no process from ending, nor the next from going on", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const done = yield* Latch.make()
      const layer = W.toLayer(() =>
        Effect.andThen(
          Step.make("work", { onCrash: "rerun", run: () => Effect.andThen(log.add("work"), done.await) })(),
          echo(log)("x")
        )
      )
      const host = yield* world.start(layer)
      const id = yield* begin(host, W)
      host.failWrites(1_000, "full")
      yield* done.open
      yield* giveWay(50)
      yield* host.close
      const next = yield* world.start(layer)
      yield* world.adjustHost(14_000)
      yield* assertOutput(next, W, id, "x")
      assert.deepStrictEqual(log.entries, ["work", "work", "echo x"])
    }).pipe(Effect.provide(quiet)))

  it.effect("S5: costs no process its runs, although none could say that it lives", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const layer = W.toLayer(() => stuck(log, "work", "rerun")())
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      const second = yield* world.start(layer)
      first.failWrites(1_000, "full")
      second.failWrites(1_000, "full")
      yield* world.adjustHost(30_000)
      // The first to find room does not know yet that the other lives.
      second.failWrites(0)
      yield* world.adjustHost(4_000)
      first.failWrites(0)
      yield* world.adjustHost(30_000)
      assert.include(yield* world.run(id), { status: "running", epoch: 1 })
      assert.lengthOf(log.entries, 1)
    }).pipe(Effect.provide(quiet)))
})
