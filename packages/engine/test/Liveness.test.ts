import { assert, describe, it } from "@effect/vitest"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Effect, Schema } from "effect"
import { TestClock } from "effect/testing"
import type { EngineOptions } from "../src/EngineOptions.ts"
import * as Step from "../src/Step.ts"
import { assertOutput, begin, define, echo, giveWay, Log, pass, stuck } from "./support/Program.ts"

const W = define("W")
const leaseMs = 10_000
const hour = 3_600_000
/** As `stuck`, and its body ends. */
const work = Step.make("work", { success: Schema.String, onCrash: "rerun", run: () => Effect.succeed("worked") })

describe("a clock that is set", () => {
  for (
    const [how, millis] of [["ahead by a day", 24 * hour], ["ahead by less than a lease", 9_000], [
      "back by an hour",
      -hour
    ]] as const
  ) {
    it.effect(`S5: ${how} costs no living process its runs`, () =>
      Effect.gen(function*() {
        const world = yield* CrashHost.make
        const log = new Log()
        const layer = W.toLayer(() => stuck(log, "work", "rerun")())
        const first = yield* world.start(layer)
        const id = yield* begin(first, W)
        yield* world.adjustHost(1_500)
        // Its heartbeat comes half a beat earlier than the next of the first.
        yield* world.start(layer)
        yield* world.adjustHost(3_000)
        yield* world.setHost(millis)
        for (let step = 0; step < 400; step++) yield* world.adjustHost(100)
        assert.include(yield* world.run(id), { status: "running", epoch: 1 })
        assert.lengthOf(log.entries, 1)
      }))
  }

  it.effect("S4: back by an hour does not keep the runs of a dead process for an hour", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const first = yield* world.start(W.toLayer(() => stuck(log, "work", "rerun")()))
      const id = yield* begin(first, W)
      yield* first.kill
      yield* world.setHost(-hour)
      const second = yield* world.start(W.toLayer(() => work()))
      yield* world.adjustHost(leaseMs)
      assert.include(yield* world.run(id), { epoch: 1 })
      yield* world.adjustHost(leaseMs)
      yield* assertOutput(second, W, id, "worked")
    }))

  it.effect("S4: ahead while a process dies only delays that its runs are taken up, by a lease", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const layer = W.toLayer(() => stuck(log, "work", "rerun")())
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      yield* world.start(layer)
      yield* first.kill
      yield* world.setHost(24 * hour)
      yield* world.adjustHost(leaseMs - 1)
      assert.include(yield* world.run(id), { epoch: 1 })
      yield* world.adjustHost(leaseMs)
      assert.include(yield* world.run(id), { epoch: 2 })
    }))

  it.effect("S4: back makes no wait longer that begins later, and the journal says what the clock said", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const gate = Promise.withResolvers<void>()
      const held = Step.make("held", { onCrash: "rerun", run: () => Effect.promise(() => gate.promise) })
      const host = yield* world.start(W.toLayer(Effect.fnUntraced(function*() {
        yield* echo(log)("x")
        yield* held()
        yield* Effect.sleep("1 minute")
        return yield* echo(log)("y")
      })))
      yield* TestClock.setTime(2 * hour)
      const id = yield* begin(host, W)
      yield* TestClock.setTime(hour)
      gate.resolve()
      yield* giveWay()
      yield* pass(host, "1 minute")
      yield* assertOutput(host, W, id, "y")
      const times = (yield* world.journal(id)).map(({ at }) => at)
      assert.deepStrictEqual([times[0], times.at(-1)], [2 * hour, hour + 60_000])
    }))
})

describe("a process of which the host knows what became", () => {
  const knowing = (known: Record<string, "gone" | "there">): Partial<EngineOptions> => ({
    processOf: ({ name }) => known[String(name)] ?? "unknown"
  })
  /** A run of a process that was killed, and a process that serves it. */
  const left = Effect.fnUntraced(function*(known: Record<string, "gone" | "there">) {
    const world = yield* CrashHost.make
    const first = yield* world.start(W.toLayer(() => stuck(new Log(), "work", "rerun")()), { info: { name: "first" } })
    const id = yield* begin(first, W)
    yield* first.kill
    return { world, id, start: Effect.suspend(() => world.start(W.toLayer(() => work()), knowing(known))) }
  })

  it.effect("S4: loses its runs at once when it is gone", () =>
    Effect.gen(function*() {
      const { id, start } = yield* left({ first: "gone" })
      yield* assertOutput(yield* start, W, id, "worked")
    }))

  it.effect("S5: keeps them for a lease more when it is there and has not renewed it", () =>
    Effect.gen(function*() {
      const { id, start, world } = yield* left({ first: "there" })
      yield* world.adjustHost(leaseMs + 1)
      const second = yield* start
      yield* world.adjustHost(leaseMs)
      assert.include(yield* world.run(id), { epoch: 1 })
      yield* world.adjustHost(leaseMs)
      yield* assertOutput(second, W, id, "worked")
    }))

  it.effect("S4: loses them with its lease when nothing is known of it", () =>
    Effect.gen(function*() {
      const { id, start, world } = yield* left({})
      yield* world.adjustHost(leaseMs - 1)
      const second = yield* start
      assert.include(yield* world.run(id), { epoch: 1 })
      yield* world.adjustHost(leaseMs)
      yield* assertOutput(second, W, id, "worked")
    }))

  it.effect("S14: stops nobody by what it says of itself", () =>
    Effect.gen(function*() {
      const { id, start, world } = yield* left({})
      yield* world.backend.write([{
        op: "heartbeat",
        owner: { id: "odd", expiresAt: 1, worker: true, info: "{damaged" }
      }])
      yield* world.adjustHost(leaseMs + 1)
      yield* assertOutput(yield* start, W, id, "worked")
      assert.deepStrictEqual((yield* world.backend.owners).map((owner) => owner.id === "odd"), [false])
    }))
})
