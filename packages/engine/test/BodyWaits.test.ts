/** Bodies of steps that wait for something durable, so that their run is suspended, and then go on. */
import { assert, describe, it } from "@effect/vitest"
import * as RunView from "@fermata/core/RunView"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Effect, Layer } from "effect"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import { assertOutput, begin, define, echo, Log, pass } from "./support/Program.ts"

const Go = Signal.make("go")
const Child = define("child")
const W = define("W")
const ada = { by: "ada" }
const childLayer = Child.toLayer(() => Effect.as(Effect.sleep("1 minute"), "c"))
const tenMinutes = 600_000

/** How the run stands by the store and by its journal. */
const standings = Effect.fnUntraced(function*(world: CrashHost.World, id: string) {
  const { reason, status } = yield* world.run(id)
  const view = RunView.of(id, yield* world.journal(id))
  return { store: [status, reason], journal: [view.status, view.reason ?? null], view }
})

describe("a step whose body waits", () => {
  const work = Step.make("work", {
    onCrash: "rerun",
    run: () => Effect.andThen(Effect.orDie(Child.execute({ id: "c" })), Effect.sleep("10 minutes"))
  })
  const layer = Layer.merge(childLayer, W.toLayer(() => Effect.as(work(), "end")))

  it.effect("S7: has its run suspended while it does, and at work when it goes on: store and journal say the same", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* world.start(layer)
      const id = yield* begin(host, W)
      const waiting = yield* standings(world, id)
      assert.deepStrictEqual(waiting.store, ["suspended", "child"])
      assert.deepStrictEqual(waiting.journal, waiting.store)
      yield* pass(host, "1 minute")
      const working = yield* standings(world, id)
      assert.deepStrictEqual(working.store, ["running", null])
      assert.deepStrictEqual(working.journal, working.store)
      assert.isEmpty(working.view.waits)
      yield* pass(host, "10 minutes")
      yield* assertOutput(host, W, id, "end")
      const { times } = (yield* standings(world, id)).view
      assert.strictEqual(times.activeMs, tenMinutes)
    }))

  it.effect("S13: is suspended as recovery when its process dies behind the wait again and again, however often it waits anew", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const fatal = Step.make("fatal", {
        onCrash: "rerun",
        run: () =>
          Effect.suspend(() => Effect.orDie(Child.execute({ id: `c${log.entries.length}` }))).pipe(
            Effect.andThen(log.add("acts")),
            Effect.andThen(Effect.never)
          )
      })
      const layer = Layer.merge(childLayer, W.toLayer(() => fatal()))
      let host = yield* world.start(layer)
      const id = yield* begin(host, W)
      for (let crash = 1; crash <= 6; crash++) {
        yield* pass(host, "1 minute")
        host = yield* world.restart(host, layer)
        yield* host.settled
      }
      yield* pass(host, "1 minute")
      assert.strictEqual(log.count("acts"), 6)
      assert.include(yield* world.run(id), { status: "suspended", reason: "recovery" })
    }))

  it.effect("S13: may wait while its process dies as often as it likes", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      let host = yield* world.start(layer)
      const id = yield* begin(host, W)
      for (let crash = 1; crash <= 8; crash++) {
        host = yield* world.restart(host, layer)
        yield* host.settled
      }
      yield* pass(host, "1 minute")
      yield* pass(host, "10 minutes")
      yield* assertOutput(host, W, id, "end")
    }))

  it.effect("S7: and gives up a step of its own that waits for an operator is at work from then on: store and journal say so", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const pay = Step.make("pay", { onCrash: "ask", run: () => Effect.never })
      const work = Step.make("work", {
        onCrash: "rerun",
        run: () => Effect.andThen(Effect.timeoutOption(pay(), "1 hour"), Effect.asVoid(Effect.never))
      })
      const layer = W.toLayer(() => work())
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      const second = yield* world.restart(first, layer)
      yield* second.settled
      assert.include(yield* world.run(id), { status: "suspended", reason: "outcome-unknown" })
      yield* pass(second, "1 hour")
      const working = yield* standings(world, id)
      assert.deepStrictEqual(working.store, ["running", null])
      assert.deepStrictEqual(working.journal, working.store)
    }))

  it.effect("stays paused when it goes on in a paused run, which starts no other step", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const layer = Layer.merge(
        childLayer,
        W.toLayer(() => Effect.andThen(work(), Effect.as(echo(log)("x"), "end")))
      )
      let host = yield* world.start(layer)
      const id = yield* begin(host, W)
      yield* world.tell(id, "pause", ada)
      yield* pass(host, "1 minute")
      assert.isTrue((yield* standings(world, id)).view.paused)
      yield* pass(host, "10 minutes")
      const paused = yield* standings(world, id)
      assert.deepStrictEqual(paused.store, ["suspended", "operator"])
      assert.deepStrictEqual(paused.journal, paused.store)
      host = yield* world.restart(host, layer)
      yield* host.settled
      assert.isEmpty(log.entries)
      yield* world.tell(id, "resume", ada)
      yield* assertOutput(host, W, id, "end")
    }))
})

describe("a paused run that is taken up again", () => {
  it.effect("S7: and asks again for a step that it must not start is suspended by its journal too", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const layer = W.toLayer(() => Effect.andThen(Signal.receive(Go), echo(log)("x")))
      const host = yield* world.start(layer)
      const id = yield* begin(host, W)
      yield* host.evict
      yield* host.settled
      // Both are there when it is taken up.
      yield* Effect.all([world.tell(id, "signal", { name: "go", payload: null }), world.tell(id, "pause", ada)], {
        concurrency: "unbounded"
      })
      for (let time = 1; time <= 3; time++) {
        const { journal, store } = yield* standings(world, id)
        assert.deepStrictEqual(store, ["suspended", "operator"])
        assert.deepStrictEqual(journal, store)
        yield* host.evict
        yield* host.settled
        yield* world.tell(id, "pause", ada)
      }
      assert.isEmpty(log.entries)
      yield* world.tell(id, "resume", ada)
      yield* assertOutput(host, W, id, "x")
    }))
})
