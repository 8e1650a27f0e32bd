import { assert, describe, it } from "@effect/vitest"
import { StorageFailed } from "@fermata/core/StorageFailed"
import { Chunks } from "@fermata/engine/Chunks"
import { Feed } from "@fermata/engine/Feed"
import { Runs } from "@fermata/engine/Runs"
import * as Signal from "@fermata/engine/Signal"
import * as Step from "@fermata/engine/Step"
import { TestHost } from "@fermata/testing/TestHost"
import { Effect, Latch, Layer, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import { Workflow } from "effect/workflow"
import * as AllStream from "../src/internal/AllStream.ts"
import { type Heard, listen } from "./support/Listening.ts"
import { Served } from "./support/Served.ts"

const Go = Signal.make("go")
const add = Step.make("add", {
  input: Schema.Int,
  success: Schema.Int,
  onCrash: "rerun",
  run: (n) => Effect.succeed(n + 1)
})
const Order = Workflow.make("order", {
  payload: { id: Schema.String },
  success: Schema.Int,
  idempotencyKey: ({ id }) => id
})

const Speaker = Workflow.make("speaker", { payload: { id: Schema.String }, idempotencyKey: ({ id }) => id })

/** Ends when its gate is open. */
const gates = [0, 1, 2].map(() => Latch.makeUnsafe())
const speak = Step.make("speak", {
  input: Schema.Int,
  onCrash: "rerun",
  run: (n) => gates[n]!.await
})

const app = Served.layer({ streams: { most: 3, mostOfCaller: 2 } }).pipe(
  Layer.provideMerge(Layer.mergeAll(Runs.layer, Feed.layer, Chunks.layerMemory)),
  Layer.provideMerge(Speaker.toLayer(() => Effect.forEach([0, 1, 2], (n) => speak(n), { discard: true }))),
  Layer.provideMerge(Order.toLayer(() => Effect.andThen(Signal.receive(Go), add(1)))),
  Layer.provideMerge(TestHost.layer)
)

const begin = (id: string) =>
  Effect.gen(function*() {
    const { runId } = yield* (yield* Runs).start("order", { id })
    yield* (yield* TestHost).settled
    return runId
  })
const stream = (path: string, headers?: Readonly<Record<string, string>>) =>
  Effect.flatMap(Served, ({ fetch }) => listen(fetch, `http://localhost/api${path}`, headers))
const brief = ({ comment, data, event, id }: Heard) =>
  comment !== undefined ? `:${comment}` : `${id ?? "-"} ${event ?? String(Reflect.get(data as object, "_tag"))}`

describe("the stream of a run", () => {
  it.effect("N-04, R-88: begins with a comment, tells each entry under its seq, and ends with the run", () =>
    Effect.gen(function*() {
      const runId = yield* begin("a")
      const listening = yield* stream(`/runs/${runId}/stream`)
      assert.strictEqual(listening.response.headers.get("content-type"), "text/event-stream; charset=utf-8")
      assert.strictEqual(listening.response.headers.get("cache-control"), "no-store, no-transform")
      assert.deepStrictEqual((yield* listening.take(4)).map(brief), [
        ":fermata 1",
        "0 RunRequested",
        "1 RunStarted",
        "2 RunSuspended"
      ])
      yield* (yield* Runs).signal(runId, "go", undefined)
      assert.deepStrictEqual((yield* listening.rest).map(brief), [
        "3 SignalReceived",
        "4 StepRequested",
        "5 StepCompleted",
        "6 RunCompleted",
        "- end"
      ])
    }).pipe(Effect.provide(app)))

  it.effect("N-04: goes on behind the place that its client has, also when all is told already", () =>
    Effect.gen(function*() {
      const runId = yield* begin("b")
      const again = yield* stream(`/runs/${runId}/stream?after=0`, { "last-event-id": "1" })
      assert.deepStrictEqual((yield* again.take(2)).map(brief), [":fermata 1", "2 RunSuspended"])
      const now = yield* stream(`/runs/${runId}/stream?after=now`)
      yield* (yield* Runs).signal(runId, "go", undefined)
      assert.deepStrictEqual((yield* again.rest).map(brief).at(-1), "- end")
      assert.strictEqual((yield* now.rest).map(brief)[1], "3 SignalReceived")
      const late = yield* stream(`/runs/${runId}/stream`, { "last-event-id": "6" })
      assert.deepStrictEqual((yield* late.rest).map(brief), [":fermata 1", "- end"])
    }).pipe(Effect.provide(app)))

  it.effect("says a word every 15 s while nothing happens", () =>
    Effect.gen(function*() {
      const runId = yield* begin("c")
      const listening = yield* stream(`/runs/${runId}/stream?after=now`)
      yield* listening.take(1)
      for (const _ of [1, 2]) {
        yield* TestClock.adjust("15 seconds")
        assert.deepStrictEqual((yield* listening.take(1)).map(brief), [":"])
      }
    }).pipe(Effect.provide(app)))

  it.effect("is refused as a problem where there is no run, no such place, or no room for one more", () =>
    Effect.gen(function*() {
      const { ask } = yield* Served
      const runId = yield* begin("d")
      assert.strictEqual((yield* ask("GET /api/runs/nowhere/stream")).at("error._tag"), "RunNotFound")
      const odd = yield* ask(`GET /api/runs/${runId}/stream?after=soon`)
      assert.deepStrictEqual([odd.status, odd.at("error.issues.0.path")], [400, "query.after"])
      const first = yield* stream(`/runs/${runId}/stream`)
      yield* stream("/stream")
      const many = yield* ask(`GET /api/runs/${runId}/stream`)
      assert.deepStrictEqual([many.status, many.headers.get("retry-after"), many.at("detail")], [
        429,
        "5",
        "ada has 2 streams open, which is the most; ask again in 5 s"
      ])
      yield* first.leave
      // Its place is free once the server has noticed.
      yield* Effect.repeat(stream(`/runs/${runId}/stream`), { until: ({ response }) => response.status === 200 })
    }).pipe(Effect.provide(app)))

  it.effect("of a place behind the end of its journal, as after a restore, says so and begins anew", () =>
    Effect.gen(function*() {
      const runId = yield* begin("g")
      const lost = yield* stream(`/runs/${runId}/stream`, { "last-event-id": "40" })
      assert.deepStrictEqual((yield* lost.take(3)).map(brief), [":fermata 1", "- reset", "0 RunRequested"])
    }).pipe(Effect.provide(app)))

  it.effect("takes no place of its caller where only its headers are asked for", () =>
    Effect.gen(function*() {
      const { ask } = yield* Served
      const runId = yield* begin("h")
      for (const path of ["stream", `runs/${runId}/stream`, `runs/${runId}/tokens`]) {
        assert.strictEqual((yield* ask(`HEAD /api/${path}`)).status, 200)
      }
      const listening = yield* stream(`/runs/${runId}/stream`)
      assert.strictEqual(listening.response.status, 200)
    }).pipe(Effect.provide(app)))
})

describe("the stream of what steps say", () => {
  it.effect("N-04: tells each value under a place from which another client goes on, and ends with the run", () =>
    Effect.gen(function*() {
      const chunks = yield* Chunks
      const runs = yield* Runs
      const host = yield* TestHost
      const { runId } = yield* runs.start("speaker", { id: "a" })
      const listening = yield* stream(`/runs/${runId}/tokens`)
      yield* listening.take(1)
      for (const [n, gate] of gates.entries()) {
        yield* host.settled
        const entry = (yield* runs.journal(runId)).findLast(({ _tag }) => _tag === "StepRequested")!.seq
        yield* chunks.append(runId, entry, [`${n} a`, `${n} b`])
        const [one, two] = yield* listening.take(2)
        assert.deepStrictEqual([one!.data, two!.data], [
          { entry, chunk: 0, value: `${n} a` },
          { entry, chunk: 1, value: `${n} b` }
        ])
        // However many steps have spoken, the place says nothing of those that have ended.
        assert.strictEqual(two!.id, `${entry}.1`)
        const elsewhere = yield* stream(`/runs/${runId}/tokens`, { "last-event-id": one!.id! })
        assert.deepStrictEqual((yield* elsewhere.take(2))[1], two)
        yield* elsewhere.leave
        yield* gate.open
      }
      assert.deepStrictEqual((yield* listening.rest).map(({ event }) => event), ["end"])
    }).pipe(Effect.provide(app)))
})

describe("the stream of all runs", () => {
  it.effect("goes on where the store failed once, for those who come again", () =>
    Effect.gen(function*() {
      const feed = yield* Feed
      const runs = yield* Runs
      let fails = true
      const all = AllStream.make({
        feed,
        runs: {
          ...runs,
          find: (run) =>
            Effect.suspend(() => {
              if (!fails) return runs.find(run)
              fails = false
              return new StorageFailed({ operation: "read a run", problem: "busy" })
            })
        }
      })
      const { position } = feed
      const from = yield* position
      // Somebody listens all the time, so that what was read is kept.
      yield* Effect.forkChild(Stream.runDrain(feed.follow()), { startImmediately: true })
      yield* begin("i")
      const told = Stream.runCollect(Stream.take(all(from, {}, () => {}), 1))
      assert.strictEqual((yield* Effect.exit(told))._tag, "Failure")
      assert.strictEqual((yield* Effect.exit(told))._tag, "Success")
    }).pipe(Effect.provide(app)))

  it.effect("N-25: tells each commit with its position, from which another client goes on", () =>
    Effect.gen(function*() {
      const listening = yield* stream("/stream")
      yield* listening.take(1)
      const runId = yield* begin("e")
      const [first, second] = yield* listening.take(2)
      assert.deepInclude(first!.data as object, { entries: [0, 0], events: ["engine.run.requested"] })
      assert.strictEqual(Reflect.get(first!.data as object, "position"), first!.id)
      const elsewhere = yield* stream("/stream?workflow=order&events=engine.run.completed", {
        "last-event-id": second!.id!
      })
      yield* (yield* Runs).signal(runId, "go", undefined)
      const [, end] = yield* elsewhere.take(2)
      assert.deepInclude(end!.data as object, { events: ["engine.step.completed", "engine.run.completed"] })
      assert.strictEqual((Reflect.get(end!.data as object, "run") as { readonly id: string }).id, runId)
    }).pipe(Effect.provide(app)))

  it.effect("tells its place every 15 s, and a place of another store as a reset", () =>
    Effect.gen(function*() {
      const listening = yield* stream("/stream?workflow=other")
      yield* listening.take(1)
      yield* begin("f")
      yield* TestClock.adjust("15 seconds")
      const [place] = yield* listening.take(1)
      assert.strictEqual(place!.event, "position")
      const lost = yield* stream("/stream?after=elsewhere-00000000000001")
      const [, reset] = yield* lost.take(2)
      assert.deepStrictEqual([reset!.event, reset!.data], ["reset", { from: place!.id }])
    }).pipe(Effect.provide(app)))
})
