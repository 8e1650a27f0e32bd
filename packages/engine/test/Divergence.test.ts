import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import * as Signal from "../src/Signal.ts"
import * as CrashHost from "../src/testing/CrashHost.ts"
import { assertOutput, begin, define, echo, giveWay, Log, stuck } from "./support/Program.ts"

const Go = Signal.make("go")

describe("Divergence", () => {
  it.effect("S9: a diverged run with a signal in its inbox stands still, and goes on when it is resumed under a good build", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const W = define("W")
      const program = (name: string) =>
        W.toLayer(Effect.fnUntraced(function*() {
          const a = yield* echo(log, name)("x")
          yield* Signal.receive(Go)
          return a
        }))
      const good = yield* world.start(program("a"))
      const id = yield* begin(good, W)
      const bad = yield* world.restart(good, program("b"))
      assert.strictEqual((yield* world.run(id)).reason, "diverged")
      const rows = yield* world.rows(id)
      yield* Effect.raceFirst(world.tell(id, "signal", { name: "go", payload: null }), giveWay())
      yield* giveWay()
      assert.isBelow((yield* world.run(id)).epoch, 6, "the run is not claimed over and over")
      assert.deepStrictEqual(yield* world.rows(id), rows)
      const again = yield* world.restart(bad, program("a"))
      yield* world.tell(id, "resume", { by: "ada" })
      yield* assertOutput(again, W, id, "x")
    }))

  it.effect("S9: a diverged run goes on by itself once a build that replays it cleanly serves it", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const W = define("W")
      const program = (name: string) =>
        W.toLayer(Effect.fnUntraced(function*() {
          const a = yield* echo(log, name)("x")
          yield* Effect.sleep("1 hour")
          return a
        }))
      const good = yield* world.start(program("a"))
      const id = yield* begin(good, W)
      const bad = yield* world.restart(good, program("b"))
      yield* TestClock.adjust("1 hour")
      yield* bad.settled
      assert.strictEqual((yield* world.run(id)).reason, "diverged")
      assert.include((yield* world.waits(id))[0]!.detail!, "\"a\"")
      const still = yield* world.restart(bad, program("c"))
      assert.strictEqual((yield* world.run(id)).reason, "diverged")
      const again = yield* world.restart(still, program("a"))
      yield* again.settled
      assert.strictEqual((yield* world.run(id)).status, "completed")
      assert.strictEqual(log.count("a x"), 1, "the body of the step did not run again")
    }))

  it.effect("S9: a removed step that was in flight suspends the run although the code has ended", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const W = define("W")
      const first = yield* world.start(W.toLayer(Effect.fnUntraced(function*() {
        yield* echo(log, "a")("x")
        yield* stuck(log, "b", "rerun")()
      })))
      const id = yield* begin(first, W)
      const rows = yield* world.rows(id)
      const second = yield* world.restart(first, W.toLayer(() => echo(log, "a")("x")))
      yield* second.settled
      assert.strictEqual((yield* world.run(id)).status, "suspended")
      assert.include((yield* world.waits(id))[0], { reason: "diverged", key: "b" })
      assert.deepStrictEqual(yield* world.rows(id), rows)
    }))
})
