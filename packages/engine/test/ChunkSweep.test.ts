import { assert, describe, it } from "@effect/vitest"
import * as Position from "@fermata/core/Position"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Deferred, Effect, Fiber, Layer, Logger, Schedule, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import { WorkflowEngine } from "effect/workflow"
import * as Chunks from "../src/Chunks.ts"
import * as ChunkSweep from "../src/ChunkSweep.ts"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import { begin, define, pass } from "./support/Program.ts"

const W = define("W")
const Go = Signal.make("go")
const quiet = Effect.provide(Logger.layer([]))

/** Says its attempt's name three times, then does as it is told. */
const speaker = (name: string, end: (context: Step.StepContext) => Effect.Effect<void, string>) =>
  Step.make(name, {
    error: Schema.String,
    onCrash: "rerun",
    retry: Schedule.recurs(1),
    run: Effect.fnUntraced(function*(_, context) {
      const { executionId } = yield* WorkflowEngine.WorkflowInstance
      const { write } = yield* (yield* Chunks.Chunks).writer(executionId, context.entry)
      for (let n = 0; n < 3; n++) yield* write(`${name} ${context.attempt} ${context.recovery} ${n}`)
      yield* end(context)
    })
  })

const shown = (chunks: ReadonlyArray<Chunks.Chunk>) =>
  chunks.map(({ position, value }) => `${Position.print(position)} ${String(value)}`)

/** A world whose hosts keep chunks in one store. */
const worldOf = Effect.fnUntraced(function*(backend: Chunks.ChunkBackend) {
  const world = yield* CrashHost.make
  const chunks = yield* Chunks.Chunks.make(backend)
  const serve = (workflows: Layer.Layer<never, never, CrashHost.Services | Chunks.Chunks>) =>
    Layer.mergeAll(workflows, ChunkSweep.layer).pipe(Layer.provide(Chunks.Chunks.layer(backend)))
  return { world, chunks, serve }
})

describe("what steps said", () => {
  it.effect("is there while they work, and dropped once their outcome is in the journal", () =>
    Effect.gen(function*() {
      const backend = Chunks.Chunks.makeMemory()
      const { chunks, serve, world } = yield* worldOf(backend)
      const gate = Deferred.makeUnsafe<void>()
      const one = speaker("one", () => Deferred.await(gate))
      const two = speaker("two", () => Effect.never)
      const host = yield* world.start(
        serve(W.toLayer(() => Effect.orDie(Effect.all([one(), two()], { concurrency: 2 }))))
      )
      const id = yield* begin(host, W)
      yield* pass(host, "1 second")
      assert.strictEqual((yield* chunks.read(id)).length, 6)
      Deferred.doneUnsafe(gate, Effect.void)
      yield* host.settled
      const left = yield* chunks.read(id)
      assert.deepStrictEqual(left.map(({ value }) => value), ["two 1 0 0", "two 1 0 1", "two 1 0 2"])
    }))

  it.effect("is dropped with the run, however that ends", () =>
    Effect.gen(function*() {
      const backend = Chunks.Chunks.makeMemory()
      const { serve, world } = yield* worldOf(backend)
      const host = yield* world.start(
        serve(W.toLayer(() => Effect.orDie(speaker("one", () => Effect.never)())))
      )
      const id = yield* begin(host, W)
      yield* pass(host, "1 second")
      assert.deepStrictEqual(yield* backend.runs("", 10), [id])
      yield* world.tell(id, "cancel", { kind: "cancel", by: "ada", reason: "enough" })
      yield* host.settled
      assert.strictEqual((yield* world.run(id)).status, "cancelled")
      assert.deepStrictEqual(yield* backend.runs("", 10), [])
    }))

  it.effect("a reader sees both attempts of a step, each under its own entry, once and in order, and goes on from anywhere", () =>
    Effect.gen(function*() {
      const backend = Chunks.Chunks.makeMemory()
      const { chunks, serve, world } = yield* worldOf(backend)
      const gate = Deferred.makeUnsafe<void>()
      const step = speaker(
        "work",
        ({ attempt }) => attempt === 1 ? Effect.delay(Effect.fail("again"), "1 second") : Deferred.await(gate)
      )
      const host = yield* world.start(serve(W.toLayer(() => Effect.orDie(step()))))
      // Ids follow from the payload, so a reader may be there before the run.
      const id = yield* host.use(W.executionId({ id: "1" }))
      const reader = yield* Effect.forkScoped(Stream.runCollect(Stream.take(chunks.follow(id), 6)))
      yield* TestClock.adjust("1 millis")
      yield* begin(host, W)
      yield* pass(host, "1 second")
      yield* pass(host, "1 second")
      const requests = (yield* world.journal(id)).filter(({ _tag }) => _tag === "StepRequested").map(({ seq }) => seq)
      assert.lengthOf(requests, 2)
      const all = requests.flatMap((seq, index) => [0, 1, 2].map((n) => `${seq}.${n} work ${index + 1} 0 ${n}`))
      const seen = yield* Fiber.join(reader)
      assert.deepStrictEqual(shown(seen), all)
      // The first attempt has failed, and is dropped.
      for (const [index, { position }] of seen.entries()) {
        assert.deepStrictEqual(shown(yield* chunks.read(id, position)), all.slice(Math.max(3, index + 1)))
      }
      Deferred.doneUnsafe(gate, Effect.void)
    }).pipe(quiet))

  it.effect("what a crash left behind is dropped when the step is requested again, also by a process that never wrote it", () =>
    Effect.gen(function*() {
      const backend = Chunks.Chunks.makeMemory()
      const { chunks, serve, world } = yield* worldOf(backend)
      const layer = serve(W.toLayer(() => Effect.orDie(speaker("work", () => Effect.never)())))
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      yield* pass(first, "1 second")
      const before = yield* chunks.read(id)
      assert.deepStrictEqual(before.map(({ value }) => value), ["work 1 0 0", "work 1 0 1", "work 1 0 2"])
      const second = yield* world.restart(first, layer)
      yield* pass(second, "1 second")
      yield* world.adjustHost(ChunkSweep.beatMs)
      const after = yield* chunks.read(id, before.at(-1)!.position)
      assert.deepStrictEqual(after.map(({ value }) => value), ["work 1 1 0", "work 1 1 1", "work 1 1 2"])
      assert.deepStrictEqual(shown(yield* chunks.read(id)), shown(after))
    }).pipe(quiet))

  it.effect("is dropped when its step has failed for good, and the run goes on", () =>
    Effect.gen(function*() {
      const backend = Chunks.Chunks.makeMemory()
      const { serve, world } = yield* worldOf(backend)
      const fails = speaker("fails", () => Effect.fail("no"))
      const host = yield* world.start(
        serve(W.toLayer(() => Effect.andThen(Effect.ignore(fails()), Signal.receive(Go))))
      )
      const id = yield* begin(host, W)
      yield* pass(host, "1 second")
      assert.deepStrictEqual(yield* backend.runs("", 10), [])
      assert.strictEqual((yield* world.run(id)).status, "suspended")
    }).pipe(quiet))

  it.effect("a sweep comes to all runs, however many have something to keep", () =>
    Effect.gen(function*() {
      const backend = Chunks.Chunks.makeMemory()
      const { chunks, serve, world } = yield* worldOf(backend)
      const host = yield* world.start(serve(W.toLayer(() => Signal.receive(Go))))
      const ids = Array.from({ length: ChunkSweep.mostRuns + 1 }, (_, n) => `${n}`)
      for (const id of ids) yield* chunks.append(yield* begin(host, W, id), 1_000, ["yet to come"])
      // Its name is behind those of all runs.
      yield* chunks.append("~", 1, ["gone"])
      for (let beat = 0; beat < 2; beat++) yield* world.adjustHost(ChunkSweep.beatMs)
      assert.strictEqual((yield* backend.runs("", 1_000)).length, ids.length)
    }))

  it.effect("a sweep drops what no run needs, and nothing else", () =>
    Effect.gen(function*() {
      const backend = Chunks.Chunks.makeMemory()
      const { chunks, serve, world } = yield* worldOf(backend)
      const host = yield* world.start(serve(W.toLayer(Effect.fnUntraced(function*() {
        yield* Effect.orDie(speaker("quick", () => Effect.void)())
        yield* Signal.receive(Go)
      }))))
      const id = yield* begin(host, W)
      const request = (yield* world.journal(id)).find(({ _tag }) => _tag === "StepRequested")
      // Of another process, which died: under a request with an outcome, one that is no request, and one that is yet to come.
      yield* chunks.append(id, request!.seq, ["over"])
      yield* chunks.append(id, 0, ["never"])
      yield* chunks.append(id, 1_000, ["yet to come"])
      for (let n = 0; n < 250; n++) yield* chunks.append(`gone ${n}`, 1, ["gone"])
      for (let beat = 0; beat < 3; beat++) yield* world.adjustHost(ChunkSweep.beatMs)
      assert.deepStrictEqual(yield* backend.runs("", 1_000), [id])
      assert.deepStrictEqual(yield* backend.entries(id), [1_000])
      yield* world.tell(id, "signal", { name: "go", payload: null })
      yield* host.settled
      yield* world.adjustHost(ChunkSweep.beatMs)
      assert.deepStrictEqual(yield* backend.runs("", 10), [])
    }))
})
