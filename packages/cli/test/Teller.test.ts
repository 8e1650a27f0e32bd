/** What a worker and `run` tell of runs that wait: each wait once, however often the run is let go and taken up again. */
import { assert, describe, it } from "@effect/vitest"
import * as RunView from "@fermata/core/RunView"
import { Engine, Signal, Step } from "@fermata/engine"
import type { Committed } from "@fermata/engine/Extension"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Effect, Schema, Stream } from "effect"
import { Workflow } from "effect/workflow"
import { Teller } from "../src/Teller.ts"
import { Watch } from "../src/Watch.ts"

const Go = Signal.make("go")
const W = Workflow.make("W", { payload: { id: Schema.String }, idempotencyKey: ({ id }) => id })
const step = Step.make("step", { onCrash: "rerun", run: () => Effect.void })
const layer = W.toLayer(() =>
  Effect.gen(function*() {
    yield* Signal.receive(Go)
    yield* step()
    yield* Signal.receive(Go)
  })
)

/** What a worker tells from now on. */
const listen = Effect.fnUntraced(function*(host: CrashHost.Host, teller: Teller) {
  const told: Array<string> = []
  const take = (committed: Committed) =>
    Effect.sync(() => void told.push(...teller.take(committed).map(({ text }) => text)))
  yield* host.use(
    Effect.flatMap(
      Engine.Engine,
      ({ committed }) => Effect.forkScoped(Stream.runForEach(committed, take), { startImmediately: true })
    )
  )
  return told
})

describe("a worker", () => {
  it.effect("tells a suspension once, although the run is evicted and taken up again, and the next one although it reads the same", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* world.start(layer)
      const told = yield* listen(host, new Teller(() => 0))
      const id = yield* host.use(W.execute({ id: "1" }, { discard: true }))
      yield* host.settled
      assert.deepStrictEqual(told.splice(0), ["begins", `waits for signal "go"`])
      yield* host.evict
      yield* host.settled
      // Both are there when it is taken up, so it asks for its step and must not start it.
      const go = world.tell(id, "signal", { name: "go", payload: null })
      yield* Effect.all([go, world.tell(id, "pause", { by: "ada" })], { concurrency: "unbounded" })
      const paused = "waits for an operator, who may resume it: paused by an operator"
      assert.deepStrictEqual(told.splice(0), ["goes on", paused])
      const suspensions = world.journal(id).pipe(
        Effect.map((entries) => entries.filter(({ _tag }) => _tag === "RunSuspended").length)
      )
      const before = yield* suspensions
      for (const more of [["goes on"], []]) {
        yield* host.evict
        yield* host.settled
        assert.strictEqual(yield* host.awake, 0)
        yield* world.tell(id, "pause", { by: "ada" })
        assert.deepStrictEqual(told.splice(0), more)
      }
      assert.isAbove(yield* suspensions, before, "the journal says it again")
      yield* world.tell(id, "resume", { by: "ada" })
      assert.deepStrictEqual(told.splice(0), ["goes on", `waits for signal "go"`])
      yield* go
      assert.deepStrictEqual(told.splice(0), ["completed"])
    }))

  it.effect("tells that a run waits again for what it had", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* world.start(layer)
      const told = yield* listen(host, new Teller(() => 0))
      const id = yield* host.use(W.execute({ id: "1" }, { discard: true }))
      yield* host.settled
      yield* world.tell(id, "signal", { name: "go", payload: null })
      assert.deepStrictEqual(told, ["begins", `waits for signal "go"`, `waits for signal "go"`])
    }))
})

describe("run", () => {
  it.effect("tells a wait once, and again when it has ended and comes back", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* world.start(layer)
      const id = yield* host.use(W.execute({ id: "1" }, { discard: true }))
      const told: Array<string> = []
      const watch = new Watch(0, (text) => void told.push(text.trim()))
      let from = 0
      const look = Effect.gen(function*() {
        yield* host.settled
        const journal = yield* world.journal(id)
        watch.take(journal.slice(from), RunView.of(id, journal), 0)
        from = journal.length
      })
      yield* look
      assert.deepStrictEqual(told.splice(0), [`… waits for signal "go"`])
      yield* host.evict
      yield* world.tell(id, "signal", { name: "other", payload: null })
      yield* look
      assert.deepStrictEqual(told.splice(0), ["✓ signal other"])
      yield* world.tell(id, "signal", { name: "go", payload: null })
      yield* look
      assert.include(told, `… waits for signal "go"`)
    }))
})
