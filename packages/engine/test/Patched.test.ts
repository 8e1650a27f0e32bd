import { assert, describe, it } from "@effect/vitest"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Effect } from "effect"
import * as Signal from "../src/Signal.ts"
import * as Workflows from "../src/Workflows.ts"
import { assertOutput, begin, define, echo, Log, untilKilled } from "./support/Program.ts"

const Go = Signal.make("go")
const go = { name: "go", payload: null }
const W = define("W")

const before = (log: Log) =>
  Effect.andThen(Signal.receive(Go), Effect.andThen(echo(log, "charge")("x"), Effect.as(Signal.receive(Go), "end")))
const after = (log: Log) =>
  Effect.gen(function*() {
    yield* Signal.receive(Go)
    if (yield* Workflows.patched("fraud")) yield* echo(log, "fraud")("x")
    yield* echo(log, "charge")("x")
    yield* Signal.receive(Go)
    return "end"
  })

describe("Workflows.patched", () => {
  it.effect("N-43: a run that has passed the place keeps to the old way, and one that comes to it takes the new", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const old = yield* world.start(W.toLayer(() => before(log)))
      const passed = yield* begin(old, W, "passed")
      const coming = yield* begin(old, W, "coming")
      yield* world.tell(passed, "signal", go)
      const renewed = yield* world.restart(old, W.toLayer(() => after(log)))
      yield* world.tell(coming, "signal", go)
      assert.deepStrictEqual(log.entries, ["charge x", "fraud x", "charge x"])
      const again = yield* world.restart(renewed, W.toLayer(() => after(log)))
      yield* world.tell(passed, "signal", go)
      yield* world.tell(coming, "signal", go)
      yield* assertOutput(again, W, passed, "end")
      yield* assertOutput(again, W, coming, "end")
      assert.deepStrictEqual(log.entries, ["charge x", "fraud x", "charge x"], "nothing ran twice")
      assert.notInclude((yield* world.story(passed)).join(), "PatchTaken")
    }))

  it.effect("N-43: a run whose last request is behind the place keeps to the old way", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const old = yield* world.start(W.toLayer(() => before(log)))
      const id = yield* begin(old, W)
      // Killed with the request of the step in the journal and its outcome not.
      old.killAt(1, "after")
      yield* Effect.raceFirst(world.tell(id, "signal", go), untilKilled(old))
      const renewed = yield* world.restart(old, W.toLayer(() => after(log)))
      yield* world.tell(id, "signal", go)
      yield* assertOutput(renewed, W, id, "end")
      assert.deepStrictEqual(log.entries, ["charge x"])
    }))

  it.effect("N-43: in a loop each round goes the way that it went", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const rounds = (isNew: boolean) =>
        W.toLayer(() =>
          Effect.gen(function*() {
            const ways: Array<string> = []
            for (let round = 0; round < 3; round++) {
              const way = isNew && (yield* Workflows.patched("way")) ? "new" : "old"
              ways.push(yield* echo(log, way)(`${round}`))
              yield* Signal.receive(Go)
            }
            return ways.join()
          })
        )
      let host = yield* world.start(rounds(false))
      const id = yield* begin(host, W)
      for (let round = 0; round < 3; round++) {
        host = yield* world.restart(host, rounds(true))
        yield* world.tell(id, "signal", go)
      }
      assert.deepStrictEqual(log.entries, ["old 0", "new 1", "new 2"])
      yield* assertOutput(host, W, id, "0,1,2")
    }))

  it.effect("N-43: a marker that nobody asks about any more is passed over", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const patched = yield* world.start(W.toLayer(() => after(log)))
      const id = yield* begin(patched, W)
      yield* world.tell(id, "signal", go)
      const clean = yield* world.restart(
        patched,
        W.toLayer(() =>
          Effect.gen(function*() {
            yield* Signal.receive(Go)
            yield* echo(log, "fraud")("x")
            yield* echo(log, "charge")("x")
            yield* Signal.receive(Go)
            return "end"
          })
        )
      )
      yield* world.tell(id, "signal", go)
      yield* assertOutput(clean, W, id, "end")
    }))

  it.effect("N-43: it is asked in the body of a workflow", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(Workflows.patched("x") as Effect.Effect<boolean>)
      assert.include(String(exit), "in the body of a workflow")
    }))
})
