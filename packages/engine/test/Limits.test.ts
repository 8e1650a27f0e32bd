import { describe, it } from "@effect/vitest"
import { Deferred, Effect } from "effect"
import { TestClock } from "effect/testing"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import * as CrashHost from "../src/testing/CrashHost.ts"
import { assertOutput, begin, define, Log, pass } from "./support/Program.ts"

const Go = Signal.make("go")

/** A step whose body ends when the test says so. */
const gated = (log: Log) => {
  let gate = Deferred.makeUnsafe<void>()
  const step = Step.make("work", {
    onCrash: "rerun",
    run: () => Effect.andThen(log.add("work"), Effect.suspend(() => Deferred.await(gate)))
  })
  const open = Effect.suspend(() => {
    const opened = gate
    gate = Deferred.makeUnsafe<void>()
    return Deferred.succeed(opened, undefined)
  })
  return { step, open }
}

describe("maxActiveMs", () => {
  it.effect("S12: the time in which no process was there does not count", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const work = gated(log)
      const W = define("W")
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        yield* work.step()
        yield* Signal.receive(Go)
        yield* work.step()
        return "done"
      }))
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      yield* first.kill
      yield* TestClock.adjust("1 day")
      const second = yield* world.restart(first, layer)
      yield* second.settled
      yield* work.open
      yield* second.settled
      yield* second.evict
      yield* second.settled
      yield* world.tell(id, "signal", { name: "go", payload: null })
      yield* pass(second, "1 second")
      yield* work.open
      yield* second.settled
      yield* assertOutput(second, W, id, "done")
    }))

  it.effect("S12: the days in which a run waited for one signal after another do not count after a replay", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const work = gated(log)
      const W = define("W")
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        for (let count = 0; count < 3; count++) yield* Signal.receive(Go)
        yield* Effect.sleep("1 day")
        yield* work.step()
        return "done"
      }))
      const host = yield* world.start(layer)
      const id = yield* begin(host, W)
      for (let count = 0; count < 3; count++) {
        yield* pass(host, "1 day")
        yield* world.tell(id, "signal", { name: "go", payload: null })
      }
      yield* host.evict
      yield* pass(host, "1 day")
      yield* pass(host, "1 second")
      yield* work.open
      yield* host.settled
      yield* assertOutput(host, W, id, "done")
    }))
})
