import { assert, describe, it } from "@effect/vitest"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Deferred, Effect, Fiber, Queue, Schedule, Schema } from "effect"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import { assertOutput, begin, Declined, define, echo, Log, pass } from "./support/Program.ts"

const X = Signal.make("x", { schema: Schema.String })
const Y = Signal.make("y", { schema: Schema.String })
const W = define("W")

/** Kills the host, starts the next, and gives it back when it has replayed. */
const after = Effect.fnUntraced(
  function*(world: CrashHost.World, host: CrashHost.Host, layer: Parameters<CrashHost.World["start"]>[0]) {
    const next = yield* world.restart(host, layer)
    yield* next.settled
    return next
  }
)

describe("a replay", () => {
  it.effect("S6, S9: has concurrent steps end in the order in which they ended", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const gates = new Map(["a", "b", "c", "d"].map((name) => [name, Deferred.makeUnsafe<void>()]))
      const work = Step.make("work", {
        input: Schema.String,
        onCrash: "rerun",
        run: (name) => Deferred.await(gates.get(name)!)
      })
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        const order: Array<string> = []
        yield* Effect.forEach(gates.keys(), (name) =>
          Effect.andThen(work(name), Effect.sync(() => void order.push(name))), { concurrency: 3, discard: true })
        yield* Signal.receive(X)
        return yield* echo(log)(order.join())
      }))
      let host = yield* world.start(layer)
      const id = yield* begin(host, W)
      for (const name of ["c", "d", "b", "a"]) {
        yield* Deferred.succeed(gates.get(name)!, undefined)
        yield* host.settled
        if (name === "d") {
          host = yield* after(world, host, layer)
        }
      }
      host = yield* after(world, host, layer)
      yield* world.tell(id, "signal", { name: "x", payload: "" })
      yield* assertOutput(host, W, id, "c,d,b,a")
    }))

  it.effect("S6: has a race between a signal, a timer and a step won by the one that won it", () =>
    Effect.gen(function*() {
      for (const winner of ["signal", "timer", "step"]) {
        const world = yield* CrashHost.make
        const log = new Log()
        const gate = Deferred.makeUnsafe<void>()
        const work = Step.make("work", {
          success: Schema.String,
          onCrash: "rerun",
          run: () => Effect.as(Deferred.await(gate), "step")
        })
        const layer = W.toLayer(Effect.fnUntraced(function*() {
          const won = yield* Effect.raceAll([Signal.receive(X), Effect.as(Effect.sleep("10 minutes"), "timer"), work()])
          yield* Signal.receive(Y)
          return yield* echo(log)(won)
        }))
        let host = yield* world.start(layer)
        const id = yield* begin(host, W)
        if (winner === "signal") yield* world.tell(id, "signal", { name: "x", payload: "signal" })
        if (winner === "timer") yield* pass(host, "10 minutes")
        yield* Deferred.succeed(gate, undefined)
        yield* host.settled
        yield* pass(host, "10 minutes")
        yield* world.tell(id, "signal", { name: "x", payload: "signal" })
        host = yield* after(world, host, layer)
        yield* world.tell(id, "signal", { name: "y", payload: "" })
        yield* assertOutput(host, W, id, winner)
      }
    }))

  it.effect("S6: keeps what a timeout cut off cut off", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const gate = Deferred.makeUnsafe<void>()
      const work = Step.make("work", {
        onCrash: "rerun",
        run: () => Effect.andThen(log.add("work"), Deferred.await(gate))
      })
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        const first = yield* Effect.timeoutOption(work(), "1 minute")
        const second = yield* Effect.timeoutOption(Signal.receive(X), "1 minute")
        const third = yield* Effect.timeoutOption(Effect.sleep("2 minutes"), "1 minute")
        yield* Signal.receive(Y)
        return yield* echo(log)([first, second, third].map((option) => option._tag).join())
      }))
      let host = yield* world.start(layer)
      const id = yield* begin(host, W)
      yield* pass(host, "1 minute")
      yield* Deferred.succeed(gate, undefined)
      host = yield* after(world, host, layer)
      yield* pass(host, "1 minute")
      host = yield* after(world, host, layer)
      yield* pass(host, "1 minute")
      host = yield* after(world, host, layer)
      yield* world.tell(id, "signal", { name: "y", payload: "" })
      yield* assertOutput(host, W, id, "None,None,None")
      assert.deepStrictEqual(log.entries, ["work", "echo None,None,None"])
    }))

  it.effect("S6: goes through Effect.retry and a repeat with a schedule as the run did", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      let fails = 2
      const flaky = Step.make("flaky", {
        error: Declined,
        onCrash: "rerun",
        run: () =>
          Effect.andThen(
            log.add("flaky"),
            Effect.suspend(() => fails-- > 0 ? Effect.fail(new Declined({ reason: "no" })) : Effect.void)
          )
      })
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        yield* Effect.retry(flaky(), Schedule.exponential("1 hour"))
        yield* Effect.repeat(echo(log)("again"), Schedule.spaced("1 day").pipe(Schedule.upTo({ times: 2 })))
        return "done"
      }))
      let host = yield* world.start(layer)
      const id = yield* begin(host, W)
      for (const time of ["1 hour", "2 hours", "1 day", "1 day"] as const) {
        yield* pass(host, time)
        host = yield* after(world, host, layer)
      }
      yield* assertOutput(host, W, id, "done")
      assert.deepStrictEqual(log.entries, ["flaky", "flaky", "flaky", "echo again", "echo again", "echo again"])
      assert.deepStrictEqual(
        (yield* world.story(id)).filter((entry) => entry.startsWith("StepRequested")),
        ["flaky", "flaky~2", "flaky~3", "echo", "echo~2", "echo~3"].map((key) => `StepRequested ${key}`)
      )
    }))

  it.effect("S9: has an id that the body computes in its place in the order", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        const order: Array<string> = []
        const add = (name: string) => Effect.sync(() => void order.push(name))
        yield* Effect.all([
          Signal.receive(X).pipe(Effect.andThen(W.executionId({ id: "other" })), Effect.andThen(add("x"))),
          Signal.receive(Y).pipe(Effect.andThen(add("y")))
        ], { concurrency: 2 })
        const result = yield* echo(log)(order.join())
        yield* Signal.receive(X)
        return result
      }))
      let host = yield* world.start(layer)
      const id = yield* begin(host, W)
      yield* world.tell(id, "signal", { name: "x", payload: "" })
      yield* world.tell(id, "signal", { name: "y", payload: "" })
      host = yield* after(world, host, layer)
      assert.include(yield* world.run(id), { status: "suspended", reason: "signal" })
      yield* world.tell(id, "signal", { name: "x", payload: "" })
      yield* assertOutput(host, W, id, "x,y")
    }))

  it.effect("S6: keeps forked fibers, queues between them and finalizers in order", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        const queue = yield* Queue.unbounded<string>()
        const producer = yield* Effect.forkChild(
          Effect.forEach(["a", "b", "c"], (name) => Effect.andThen(echo(log, "make")(name), Queue.offer(queue, name)), {
            concurrency: 2,
            discard: true
          })
        )
        const taken: Array<string> = []
        for (let count = 0; count < 3; count++) {
          taken.push(yield* Effect.ensuring(echo(log, "take")(yield* Queue.take(queue)), Effect.yieldNow))
        }
        yield* Fiber.join(producer)
        yield* Effect.sleep("1 hour")
        return yield* echo(log, "end")(taken.join())
      }))
      let host = yield* world.start(layer)
      const id = yield* begin(host, W)
      host = yield* after(world, host, layer)
      yield* host.evict
      yield* pass(host, "1 hour")
      yield* assertOutput(host, W, id, "a,b,c")
      assert.strictEqual(log.entries.length, 7)
    }))

  it.effect("S1, S8: runs each compensation once, although a crash comes between two of them", () =>
    Effect.gen(function*() {
      for (let write = 1; write < 8; write++) {
        const world = yield* CrashHost.make
        const log = new Log()
        const undo = Step.make("undo", { input: Schema.String, onCrash: "ask", run: (name) => log.add(`undo ${name}`) })
        const layer = W.toLayer(Effect.fnUntraced(function*() {
          for (const name of ["a", "b", "c"]) yield* echo(log)(name).pipe(W.withCompensation((value) => undo(value)))
          yield* Signal.receive(X)
          return yield* new Declined({ reason: "too late" })
        }))
        let host = yield* world.start(layer)
        const id = yield* begin(host, W)
        host.killAt(write, "after")
        yield* world.tell(id, "signal", { name: "x", payload: "" })
        if (host.killed()) host = yield* after(world, host, layer)
        for (const wait of yield* world.waits(id)) {
          assert.strictEqual(wait.reason, "outcome-unknown")
          yield* world.tell(id, "settle", { key: wait.key, by: "ada", action: { _tag: "complete", output: null } })
        }
        assert.strictEqual((yield* world.run(id)).status, "failed")
        const undone = log.entries.filter((entry) => entry.startsWith("undo"))
        assert.deepStrictEqual(undone, [...new Set(undone)].sort().reverse(), `at write ${write}`)
        yield* host.kill
      }
    }))
})

describe("a recorded history", () => {
  it.effect("S9: of a program with all kinds of concurrency replays entry by entry, from every length on", () =>
    Effect.gen(function*() {
      const log = new Log()
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        const all = yield* Effect.forEach(["a", "b", "c"], echo(log), { concurrency: "unbounded" })
        const first = yield* Effect.raceFirst(Signal.receive(X), Effect.as(Effect.sleep("1 day"), "late"))
        const cut = yield* Effect.timeoutOption(Signal.receive(Y), "1 hour")
        return yield* echo(log)([...all, first, cut._tag].join())
      }))
      const world = yield* CrashHost.make
      const host = yield* world.start(layer)
      const id = yield* begin(host, W)
      yield* world.tell(id, "signal", { name: "x", payload: "now" })
      yield* pass(host, "1 hour")
      yield* assertOutput(host, W, id, "a,b,c,now,None")
      const rows = yield* world.rows(id)
      const row = yield* world.run(id)
      for (let length = 1; length < rows.length; length++) {
        const copy = yield* CrashHost.make
        yield* copy.backend.write([{
          op: "start",
          run: { ...row, status: "queued", owner: null, dueAt: 0 },
          rows: rows.slice(0, length),
          blobs: [],
          subscriptions: [],
          listener: null
        }])
        const again = yield* copy.start(layer)
        yield* copy.tell(id, "signal", { name: "x", payload: "now" }, { id: "again" })
        yield* pass(again, "1 hour")
        const now = yield* copy.run(id)
        assert.notStrictEqual(now.reason, "diverged", `at length ${length}`)
        assert.deepStrictEqual((yield* copy.rows(id)).slice(0, length), rows.slice(0, length))
        assert.strictEqual(now.status, "completed", `at length ${length}`)
        yield* again.kill
      }
    }))
})
