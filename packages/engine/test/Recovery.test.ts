import { assert, describe, it } from "@effect/vitest"
import * as EngineEvent from "@fermata/core/EngineEvent"
import * as Suspension from "@fermata/core/Suspension"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Deferred, Effect, Layer, Logger, Schema, Stream } from "effect"
import { Events } from "../src/Events.ts"
import * as Runs from "../src/Runs.ts"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import { assertOutput, begin, define, echo, Log, stuck } from "./support/Program.ts"

const Go = Signal.make("go")
const W = define("W")
const quiet = Effect.provide(Logger.layer([]))

describe("Recovery", () => {
  it.effect("S13: a run whose step was in flight at six crashes suspends as recovery", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const layer = W.toLayer(() => stuck(log, "work", "rerun")())
      let host = yield* world.start(layer)
      const id = yield* begin(host, W)
      for (let crash = 1; crash <= 6; crash++) {
        host = yield* world.restart(host, layer)
        yield* host.settled
      }
      assert.strictEqual(log.entries.length, 6)
      assert.include(yield* world.run(id), { status: "suspended", reason: "recovery" })
    }))

  it.effect("S13: a run that only waits is not suspended as recovery, however often its process dies", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const layer = W.toLayer(() => Effect.as(Signal.receive(Go), "end"))
      let host = yield* world.start(layer)
      const id = yield* begin(host, W)
      for (let crash = 1; crash <= 8; crash++) host = yield* world.restart(host, layer)
      assert.include(yield* world.run(id), { status: "suspended", reason: "signal" })
      yield* world.tell(id, "signal", { name: "go", payload: null })
      yield* assertOutput(host, W, id, "end")
    }))

  it.effect("S13: the log and the event of the engine say that recovery gave up, why, and after how many crashes", () => {
    const warned: Array<string> = []
    const logger = Logger.layer([Logger.make(({ logLevel, message }) => {
      if (logLevel === "Warn") warned.push(String(Array.isArray(message) ? message[0] : message))
    })])
    return Effect.gen(function*() {
      const world = yield* CrashHost.make
      const layer = W.toLayer(() => stuck(new Log(), "work", "rerun")())
      let host = yield* world.start(layer)
      const step = yield* begin(host, W, "step")
      for (let crash = 1; crash <= 6; crash++) host = yield* world.restart(host, layer)
      assert.deepStrictEqual(warned, [
        `run ${step} of W@1 is suspended (recovery) and needs an operator: a process died 6 times before the outcome of step "work" was recorded: in its body, or in other code of the process`
      ])
      const suspension = (yield* world.journal(step)).at(-1)!
      assert.deepInclude(EngineEvent.of(step, "W", suspension)[0], {
        name: "engine.run.suspended",
        payload: {
          runId: step,
          workflow: "W",
          reason: "recovery",
          waits: [{
            reason: "recovery",
            key: "work",
            detail:
              "a process died 6 times before the outcome of step \"work\" was recorded: in its body, or in other code of the process"
          }]
        }
      })

      const other = yield* CrashHost.make
      host = yield* other.start(layer)
      const run = yield* begin(host, W, "run")
      for (let crash = 1; crash <= 5; crash++) {
        host = yield* other.restart(host, layer, { killAt: { count: 1, when: "before" } })
      }
      yield* other.restart(host, layer)
      assert.strictEqual(warned.length, 2)
      assert.match(
        warned[1]!,
        new RegExp(
          `run ${run} of W@1 is suspended \\(recovery\\) and needs an operator: its process died 6 times in a row without getting further`
        )
      )
      assert.include(yield* other.run(run), { reason: "recovery", dueAt: null })
    }).pipe(Effect.provide(logger))
  })

  it.effect("S13: a death behind a step that has ended is not said to be in that step, whose outcome goes with it", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const layer = W.toLayer(() => Effect.tap(echo(log)("a"), () => log.add("goes on")))
      // As a loop that never ends leaves it: the code has gone on, and the write that holds the outcome never comes.
      const killAt = { count: 2, when: "before" } as const
      let host = yield* world.start(layer)
      host.killAt(3, "before")
      const id = yield* begin(host, W)
      for (let crash = 1; crash <= 5; crash++) {
        assert.isTrue(host.killed())
        host = yield* world.restart(host, layer, { killAt })
        yield* host.settled
      }
      host = yield* world.restart(host, layer)
      yield* host.settled
      assert.strictEqual(log.count("goes on"), 6)
      const [wait] = yield* world.waits(id)
      assert.deepInclude(wait, { reason: "recovery", key: "echo" })
      assert.include(wait!.detail, "before the outcome of step \"echo\" was recorded")
      assert.notMatch(wait!.detail!, /died .* in step/)
      yield* world.tell(id, "settle", { key: "echo", by: "ada", action: { _tag: "retry" } })
      yield* assertOutput(host, W, id, "a")
    }))

  it.effect("S13: a step that is called as recovery calls the whole run is settled as a step", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const layer = W.toLayer(() => stuck(new Log(), "run", "rerun")())
      let host = yield* world.start(layer)
      const id = yield* begin(host, W)
      for (let crash = 1; crash <= 6; crash++) {
        host = yield* world.restart(host, layer)
        yield* host.settled
      }
      yield* host.evict
      yield* host.settled
      const [wait] = yield* world.waits(id)
      assert.deepInclude(wait, { reason: "recovery", key: "run" })
      assert.deepStrictEqual(Suspension.suspensions.recovery.actions(wait!).map(({ verb }) => verb), [
        "settle",
        "settle",
        "settle"
      ])
      const runs = yield* host.use(Effect.provide(Runs.Runs, Runs.Runs.layer))
      yield* runs.settle(id, "run", { by: "ada", action: { _tag: "complete", output: "by hand" } })
      yield* world.look
      yield* host.settled
      yield* assertOutput(host, W, id, "by hand")
    }))

  it.effect("S9, S13: a run that is suspended without an entry, given up or diverged, is told as an event, and once", () =>
    Effect.gen(function*() {
      const heard: Array<{ readonly id: string; readonly payload: unknown }> = []
      const listening = Layer.effectDiscard(Effect.gen(function*() {
        const events = yield* Events
        const hear = Stream.runForEach(
          events.subscribe("engine.run.suspended"),
          ({ id, payload }) => Effect.sync(() => heard.push({ id, payload }))
        )
        yield* Effect.forkScoped(hear, { startImmediately: true })
      })).pipe(Layer.provide(Events.layer))
      const serving = (key: string) =>
        Layer.provideMerge(W.toLayer(() => Effect.as(stuck(new Log(), key, "rerun")(), "end")), listening)
      const world = yield* CrashHost.make
      let host = yield* world.start(serving("work"))
      const given = yield* begin(host, W, "given up")
      for (let crash = 1; crash <= 5; crash++) {
        host = yield* world.restart(host, serving("work"), { killAt: { count: 1, when: "before" } })
      }
      host = yield* world.restart(host, serving("work"))
      const diverged = yield* begin(host, W, "diverged")
      host = yield* world.restart(host, serving("other"))
      const rows = [yield* world.run(given), yield* world.run(diverged)]
      assert.deepStrictEqual(
        heard,
        rows.map(({ epoch, id, reason, waits }) => ({
          id: `${id}:given-up:${epoch}`,
          payload: { runId: id, workflow: "W", reason, waits: JSON.parse(waits!) }
        }))
      )
      assert.deepStrictEqual(rows.map(({ reason }) => reason), ["recovery", "diverged"])
      assert.notInclude((yield* world.journal(diverged)).map(({ _tag }) => _tag), "RunSuspended")
    }).pipe(quiet))

  it.effect("S13: a signal does not wake a run that suspended because it never got further", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const layer = W.toLayer(() => stuck(log, "work", "rerun")())
      let host = yield* world.start(layer)
      const id = yield* begin(host, W)
      for (let crash = 1; crash <= 5; crash++) {
        host = yield* world.restart(host, layer, { killAt: { count: 1, when: "before" } })
        assert.isTrue(host.killed())
      }
      host = yield* world.restart(host, layer)
      assert.include(yield* world.run(id), { status: "suspended", reason: "recovery" })
      const { epoch } = yield* world.run(id)
      const began = log.entries.length
      yield* world.tell(id, "signal", { name: "go", payload: null })
      assert.include(yield* world.run(id), { status: "suspended", reason: "recovery" })
      assert.strictEqual(log.entries.length, began)
      assert.isAtMost((yield* world.run(id)).epoch, epoch + 1)
    }))

  it.effect("S2: an outcome that an operator declares and the step's schema refuses is passed over, and the journal says so", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const layer = W.toLayer(() => stuck(log, "pay", "ask")())
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      const second = yield* world.restart(first, layer)
      yield* second.settled
      assert.include(yield* world.run(id), { status: "suspended", reason: "outcome-unknown" })
      yield* world.tell(id, "settle", { key: "pay", by: "ada", action: { _tag: "complete", output: 42 } })
      assert.include(yield* world.run(id), { status: "suspended", reason: "outcome-unknown" })
      assert.isTrue((yield* world.journal(id)).some((entry) => entry._tag === "MessageRefused"))
      yield* world.tell(id, "settle", { key: "pay", by: "ada", action: { _tag: "complete", output: "paid" } })
      assert.strictEqual((yield* world.run(id)).status, "completed")
    }))

  it.effect("S2: after a crash a `rerun` step runs again, a `rerun-keyed` one with the same idempotency key, and an `ask` one waits for an operator", () =>
    Effect.gen(function*() {
      for (const onCrash of ["rerun", "rerun-keyed", "ask"] as const) {
        const world = yield* CrashHost.make
        const log = new Log()
        const layer = W.toLayer(() => stuck(log, "work", onCrash)())
        const first = yield* world.start(layer)
        const id = yield* begin(first, W)
        const second = yield* world.restart(first, layer)
        yield* second.settled
        assert.strictEqual(new Set(log.entries).size, 1)
        assert.strictEqual(log.entries.length, onCrash === "ask" ? 1 : 2)
        assert.include(
          yield* world.run(id),
          onCrash === "ask" ? { status: "suspended", reason: "outcome-unknown" } : { status: "running" }
        )
        yield* second.kill
      }
    }).pipe(quiet))

  it.effect("S2: an `ask` step whose request never reached the store, or that never began, is no unknown outcome", () =>
    Effect.gen(function*() {
      for (const when of ["before", "after"] as const) {
        const world = yield* CrashHost.make
        const log = new Log()
        const pay = Step.make("pay", {
          success: Schema.String,
          onCrash: "ask",
          run: () => Effect.as(log.add("pay"), "paid")
        })
        const layer = W.toLayer(() => Effect.andThen(Signal.receive(Go), pay()))
        const first = yield* world.start(layer)
        const id = yield* begin(first, W)
        first.killAt(1, when)
        yield* world.tell(id, "signal", { name: "go", payload: null })
        assert.isEmpty(log.entries)
        const second = yield* world.restart(first, layer)
        yield* second.settled
        // Once the request is in the store nobody can tell whether the body began.
        if (when === "before") yield* assertOutput(second, W, id, "paid")
        else assert.include(yield* world.run(id), { status: "suspended", reason: "outcome-unknown" })
        yield* second.kill
      }
    }).pipe(quiet))

  it.effect("S2: an operator settles an unknown outcome by a retry, a value or a failure, and the run goes on", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      let works = false
      const pay = Step.make("pay", {
        success: Schema.String,
        onCrash: "ask",
        run: (_, { attempt }) =>
          Effect.andThen(log.add(`pay ${attempt}`), Effect.suspend(() => works ? Effect.succeed("paid") : Effect.never))
      })
      const layer = W.toLayer(() => Effect.catchDefect(pay(), (defect) => Effect.succeed(String(defect))))
      const first = yield* world.start(layer)
      const ids = [
        yield* begin(first, W, "retry"),
        yield* begin(first, W, "complete"),
        yield* begin(first, W, "fail")
      ] as const
      let host = yield* world.restart(first, layer)
      yield* host.settled
      works = true
      yield* world.tell(ids[0], "settle", { key: "pay", by: "ada", action: { _tag: "retry" } })
      yield* world.tell(ids[1], "settle", {
        key: "pay",
        by: "ada",
        action: { _tag: "complete", output: "paid by hand" }
      })
      yield* world.tell(ids[2], "settle", {
        key: "pay",
        by: "ada",
        action: { _tag: "fail", message: "the bank says no" }
      })
      yield* assertOutput(host, W, ids[0], "paid")
      yield* assertOutput(host, W, ids[1], "paid by hand")
      yield* assertOutput(host, W, ids[2], "SettledAsFailed: the bank says no")
      assert.deepStrictEqual(log.entries, ["pay 1", "pay 1", "pay 1", "pay 2"])
      const settled = (yield* world.journal(ids[1])).find((entry) => entry._tag === "StepCompleted")
      assert.deepInclude(settled, { settledBy: "ada", output: "paid by hand" })
      host = yield* world.restart(host, layer)
    }).pipe(quiet))

  it.effect("S2: what an operator settled stays settled after the next crash", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const layer = W.toLayer(() => Effect.tap(stuck(log, "pay", "ask")(), () => Signal.receive(Go)))
      let host = yield* world.start(layer)
      const id = yield* begin(host, W)
      host = yield* world.restart(host, layer)
      yield* world.tell(id, "settle", { key: "pay", by: "ada", action: { _tag: "complete", output: "paid" } })
      host = yield* world.restart(host, layer)
      yield* world.tell(id, "signal", { name: "go", payload: null })
      yield* assertOutput(host, W, id, "paid")
      assert.strictEqual(log.entries.length, 1)
    }).pipe(quiet))

  it.effect("S13: an orderly stop is no crash, however often it happens", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const layer = W.toLayer(() => stuck(log, "work", "rerun")())
      let host = yield* world.start(layer)
      const id = yield* begin(host, W)
      for (let stop = 0; stop < 10; stop++) {
        yield* host.close
        host = yield* world.start(layer)
      }
      assert.include(yield* world.run(id), { status: "running", takeovers: 0 })
      assert.strictEqual(log.entries.length, 11)
      assert.isTrue(
        (yield* world.journal(id)).every((entry) => entry._tag !== "StepRequested" || entry.recovery === undefined)
      )
    }))

  it.effect("S13: crashes before and after a run got further are counted apart", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      let gate = Deferred.makeUnsafe<void>()
      const work = Step.make("work", {
        input: Schema.Int,
        onCrash: "rerun",
        run: (n) => Effect.andThen(log.add(`${n}`), Effect.suspend(() => Deferred.await(gate)))
      })
      const layer = W.toLayer(() => Effect.forEach([1, 2, 3], (n) => work(n), { discard: true }))
      let host = yield* world.start(layer)
      const id = yield* begin(host, W)
      for (const step of [1, 2, 3]) {
        for (let crash = 0; crash < 4; crash++) {
          host = yield* world.restart(host, layer)
          yield* host.settled
        }
        assert.strictEqual(log.count(`${step}`), 5)
        const opened = gate
        gate = Deferred.makeUnsafe<void>()
        yield* Deferred.succeed(opened, undefined)
        yield* host.settled
      }
      assert.notStrictEqual((yield* world.run(id)).status, "suspended")
    }))
})
