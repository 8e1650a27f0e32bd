import { assert, describe, it } from "@effect/vitest"
import type { RunSpan } from "@fermata/core/RunSpan"
import * as TraceIds from "@fermata/core/TraceIds"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Effect, Layer, Schema } from "effect"
import * as MemoryBackend from "../src/MemoryBackend.ts"
import * as RunTraces from "../src/RunTraces.ts"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import { assertOutput, begin, define, echo, Log, pass } from "./support/Program.ts"

const Go = Signal.make("go")
const W = define("W")

/** A collector in memory, and the layer that tells it. */
const collector = (options: Partial<RunTraces.Options> = {}) => {
  const spans: Array<RunSpan> = []
  const layer = RunTraces.layer({
    send: (sent) => Effect.sync(() => void spans.push(...sent)),
    intervalMs: 0,
    ...options
  })
  return { spans, layer, named: (name: string) => spans.filter((span) => span.name === name) }
}

/** What has to hold of every trace: one id, no span twice, every parent and link of it there, children inside their root. */
const assertWhole = (run: string, spans: ReadonlyArray<RunSpan>) => {
  const ids = new Set(spans.map(({ spanId }) => spanId))
  assert.strictEqual(ids.size, spans.length)
  assert.deepStrictEqual(new Set(spans.map(({ traceId }) => traceId)), new Set([TraceIds.traceId(run)]))
  const roots = spans.filter(({ parentId }) => parentId === undefined)
  assert.lengthOf(roots, 1)
  for (const { end, links, parentId, start } of spans) {
    assert.isTrue(parentId === undefined || ids.has(parentId))
    assert.isAtLeast(start, roots[0]!.start)
    assert.isAtMost(end, roots[0]!.end)
    for (const { spanId, traceId } of links) {
      if (traceId === TraceIds.traceId(run)) assert.isTrue(ids.has(spanId))
    }
  }
}

describe("RunTraces", () => {
  it.effect("a run that waited in one process, moved and was killed in a step is one trace, whole and without a span twice", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const { layer, named, spans } = collector()
      const hang = Step.make("hang", {
        success: Schema.String,
        onCrash: "rerun",
        run: (_, { recovery }) => recovery === 0 ? Effect.never : Effect.succeed("done")
      })
      const programs = W.toLayer(Effect.fnUntraced(function*() {
        yield* echo(log)("x")
        yield* Effect.sleep("3 days")
        yield* Signal.receive(Go)
        return yield* hang()
      }))
      const traced = Layer.merge(layer, programs)
      let host = yield* world.start(traced)
      const id = yield* begin(host, W)
      yield* world.adjustHost(1)
      host = yield* world.restart(host, traced)
      yield* pass(host, "3 days")
      yield* world.tell(id, "signal", { name: "go", payload: null })
      host = yield* world.restart(host, traced)
      yield* host.settled
      yield* assertOutput(host, W, id, "done")
      yield* world.adjustHost(30_000)
      assertWhole(id, spans)
      assert.deepStrictEqual(
        spans.map(({ attributes, name }) =>
          [name, ...["step", "wait", "wake"].flatMap((what) => attributes[`fermata.${what}.end`] ?? [])].join(" ")
        ),
        [
          "step echo completed",
          "wake 1 suspended",
          "wait timer came",
          "wake 2 suspended",
          "wait signal came",
          "wake 3 lost",
          "step hang lost",
          "step hang completed",
          "wake 4 completed",
          "invoke_workflow W"
        ]
      )
      assert.lengthOf(named("step hang"), 2)
    }))

  it.effect("a run that goes on is looked at once in a while, and not at each of its commits; what is committed while nobody looks is told", () =>
    Effect.gen(function*() {
      const stored = MemoryBackend.make(MemoryBackend.makeStore())
      let looks = 0
      const world = yield* CrashHost.makeOn({
        ...stored,
        changes: (position, limit) => Effect.suspend(() => (looks++, stored.changes(position, limit)))
      })
      const log = new Log()
      const { layer, named, spans } = collector({ intervalMs: 1_000 })
      const programs = W.toLayer(Effect.fnUntraced(function*({ id }) {
        for (let step = 0; step < 100; step++) yield* echo(log)(id)
      }))
      const host = yield* world.start(Layer.merge(layer, programs))
      yield* world.adjustHost(1_000)
      looks = 0
      for (const id of ["1", "2", "3"]) {
        const run = yield* begin(host, W, id)
        yield* world.adjustHost(1_000)
        assertWhole(run, spans.filter(({ traceId }) => traceId === TraceIds.traceId(run)))
      }
      assert.lengthOf(named("step echo"), 300)
      assert.isBelow(looks, 20)
    }))
})
