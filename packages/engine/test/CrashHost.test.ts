import { assert, describe, it } from "@effect/vitest"
import { CrashHost } from "@fermata/testing"
import { Effect, Fiber, Layer, Logger } from "effect"
import { TestClock } from "effect/testing"
import { assertOutput, begin, define, echo, giveWay, Log, stuck, untilKilled } from "./support/Program.ts"

const Remind = define("remind")

describe("CrashHost", () => {
  it.effect("the reminder is sent once, although its process dies while it waits", () =>
    Effect.gen(function*() {
      const log = new Log()
      const RemindLayer = Remind.toLayer(({ id }) => Effect.andThen(Effect.sleep("14 days"), echo(log, "send")(id)))
      const world = yield* CrashHost.make
      const first = yield* world.start(RemindLayer)
      const runId = yield* first.use(Remind.execute({ id: "1" }, { discard: true }))
      yield* first.settled

      const second = yield* world.restart(first, RemindLayer)
      yield* TestClock.adjust("14 days")
      yield* second.settled

      assert.strictEqual((yield* world.run(runId)).status, "completed")
      assert.deepStrictEqual(log.entries, ["send 1"])
    }))

  it.effect("a killed host runs no finalizer, and its timers never fire", () =>
    Effect.gen(function*() {
      const log = new Log()
      const world = yield* CrashHost.make
      const host = yield* world.start(Layer.merge(
        Layer.effectDiscard(Effect.addFinalizer(() => log.add("layer closed"))),
        Remind.toLayer(() =>
          Effect.onExit(Effect.andThen(Effect.sleep("1 hour"), echo(log)("x")), () => log.add("exit"))
        )
      ))
      const id = yield* begin(host, Remind)
      const rows = yield* world.rows(id)
      yield* host.kill
      yield* TestClock.adjust("1 day")
      yield* world.adjustHost(60_000)
      yield* giveWay(50)
      assert.isTrue(host.killed())
      assert.isEmpty(log.entries)
      assert.deepStrictEqual(yield* world.rows(id), rows)
    }))

  it.effect("a write that it dies before is lost, and one that it dies after is there", () =>
    Effect.gen(function*() {
      for (const when of ["before", "after"] as const) {
        const world = yield* CrashHost.make
        const host = yield* world.start(Remind.toLayer(() => Effect.succeed("done")))
        host.killAt(1, when)
        yield* Effect.raceFirst(begin(host, Remind), untilKilled(host))
        assert.strictEqual(
          (yield* world.backend.run(yield* Remind.executionId({ id: "1" }))) !== null,
          when === "after"
        )
      }
    }))

  it.effect("a host may die while it starts, before it serves anything", () =>
    Effect.gen(function*() {
      const log = new Log()
      const layer = Remind.toLayer(() => stuck(log, "work", "rerun")())
      const world = yield* CrashHost.make
      const first = yield* world.start(layer)
      const id = yield* begin(first, Remind)
      const second = yield* world.restart(first, layer, { killAt: { count: 2, when: "before", which: "every" } })
      assert.isTrue(second.killed())
      const third = yield* world.restart(second, layer)
      assert.strictEqual((yield* world.run(id)).status, "running")
      assert.isFalse(third.killed())
    }).pipe(Effect.provide(Logger.layer([]))))

  it.effect("a frozen host writes nothing until it is thawed", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* world.start(Remind.toLayer(() => Effect.succeed("done")))
      host.freeze()
      const beginning = yield* Effect.forkChild(begin(host, Remind))
      yield* giveWay(100)
      const id = yield* Remind.executionId({ id: "1" })
      assert.isNull(yield* world.backend.run(id))
      yield* host.thaw
      yield* Fiber.join(beginning)
      yield* assertOutput(host, Remind, id, "done")
    }))
})
