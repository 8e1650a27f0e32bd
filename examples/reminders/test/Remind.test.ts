import { assert, describe, it } from "@effect/vitest"
import { Engine } from "@fermata/engine/Engine"
import * as Signal from "@fermata/engine/Signal"
import * as CrashExplorer from "@fermata/testing/CrashExplorer"
import { TestHost } from "@fermata/testing/TestHost"
import { Clock, Effect, Exit, Layer, Option } from "effect"
import { TestClock } from "effect/testing"
import { Done, Mail, Remind, RemindLayer } from "../src/Remind.ts"

const sent: Array<string> = []
const Outbox = Layer.sync(Mail, () => {
  sent.length = 0
  return { send: (to, text) => Effect.sync(() => void sent.push(`${to}: ${text}`)) }
})
const app = RemindLayer.pipe(Layer.provide(Outbox), Layer.provideMerge(TestHost.layer))

const start = Effect.tap(
  Remind.execute({ task: "water the fern", to: "ada" }, { discard: true }),
  () => TestHost.use(({ settled }) => settled)
)

const pass = (time: "1 day" | "3 days" | "14 days" | "30 days") =>
  Effect.andThen(TestClock.adjust(time), TestHost.use(({ settled }) => settled))

const exitOf = (executionId: string) =>
  Effect.map(
    Remind.poll(executionId),
    (result) => Option.isSome(result) && result.value._tag === "Complete" ? result.value.exit : undefined
  )

describe("remind", () => {
  it.effect("reminds every day for 14 days, in one step of the clock", () =>
    Effect.gen(function*() {
      const run = yield* start
      assert.deepStrictEqual(sent, ["ada: reminder 1: water the fern"])
      yield* pass("14 days")
      assert.deepStrictEqual(yield* exitOf(run), Exit.succeed({ doneBy: null, reminders: 14 }))
      assert.lengthOf(sent, 14)
      yield* pass("30 days")
      assert.lengthOf(sent, 14)
    }).pipe(Effect.provide(app)))

  it.effect("stops as soon as the task is done", () =>
    Effect.gen(function*() {
      const run = yield* start
      yield* pass("3 days")
      assert.lengthOf(sent, 4)
      yield* Signal.send(Done, { runId: run, payload: { by: "grace" } })
      yield* TestHost.use(({ settled }) => settled)
      assert.deepStrictEqual(yield* exitOf(run), Exit.succeed({ doneBy: "grace", reminders: 4 }))
      yield* pass("30 days")
      assert.lengthOf(sent, 4)
    }).pipe(Effect.provide(app)))

  it.effect("S6: a signal that is sent twice under one id counts once", () =>
    Effect.gen(function*() {
      const run = yield* start
      const signal = { runId: run, payload: { by: "grace" }, id: "click-1" }
      assert.strictEqual(yield* Signal.send(Done, signal), "accepted")
      assert.strictEqual(yield* Signal.send(Done, signal), "duplicate")
      yield* TestHost.use(({ settled }) => settled)
      assert.deepStrictEqual(yield* exitOf(run), Exit.succeed({ doneBy: "grace", reminders: 1 }))
    }).pipe(Effect.provide(app)))

  it.effect("counts on where it was after it was out of memory", () =>
    Effect.gen(function*() {
      const run = yield* start
      const { evict } = yield* Engine
      yield* pass("3 days")
      yield* evict
      yield* TestHost.use(({ settled }) => settled)
      assert.strictEqual(yield* Engine.use(({ awake }) => awake), 0)
      yield* pass("1 day")
      assert.lengthOf(sent, 5)
      assert.strictEqual(sent[4], "ada: reminder 5: water the fern")
      yield* Signal.send(Done, { runId: run, payload: { by: "ada" } })
      yield* TestHost.use(({ settled }) => settled)
      assert.deepStrictEqual(yield* exitOf(run), Exit.succeed({ doneBy: "ada", reminders: 5 }))
    }).pipe(Effect.provide(app)))

  it.effect("S4, S6: a crash at any write changes neither the winner nor the number of reminders", () =>
    Effect.gen(function*() {
      const { crashes, writes } = yield* CrashExplorer.explore({
        workflows: RemindLayer.pipe(Layer.provide(Outbox)),
        drive: (host, world) =>
          host.use(Effect.gen(function*() {
            const run = yield* Remind.execute({ task: "water the fern", to: "ada" }, { discard: true })
            yield* host.settled
            const { createdAt } = yield* world.run(run)
            for (const day of [1, 2, 3]) {
              const now = yield* Clock.currentTimeMillis
              yield* TestClock.adjust(Math.max(0, createdAt + day * 86_400_000 - now))
              yield* host.settled
            }
            yield* Effect.exit(Signal.send(Done, { runId: run, payload: { by: "ada" }, id: "click-1" }))
            yield* host.settled
          }))
      })
      assert.isAbove(writes, 8)
      assert.strictEqual(crashes, 2 * writes)
    }))
})
