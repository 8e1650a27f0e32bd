import { assert, describe, it } from "@effect/vitest"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Fiber, Layer, Schema, Stream } from "effect"
import type { Backend } from "../src/Backend.ts"
import * as MemoryBackend from "../src/MemoryBackend.ts"
import * as Runs from "../src/Runs.ts"
import * as Signal from "../src/Signal.ts"
import { define } from "./support/Program.ts"

const Go = Signal.make("go", { schema: Schema.String })
const W = define("W")
const waitForGo = W.toLayer(() => Signal.receive(Go))

describe("RunWatch", () => {
  it.effect("a follower does not end when the owner takes an answer between two of its looks", () =>
    Effect.gen(function*() {
      const store = MemoryBackend.makeStore()
      const worker = yield* Layer.build(Layer.provideMerge(waitForGo, TestHost.layerOf(MemoryBackend.make(store))))
      const settled = Effect.provide(Effect.flatMap(TestHost, (host) => host.settled), worker)
      const id = yield* Effect.provide(W.execute({ id: "1" }, { discard: true }), worker)
      yield* settled
      const backend = MemoryBackend.make(store)
      const send = Effect.andThen(Effect.provide(Signal.send(Go, { runId: id, payload: "x" }), worker), settled)
      let sent = false
      const slow: Backend = {
        ...backend,
        inbox: (run) =>
          Effect.suspend(() => {
            const before = sent ? Effect.void : Effect.orDie(send)
            sent = true
            return Effect.andThen(before, backend.inbox(run))
          })
      }
      const watcher = yield* Effect.provide(
        Effect.all({ host: TestHost, runs: Effect.provide(Runs.Runs, Runs.Runs.layer) }),
        yield* Layer.build(TestHost.layerOf(slow, { worker: false }))
      )
      const follower = yield* Effect.forkChild(
        Stream.runCollect(watcher.runs.follow(id, { untilSuspended: true })),
        { startImmediately: true }
      )
      yield* watcher.host.adjustHost(100)
      yield* watcher.host.adjustHost(100)
      assert.strictEqual((yield* Fiber.join(follower)).at(-1)!.view.output, "x")
    }).pipe(Effect.scoped))
})
