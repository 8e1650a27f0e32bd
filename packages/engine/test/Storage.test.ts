import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import { Core } from "../src/internal/Core.ts"
import * as Signal from "../src/Signal.ts"
import * as CrashHost from "../src/testing/CrashHost.ts"
import { assertOutput, begin, define, echo, Log, stuck } from "./support/Program.ts"

const Go = Signal.make("go")
const W = define("W")
const quiet = Logger.layer([])

describe("a store that fails", () => {
  for (const when of ["before", "after"] as const) {
    it.effect(`S1, S4: costs nothing acknowledged when a commit fails ${when} it is stored`, () =>
      Effect.gen(function*() {
        for (let write = 1; write <= 5; write++) {
          const world = yield* CrashHost.make
          const log = new Log()
          const host = yield* world.start(W.toLayer(Effect.fnUntraced(function*() {
            const a = yield* echo(log, "a")("x")
            yield* Signal.receive(Go)
            return [a, yield* echo(log, "b")("y"), yield* echo(log, "c")("z")]
          })))
          const id = yield* begin(host, W)
          host.failWrites(1, when)
          yield* world.tell(id, "signal", { name: "go", payload: null })
          for (let more = 1; more < write; more++) {
            host.failWrites(1, when)
            yield* host.settled
          }
          yield* world.adjustHost(1_000)
          yield* assertOutput(host, W, id, ["x", "y", "z"])
          assert.strictEqual(log.count("a x"), 1)
        }
      }).pipe(Effect.provide(quiet)))
  }

  it.effect("S3: is an error of those who start and signal meanwhile", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* world.start(W.toLayer(() => Signal.receive(Go)))
      const id = yield* begin(host, W)
      host.failWrites(1)
      const signal = Signal.send(Go, { runId: id, payload: undefined })
      assert.strictEqual((yield* Effect.flip(host.use(signal)))._tag, "StorageFailed")
      assert.isEmpty(yield* world.inbox(id))
      host.failWrites(1)
      const start = Effect.flatMap(Core, (core) =>
        core.start({
          id: "other",
          workflow: "W",
          version: "1",
          kind: "program",
          definition: null,
          root: "other",
          parent: null,
          listener: null,
          payload: { id: "other" },
          subscriptions: []
        }))
      assert.strictEqual((yield* Effect.flip(host.use(start)))._tag, "StorageFailed")
      assert.isNull(yield* world.backend.run("other"))
      yield* world.adjustHost(1_000)
      assert.strictEqual(yield* host.use(signal), "accepted")
      yield* host.settled
      yield* assertOutput(host, W, id, null)
    }).pipe(Effect.provide(quiet)))

  it.effect("S2: does not have a step run twice at once, whatever begins while the store recovers", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const host = yield* world.start(W.toLayer(() => stuck(log, "pay", "ask")()))
      host.failWrites(2)
      yield* Effect.exit(begin(host, W, "lost"))
      const id = yield* begin(host, W, "kept")
      yield* world.adjustHost(1_000)
      yield* host.settled
      assert.include(yield* world.run(id), { status: "running", reason: null })
      assert.strictEqual(log.entries.length, 1)
    }).pipe(Effect.provide(quiet)))

  it.effect("S5: leaves this process alive in the eyes of others", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const layer = W.toLayer(() => stuck(log, "work", "ask")())
      const first = yield* world.start(layer)
      yield* world.adjustHost(2_000)
      yield* world.start(Layer.empty)
      first.failWrites(1)
      yield* Effect.exit(begin(first, W, "lost"))
      const id = yield* begin(first, W)
      const { epoch } = yield* world.run(id)
      // The beat of the second host, before the next of the first.
      yield* world.adjustHost(3_400)
      yield* world.adjustHost(5_000)
      assert.include(yield* world.run(id), { status: "running", epoch })
      assert.strictEqual(log.entries.length, 1)
    }).pipe(Effect.provide(quiet)))
})
