import { assert, describe, it } from "@effect/vitest"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Cause, Effect, Exit, Logger, Schema } from "effect"
import { DurableClock, DurableDeferred, WorkflowEngine } from "effect/workflow"
import * as Signal from "../src/Signal.ts"
import { assertOutput, begin, Declined, define, echo, Log, pass } from "./support/Program.ts"

const Go = Signal.make("go")
const go = { name: "go", payload: null }
const W = define("W")
const Box = DurableDeferred.make("box", { success: Schema.Int, error: Declined })

/** A number that is another one in every pass. */
const counter = () => {
  let count = 0
  return Effect.sync(() => ++count)
}

const complete = (exit: Exit.Exit<number, Declined>) =>
  Effect.flatMap(DurableDeferred.token(Box), (token) => DurableDeferred.done(Box, { token, exit }))

describe("deferreds that the body completes itself", () => {
  it.effect("S6: a deferred keeps the exit that it was first completed with, evicted and after a crash", () =>
    Effect.gen(function*() {
      for (const how of ["value", "error", "defect"]) {
        for (const restart of [false, true]) {
          const world = yield* CrashHost.make
          const log = new Log()
          const next = counter()
          const exitOf = (count: number): Exit.Exit<number, Declined> =>
            how === "value"
              ? Exit.succeed(count)
              : how === "error"
              ? Exit.fail(new Declined({ reason: `${count}` }))
              : Exit.die(new Error(`${count}`))
          const layer = W.toLayer(Effect.fnUntraced(function*() {
            yield* Effect.flatMap(next, (count) => complete(exitOf(count)))
            yield* Signal.receive(Go)
            const exit = yield* Effect.exit(DurableDeferred.await(Box))
            const text = Exit.isSuccess(exit)
              ? String(exit.value)
              : `${
                (Cause.squash(exit.cause) as Error & { readonly reason?: string }).reason ?? Cause.pretty(exit.cause)
              }`
            return yield* echo(log)(text.includes("1") ? "first" : text)
          }))
          let host = yield* world.start(layer)
          const id = yield* begin(host, W)
          if (restart) host = yield* world.restart(host, layer)
          else yield* host.evict
          yield* host.settled
          yield* world.tell(id, "signal", go)
          yield* assertOutput(host, W, id, "first")
          yield* host.kill
        }
      }
    }))

  it.effect("S6: who waits for it beside its completion gets the recorded exit, at the same place in the order", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const next = counter()
      const layer = W.toLayer(() =>
        Effect.all([
          Effect.flatMap(DurableDeferred.await(Box), (count) => echo(log)(`got ${count}`)),
          Effect.flatMap(next, (count) => Effect.andThen(complete(Exit.succeed(count)), echo(log)("completed"))),
          Signal.receive(Go)
        ], { concurrency: "unbounded", discard: true })
      )
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      const second = yield* world.restart(first, layer)
      yield* second.settled
      yield* world.tell(id, "signal", go)
      assert.strictEqual((yield* world.run(id)).status, "completed")
      assert.sameMembers(log.entries, ["echo got 1", "echo completed"])
    }))

  it.effect("S6, S9: code that completes it earlier gives it the recorded exit, and code that does not complete it any more is a difference", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      let edit: "none" | "earlier" | "no more" = "none"
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        if (edit === "earlier") yield* complete(Exit.succeed(2))
        yield* Signal.receive(Go)
        if (edit !== "no more") yield* complete(Exit.succeed(1))
        yield* Signal.receive(Go)
        return edit === "no more" ? 0 : yield* Effect.orDie(DurableDeferred.await(Box))
      }))
      let host = yield* world.start(layer)
      const id = yield* begin(host, W)
      yield* world.tell(id, "signal", go)
      edit = "no more"
      host = yield* world.restart(host, layer)
      yield* host.settled
      assert.deepInclude((yield* world.waits(id))[0], { reason: "diverged", key: "box" })
      edit = "earlier"
      host = yield* world.restart(host, layer)
      yield* host.settled
      yield* world.tell(id, "signal", go)
      yield* assertOutput(host, W, id, 1)
    }).pipe(Effect.provide(Logger.layer([]))))
})

describe("races of deferreds", () => {
  const race = <R>(...effects: [Effect.Effect<number, never, R>, ...Array<Effect.Effect<number, never, R>>]) =>
    DurableDeferred.raceAll({ name: "race", success: Schema.Int, error: Schema.Never, effects })

  it.effect("S1, S6: branches that asked for nothing do not run again, and the recorded winner is what the body gets", () =>
    Effect.gen(function*() {
      for (const restart of [false, true]) {
        const world = yield* CrashHost.make
        const log = new Log()
        const next = counter()
        let runs = 0
        const layer = W.toLayer(Effect.fnUntraced(function*() {
          yield* echo(log)("before")
          const won = yield* race(Effect.tap(next, () => Effect.sync(() => void runs++)), Effect.never)
          yield* Signal.receive(Go)
          return yield* echo(log)(`${won}`)
        }))
        let host = yield* world.start(layer)
        const id = yield* begin(host, W)
        if (restart) host = yield* world.restart(host, layer)
        else yield* host.evict
        yield* host.settled
        yield* world.tell(id, "signal", go)
        yield* assertOutput(host, W, id, "1")
        assert.strictEqual(runs, 1)
        yield* host.kill
      }
    }))

  it.effect("S6: a race of steps and waits is won by the same branch with the same value, however often it is replayed", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        const won = yield* race(
          Effect.as(Effect.sleep("2 hours"), 1),
          Effect.as(Effect.andThen(echo(log)("a"), Effect.sleep("1 hour")), 2),
          Effect.as(Signal.receive(Go), 3)
        )
        const again = yield* race(Effect.succeed(4))
        yield* Signal.receive(Go)
        return [won, again]
      }))
      let host = yield* world.start(layer)
      const id = yield* begin(host, W)
      for (let hour = 0; hour < 3; hour++) {
        yield* pass(host, "1 hour")
        host = yield* world.restart(host, layer)
        yield* host.settled
      }
      yield* world.tell(id, "signal", go)
      yield* assertOutput(host, W, id, [2, 2])
      assert.deepStrictEqual(log.entries, ["echo a"])
    }))

  it.effect("S9: branches that asked for something and now give another value are a difference, and never the new value", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      let plus = 0
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        const won = yield* race(Effect.as(echo(log)("a"), 1).pipe(Effect.map((one) => one + plus)))
        yield* Signal.receive(Go)
        return yield* echo(log)(`${won}`)
      }))
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      plus = 1
      const second = yield* world.restart(first, layer)
      yield* second.settled
      const [wait] = yield* world.waits(id)
      assert.deepInclude(wait, { reason: "diverged", key: "raceAll/race" })
      assert.match(
        wait!.detail!,
        /entry \d+ recorded .*1.* as the outcome of "raceAll\/race", and the code comes to .*2/
      )
      plus = 0
      const third = yield* world.restart(second, layer)
      yield* third.settled
      yield* world.tell(id, "signal", go)
      yield* assertOutput(third, W, id, "1")
    }).pipe(Effect.provide(Logger.layer([]))))

  it.effect("S9: a branch that now fails otherwise is a difference too", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      let what = "this"
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        const failing = Effect.andThen(echo(log)("a"), Effect.suspend(() => Effect.die(new Error(what))))
        yield* Effect.exit(race(failing))
        yield* Signal.receive(Go)
        return "end"
      }))
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      what = "that"
      const second = yield* world.restart(first, layer)
      yield* second.settled
      const [wait] = yield* world.waits(id)
      assert.deepInclude(wait, { reason: "diverged", key: "raceAll/race" })
      what = "this"
      const third = yield* world.restart(second, layer)
      yield* third.settled
      yield* world.tell(id, "signal", go)
      yield* assertOutput(third, W, id, "end")
    }).pipe(Effect.provide(Logger.layer([]))))

  it.effect("S6: code that looks at a deferred of its own sees it completed where it did, and not before", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const seen: Array<string> = []
      const look = Effect.flatMap(
        WorkflowEngine.WorkflowEngine,
        (engine) => engine.deferredResult(Box as unknown as DurableDeferred.DurableDeferred<typeof Schema.Int>)
      )
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        const before = yield* look
        yield* complete(Exit.succeed(1))
        const after = yield* look
        seen.push(`${before._tag} ${after._tag}`)
        yield* Signal.receive(Go)
      }))
      const host = yield* world.start(layer)
      const id = yield* begin(host, W)
      yield* host.evict
      yield* world.tell(id, "signal", go)
      assert.strictEqual((yield* world.run(id)).status, "completed")
      assert.deepStrictEqual(seen, ["None Some", "None Some"])
    }))
})

describe("clocks", () => {
  const nap = DurableClock.sleep({ name: "nap", duration: "2 hours", inMemoryThreshold: 0 })

  it.effect("S4, S6: a clock that is asked for twice is one timer, and ends when it was due from the first, also after a crash", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const other = DurableClock.sleep({ name: "other", duration: "3 hours", inMemoryThreshold: 0 })
      const layer = W.toLayer(() => Effect.as(Effect.all([nap, nap, other], { concurrency: 3 }), "rested"))
      let host = yield* world.start(layer)
      const id = yield* begin(host, W)
      const timers = Effect.map(
        world.journal(id),
        (entries) => entries.flatMap((entry) => entry._tag === "TimerSet" ? [`${entry.timer} ${entry.label}`] : [])
      )
      for (let hour = 0; hour < 3; hour++) {
        assert.deepStrictEqual(yield* timers, ["1 DurableClock/nap", "2 DurableClock/other"])
        yield* pass(host, "1 hour")
        host = yield* world.restart(host, layer)
        yield* host.settled
      }
      yield* assertOutput(host, W, id, "rested")
    }))
})
