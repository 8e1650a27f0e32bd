import { assert, describe, it } from "@effect/vitest"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Deferred, Effect, Exit, Fiber, Layer, Logger, Schema, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import { assertOutput, begin, define, echo, giveWay, Log, pass, startAs, stuck } from "./support/Program.ts"

const Go = Signal.make("go")
const W = define("W")
const quiet = Effect.provide(Logger.layer([]))

describe("ownership", () => {
  it.effect("S4: a run whose caller is interrupted while its start is being written goes on", () =>
    Effect.gen(function*() {
      for (let turns = 0; turns < 8; turns++) {
        const world = yield* CrashHost.make
        const log = new Log()
        const host = yield* world.start(W.toLayer(() => echo(log)("x")))
        const caller = yield* Effect.forkChild(host.use(startAs("1")))
        yield* giveWay(turns)
        yield* Fiber.interrupt(caller)
        yield* host.settled
        if ((yield* world.backend.run("1")) !== null) yield* assertOutput(host, W, "1", "x")
      }
    }))

  it.effect("S5: a process that was frozen past its lease loses its runs, writes nothing to them, and drops them", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const gate = Deferred.makeUnsafe<void>()
      const work = Step.make("work", {
        success: Schema.String,
        onCrash: "rerun",
        run: () => Effect.andThen(log.add("work"), Effect.as(Deferred.await(gate), "worked"))
      })
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        const result = yield* work()
        yield* Signal.receive(Go)
        return result
      }))
      const frozen = yield* world.start(layer)
      const id = yield* begin(frozen, W)
      frozen.freeze()
      const other = yield* world.start(layer)
      yield* Effect.raceFirst(world.adjustHost(14_000), giveWay())
      yield* other.settled
      assert.strictEqual(log.count("work"), 2)
      yield* Deferred.succeed(gate, undefined)
      yield* other.settled
      const { epoch, owner } = yield* world.run(id)
      const rows = yield* world.rows(id)
      yield* frozen.thaw
      yield* frozen.settled
      yield* other.settled
      assert.deepStrictEqual(yield* world.rows(id), rows)
      assert.include(yield* world.run(id), { status: "suspended", reason: "signal", epoch, owner })
      assert.strictEqual(yield* frozen.awake, 0)
      yield* world.tell(id, "signal", { name: "go", payload: null })
      yield* assertOutput(other, W, id, "worked")
      assert.strictEqual((yield* world.story(id)).filter((entry) => entry === "StepCompleted work").length, 1)
    }).pipe(quiet))

  it.effect("S5: a process that was taken for dead while it stood still says that it lives before it comes to own a run", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* world.start(W.toLayer(() => Effect.as(Signal.receive(Go), "done")))
      const takenForDead = Effect.gen(function*() {
        yield* world.setHost(14_000)
        yield* world.backend.write([{ op: "reap", now: 0, owners: yield* world.backend.owners }])
      })
      const freed = Effect.map(world.backend.write([{ op: "reap", now: 0, owners: [] }]), ([{ freed }]) => freed)

      yield* takenForDead
      const id = yield* begin(host, W)
      assert.strictEqual(yield* freed, 0, "as it starts a run")

      yield* host.evict
      yield* host.settled
      yield* takenForDead
      yield* world.tell(id, "signal", { name: "other", payload: null })
      yield* host.settled
      assert.isNotNull((yield* world.run(id)).owner)
      assert.strictEqual(yield* freed, 0, "as it takes up a run")
    }))

  it.effect("S5: of two processes that serve a workflow, one at a time has each run", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const layer = W.toLayer(Effect.fnUntraced(function*({ id }) {
        yield* echo(log, "a")(id)
        yield* Effect.sleep("1 hour")
        return yield* echo(log, "b")(id)
      }))
      const hosts = [yield* world.start(layer), yield* world.start(layer)] as const
      const names = Array.from({ length: 40 }, (_, index) => `${index}`)
      const ids = yield* Effect.forEach(names, (name, index) => begin(hosts[index % 2]!, W, name))
      yield* Effect.forEach(hosts, (host) => Effect.andThen(host.evict, host.settled))
      yield* TestClock.adjust("1 hour")
      yield* Effect.forEach(hosts, (host) => host.settled)
      for (const [index, id] of ids.entries()) yield* assertOutput(hosts[0], W, id, `${index}`)
      assert.strictEqual(log.entries.length, 80)
      assert.strictEqual(new Set(log.entries).size, 80)
    }))

  it.effect("S4: a process that stops in an orderly way hands its runs over at once", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const layer = W.toLayer(() => stuck(log, "work", "rerun-keyed")())
      const first = yield* world.start(layer)
      yield* world.start(layer)
      const id = yield* begin(first, W)
      yield* first.close
      yield* world.look
      assert.strictEqual(log.entries.length, 2)
      assert.strictEqual(new Set(log.entries).size, 1, "under the same idempotency key and in the same attempt")
      assert.strictEqual((yield* world.run(id)).takeovers, 0)
    }))

  it.effect("S4: a process that beats keeps its runs, however long a step takes", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const layer = W.toLayer(() => stuck(log, "work", "rerun")())
      const first = yield* world.start(layer)
      yield* world.start(layer)
      const id = yield* begin(first, W)
      const { owner } = yield* world.run(id)
      for (let second = 0; second < 60; second += 5) yield* world.adjustHost(5_000)
      assert.strictEqual(log.entries.length, 1)
      assert.include(yield* world.run(id), { owner, epoch: 1 })
    }))

  it.effect("S4: a run goes on elsewhere when the lease of its dead process runs out, not before", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const layer = W.toLayer(() => stuck(log, "work", "rerun")())
      const first = yield* world.start(layer)
      const second = yield* world.start(layer)
      const id = yield* begin(first, W)
      yield* first.kill
      yield* world.adjustHost(9_000)
      assert.strictEqual(log.entries.length, 1)
      yield* world.adjustHost(5_000)
      assert.strictEqual(log.entries.length, 2)
      assert.include(yield* world.run(id), { epoch: 2, takeovers: 0 })
      yield* second.kill
    }))

  it.effect("a process that is no worker takes up what it started, and what it was told to follow", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const layer = W.toLayer(({ id }) => echo(log)(id))
      const elsewhere = yield* world.start(Layer.empty)
      const definer = yield* world.start(layer)
      yield* definer.close
      yield* begin(elsewhere, W, "theirs")
      const client = yield* world.start(layer, { worker: false })
      yield* begin(client, W, "mine")
      assert.deepStrictEqual(log.entries, ["echo mine"])
      yield* world.start(layer)
      assert.deepStrictEqual(log.entries, ["echo mine", "echo theirs"])
    }))

  it.effect("S7: a process that is no worker takes up again what it started and let go", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const client = yield* world.start(W.toLayer(({ id }) => Effect.andThen(Effect.sleep("1 day"), echo(log)(id))), {
        worker: false
      })
      const id = yield* begin(client, W, "mine")
      yield* client.evict
      yield* client.settled
      assert.include(yield* world.run(id), { status: "suspended", owner: null })
      yield* pass(client, "1 day")
      yield* assertOutput(client, W, id, "mine")
    }))
})

describe("a handler whose layer closes", () => {
  it.effect("S4: lets its run go, which goes on when it is registered again", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const gate = Deferred.makeUnsafe<void>()
      const work = Step.make("work", {
        onCrash: "rerun",
        run: () => Effect.andThen(log.add("work"), Deferred.await(gate))
      })
      const layer = W.toLayer(() => Effect.as(work(), "done"))
      const host = yield* world.start(Layer.empty)
      const id = yield* host.use(Effect.scoped(Effect.gen(function*() {
        yield* Layer.build(layer)
        return yield* begin(host, W)
      })))
      yield* host.settled
      assert.include(yield* world.run(id), { status: "running", owner: null, dueAt: 0 })
      assert.strictEqual(yield* host.awake, 0)
      yield* Deferred.succeed(gate, undefined)
      yield* host.use(Effect.scoped(Effect.gen(function*() {
        yield* Layer.build(layer)
        yield* host.settled
        yield* assertOutput(host, W, id, "done")
      })))
      assert.strictEqual(log.count("work"), 2)
    }))

  it.effect("S4: closes although the store fails at that moment, and its run goes on", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const layer = W.toLayer(() => stuck(log, "work", "rerun")())
      const host = yield* world.start(Layer.empty)
      const scope = yield* Scope.make()
      const id = yield* host.use(Effect.andThen(Layer.buildWithScope(layer, scope), begin(host, W)))
      host.failWrites(1)
      yield* Scope.close(scope, Exit.void)
      yield* host.use(Effect.scoped(Effect.gen(function*() {
        yield* Layer.build(layer)
        yield* host.settled
        yield* world.adjustHost(1_000)
        assert.strictEqual(log.entries.length, 2)
        assert.strictEqual((yield* world.run(id)).status, "running")
      })))
    }).pipe(quiet))

  it.effect("registered twice, serves with the later one, and closing the earlier changes nothing", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* world.start(Layer.empty)
      yield* host.use(Effect.gen(function*() {
        yield* Effect.scoped(Effect.gen(function*() {
          yield* Layer.build(W.toLayer(() => Effect.as(Signal.receive(Go), "earlier")))
          yield* begin(host, W, "a")
          yield* Effect.scoped(Effect.gen(function*() {
            yield* Layer.build(W.toLayer(() => Effect.as(Signal.receive(Go), "later")))
            yield* begin(host, W, "b")
          }))
        }))
      }))
      for (const name of ["a", "b"]) {
        const id = yield* W.executionId({ id: name })
        yield* world.tell(id, "signal", { name: "go", payload: null })
        assert.include(yield* world.run(id), { status: "suspended", owner: null })
      }
      yield* host.use(Effect.scoped(Effect.gen(function*() {
        yield* Layer.build(W.toLayer(() => Effect.as(Signal.receive(Go), "last")))
        yield* host.settled
        for (const name of ["a", "b"]) yield* assertOutput(host, W, yield* W.executionId({ id: name }), "last")
      })))
    }))
})
