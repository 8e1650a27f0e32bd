import { assert, describe, it } from "@effect/vitest"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Deferred, Effect, Schema } from "effect"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import { assertOutput, begin, define, echo, Log, pass, stuck } from "./support/Program.ts"

const Go = Signal.make("go", { schema: Schema.String })
const W = define("W")
const ada = { by: "ada" }

/** Waits for a signal, and then does two steps. */
const program = (log: Log) =>
  W.toLayer(Effect.fnUntraced(function*() {
    const text = yield* Signal.receive(Go)
    const a = yield* echo(log, "a")(text)
    return [a, yield* echo(log, "b")(a)]
  }))

describe("a paused run", () => {
  it.effect("takes signals, starts no step, and goes on where it stood when it is resumed", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const host = yield* world.start(program(log))
      const id = yield* begin(host, W)
      yield* world.tell(id, "pause", ada)
      assert.include(yield* world.run(id), { status: "suspended", reason: "operator" })
      yield* world.tell(id, "signal", { name: "go", payload: "x" })
      assert.isEmpty(log.entries)
      assert.include(yield* world.run(id), { status: "suspended", reason: "operator" })
      yield* world.tell(id, "resume", ada)
      yield* assertOutput(host, W, id, ["x", "x"])
      assert.deepStrictEqual(log.entries, ["a x", "b x"])
    }))

  it.effect("stays paused over eviction and crash, and a step that it asked for meanwhile begins once", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      let host = yield* world.start(program(log))
      const id = yield* begin(host, W)
      yield* world.tell(id, "pause", ada)
      yield* world.tell(id, "signal", { name: "go", payload: "x" })
      yield* host.evict
      yield* host.settled
      assert.strictEqual(yield* host.awake, 0)
      host = yield* world.restart(host, program(log))
      yield* host.settled
      assert.include(yield* world.run(id), { status: "suspended", reason: "operator" })
      assert.isEmpty(log.entries)
      host = yield* world.restart(host, program(log))
      yield* world.tell(id, "resume", ada)
      yield* assertOutput(host, W, id, ["x", "x"])
      assert.deepStrictEqual(log.entries, ["a x", "b x"])
      const request = (yield* world.journal(id)).filter((entry) => entry._tag === "StepRequested" && entry.key === "a")
      assert.strictEqual(request.length, 1)
    }))

  it.effect("S2: does not hold an `ask` step for one that may have run, when it never began", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const pay = Step.make("pay", { onCrash: "ask", run: () => log.add("pay") })
      const layer = W.toLayer(() => Effect.andThen(Signal.receive(Go), Effect.as(pay(), "paid")))
      let host = yield* world.start(layer)
      const id = yield* begin(host, W)
      yield* world.tell(id, "pause", ada)
      yield* world.tell(id, "signal", { name: "go", payload: "x" })
      host = yield* world.restart(host, layer)
      yield* host.settled
      yield* world.tell(id, "resume", ada)
      assert.deepStrictEqual(log.entries, ["pay"])
      assert.strictEqual((yield* world.run(id)).status, "completed")
    }))

  it.effect("lets a step that is at work end, and records its outcome", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const gate = Deferred.makeUnsafe<void>()
      const work = Step.make("work", {
        onCrash: "rerun",
        run: () => Effect.andThen(log.add("work"), Deferred.await(gate))
      })
      const host = yield* world.start(W.toLayer(() => Effect.andThen(work(), echo(log)("after"))))
      const id = yield* begin(host, W)
      yield* world.tell(id, "pause", ada)
      assert.strictEqual((yield* world.run(id)).status, "running")
      yield* Deferred.succeed(gate, undefined)
      yield* host.settled
      assert.include(yield* world.run(id), { status: "suspended", reason: "operator" })
      assert.deepStrictEqual(log.entries, ["work"])
      yield* world.tell(id, "resume", ada)
      assert.deepStrictEqual(log.entries, ["work", "echo after"])
    }))

  it.effect("has timers that come due meanwhile, and the run ends only after the resume if a step comes first", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const host = yield* world.start(W.toLayer(() => Effect.andThen(Effect.sleep("1 hour"), echo(log)("x"))))
      const id = yield* begin(host, W)
      yield* world.tell(id, "pause", ada)
      yield* host.evict
      yield* pass(host, "2 hours")
      assert.include(yield* world.run(id), { status: "suspended", reason: "operator" })
      yield* world.tell(id, "resume", ada)
      yield* assertOutput(host, W, id, "x")
    }))

  it.effect("twice paused is paused, and twice resumed is resumed", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const host = yield* world.start(program(log))
      const id = yield* begin(host, W)
      for (let count = 0; count < 2; count++) yield* world.tell(id, "pause", ada)
      for (let count = 0; count < 2; count++) yield* world.tell(id, "resume", ada)
      assert.include(yield* world.run(id), { status: "suspended", reason: "signal" })
      const story = yield* world.story(id)
      assert.strictEqual(story.filter((entry) => entry === "PauseRequested").length, 1)
      assert.strictEqual(story.filter((entry) => entry === "RunResumed").length, 1)
    }))

  it.effect("a resume of a run that is not paused changes nothing", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const host = yield* world.start(W.toLayer(() => stuck(log, "work", "ask")()))
      const id = yield* begin(host, W)
      const rows = yield* world.rows(id)
      yield* world.tell(id, "resume", ada)
      assert.deepStrictEqual(yield* world.rows(id), rows)
      assert.isEmpty(yield* world.inbox(id))
    }))
})
