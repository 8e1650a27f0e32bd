import { assert, describe, it } from "@effect/vitest"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Cause, Deferred, Effect, Exit } from "effect"
import { TestClock } from "effect/testing"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import * as Workflows from "../src/Workflows.ts"
import { assertOutput, begin, define, echo, Log, pass, untilKilled } from "./support/Program.ts"

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

describe("limits", () => {
  const limited = (limits: Partial<Workflows.Limits>) => define("W").annotate(Workflows.Limits, limits)
  const reasonOf = (entries: ReadonlyArray<{ readonly _tag: string; readonly cause?: unknown }>) =>
    JSON.stringify(entries.at(-1)?.cause)

  it.effect("S12: a run that asks for more steps than maxSteps fails, after compensations, which may do steps", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const W = limited({ maxSteps: 3 })
      const undo = echo(log, "undo")
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        for (let count = 1; count < 10; count++) {
          yield* echo(log)(`${count}`).pipe(W.withCompensation((value) => Effect.asVoid(undo(value))))
        }
      }))
      const host = yield* world.start(layer)
      const id = yield* begin(host, W)
      assert.deepStrictEqual(log.entries, ["echo 1", "echo 2", "echo 3", "undo 3", "undo 2", "undo 1"])
      assert.strictEqual((yield* world.run(id)).status, "failed")
      assert.include(reasonOf(yield* world.journal(id)), "LimitExceeded")
      assert.include(reasonOf(yield* world.journal(id)), "maxSteps")
    }))

  it.effect("S12: code that asks for one step too many sees an interrupt and nothing else", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const W = limited({ maxSteps: 1 })
      const seen: Array<readonly [isInterrupt: boolean, reasons: number]> = []
      const host = yield* world.start(W.toLayer(() =>
        Effect.andThen(echo(log)("1"), echo(log)("2")).pipe(
          Effect.onExit((exit) =>
            Effect.sync(() => {
              if (Exit.isFailure(exit)) seen.push([Cause.hasInterruptsOnly(exit.cause), exit.cause.reasons.length])
            })
          )
        )
      ))
      const id = yield* begin(host, W)
      assert.deepStrictEqual(seen, [[true, 1]])
      assert.include(reasonOf(yield* world.journal(id)), "LimitExceeded")
    }))

  it.effect("S12: steps count over crashes and evictions", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const W = limited({ maxSteps: 3 })
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        for (let count = 1; count < 10; count++) {
          yield* echo(log)(`${count}`)
          yield* Signal.receive(Go)
        }
      }))
      let host = yield* world.start(layer)
      const id = yield* begin(host, W)
      for (let count = 0; count < 3; count++) {
        yield* world.tell(id, "signal", { name: "go", payload: null })
        host = yield* world.restart(host, layer)
        yield* host.settled
      }
      assert.deepStrictEqual(log.entries, ["echo 1", "echo 2", "echo 3"])
      assert.strictEqual((yield* world.run(id)).status, "failed")
    }))

  it.effect("S12: maxRunMs counts waiting, in memory, evicted and with nobody there", () =>
    Effect.gen(function*() {
      for (const how of ["in memory", "evicted", "nobody there"]) {
        const world = yield* CrashHost.make
        const log = new Log()
        const W = limited({ maxRunMs: 60 * 60_000 })
        const layer = W.toLayer(() => Effect.onInterrupt(Signal.receive(Go), () => log.add("interrupted")))
        let host = yield* world.start(layer)
        const id = yield* begin(host, W)
        if (how === "evicted") yield* host.evict
        if (how === "nobody there") yield* host.kill
        else yield* pass(host, "59 minutes")
        assert.strictEqual((yield* world.run(id)).status, "suspended")
        if (how === "nobody there") {
          yield* TestClock.adjust("2 hours")
          host = yield* world.restart(host, layer)
          yield* host.settled
        } else yield* pass(host, "1 minute")
        assert.strictEqual((yield* world.run(id)).status, "failed", how)
        assert.include(reasonOf(yield* world.journal(id)), "maxRunMs")
        assert.deepStrictEqual(log.entries, ["interrupted"])
        yield* host.kill
      }
    }))

  it.effect("S12: maxActiveMs counts the time in which steps ran, over owners, and interrupts the step that is at work", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const W = limited({ maxActiveMs: 10_000 })
      const work = Step.make("work", {
        onCrash: "rerun",
        run: () => Effect.onInterrupt(Effect.sleep("6 seconds"), () => log.add("interrupted"))
      })
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        yield* work()
        yield* Effect.sleep("1 day")
        yield* work()
      }))
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      yield* pass(first, "6 seconds")
      const second = yield* world.restart(first, layer)
      yield* pass(second, "1 day")
      yield* pass(second, "3 seconds")
      assert.strictEqual((yield* world.run(id)).status, "running")
      yield* pass(second, "1 second")
      assert.strictEqual((yield* world.run(id)).status, "failed")
      assert.include(reasonOf(yield* world.journal(id)), "maxActiveMs")
      assert.deepStrictEqual(log.entries, ["interrupted"])
    }))

  it.effect("S9, S12: a run that went past a limit and dies in its compensations comes to the same end", () =>
    Effect.gen(function*() {
      for (let write = 1, killed = true; killed; write++) {
        const world = yield* CrashHost.make
        const log = new Log()
        const W = limited({ maxSteps: 2 })
        const undo = echo(log, "undo")
        const layer = W.toLayer(Effect.fnUntraced(function*() {
          for (let count = 1; count < 10; count++) {
            yield* echo(log)(`${count}`).pipe(W.withCompensation((value) => Effect.asVoid(undo(value))))
          }
        }))
        const first = yield* world.start(layer)
        first.killAt(write, "after")
        yield* Effect.raceFirst(begin(first, W), untilKilled(first))
        killed = first.killed()
        const second = yield* world.restart(first, layer)
        yield* second.settled
        const id = yield* W.executionId({ id: "1" })
        assert.strictEqual((yield* world.run(id)).status, "failed", `write ${write}`)
        assert.include(reasonOf(yield* world.journal(id)), "LimitExceeded")
        assert.deepStrictEqual((yield* world.story(id)).filter((entry) => entry.startsWith("StepCompleted")), [
          "StepCompleted echo",
          "StepCompleted echo~2",
          "StepCompleted undo",
          "StepCompleted undo~2"
        ])
        yield* second.kill
      }
    }))
})
