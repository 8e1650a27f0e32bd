import { assert, describe, it } from "@effect/vitest"
import type { RunSpan } from "@fermata/core/RunSpan"
import * as TraceIds from "@fermata/core/TraceIds"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Effect, Layer, Option, Tracer } from "effect"
import * as CallerSpan from "../src/CallerSpan.ts"
import * as RunTraces from "../src/RunTraces.ts"
import * as Sampler from "../src/Sampler.ts"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import { begin, define, pass } from "./support/Program.ts"

const Go = Signal.make("go")
const Above = define("Above")
const Below = define("Below")

/** Steps, waits, a run below, and spans of the code's own in all of it. */
const work = Step.make("work", {
  onCrash: "rerun",
  run: () => Effect.withSpan(Effect.void, "in the step")
})
const programs = Layer.merge(
  Above.toLayer(Effect.fnUntraced(function*({ id }) {
    yield* Effect.withSpan(work(), "in the body")
    yield* Effect.withSpan(work(), "of its own", { root: true })
    yield* Effect.sleep("3 days")
    yield* Below.execute({ id })
    yield* Signal.receive(Go)
  })),
  Below.toLayer(() => work())
)

/** A collector of spans of runs and of code, and what each is told by. */
const collector = (sampler: Sampler.Sampler) => {
  const spans: Array<RunSpan> = []
  const made: Array<Tracer.Span> = []
  const tracer = Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      made.push(span)
      return span
    }
  })
  return {
    spans,
    made,
    layer: RunTraces.layer({
      send: (sent) => Effect.sync(() => void spans.push(...sent)),
      intervalMs: 0,
      sampler
    }),
    ambient: Layer.merge(Layer.succeed(Tracer.Tracer, tracer), Layer.succeed(Sampler.CurrentSampler, sampler))
  }
}

/** Lives these runs over three processes, and gives the traces that were told of, with the names of their spans. */
const live = (
  sampler: Sampler.Sampler,
  ids: ReadonlyArray<string>,
  caller?: TraceIds.Traceparent
) => {
  const { ambient, layer, made, spans } = collector(sampler)
  return Effect.gen(function*() {
    const world = yield* CrashHost.make
    const traced = Layer.merge(layer, programs)
    let host = yield* world.start(traced)
    // No span of the test's own asks for them.
    const asked = (id: string) => Effect.withTracerEnabled(begin(host, Above, id), false)
    const runs = yield* Effect.forEach(
      ids,
      (id) => caller === undefined ? asked(id) : CallerSpan.within(TraceIds.traceparent(caller))(asked(id))
    )
    yield* world.adjustHost(1)
    host = yield* world.restart(host, traced)
    yield* pass(host, "3 days")
    yield* Effect.forEach(runs, (run) => world.tell(run, "signal", { name: "go", payload: null }))
    host = yield* world.restart(host, traced)
    yield* host.settled
    yield* world.adjustHost(30_000)
    const children = (yield* world.backend.runs({ limit: 1_000 })).filter(({ parent }) => parent !== null)
    assert.lengthOf(children, runs.length)
    return { runs, spans, made, childOf: new Map(children.map(({ id, parent }) => [parent!, id])) }
  }).pipe(Effect.provide(ambient))
}

type Lived = Effect.Success<ReturnType<typeof live>>

/** Asserts that a run and the one below it are told of whole or not at all, by their journals and by their code; gives which. */
const isTold = ({ childOf, made, spans }: Lived, run: string): boolean => {
  const [own, below] = [run, childOf.get(run)!].map((id) => {
    const traceId = TraceIds.traceId(id)
    return {
      names: spans.filter((span) => span.traceId === traceId).map(({ name }) => name).toSorted(),
      code: new Set(made.filter((span) => span.traceId === traceId).map(({ sampled }) => sampled))
    }
  })
  const told = own!.names.length > 0
  assert.deepStrictEqual(
    own!.names,
    told ?
      [
        "invoke_workflow Above",
        "step work",
        "step work",
        "wait child",
        "wait signal",
        "wait timer",
        "wake 1",
        "wake 2",
        "wake 3",
        "wake 4"
      ] :
      []
  )
  assert.deepStrictEqual(below!.names, told ? ["invoke_workflow Below", "step work", "wake 1"] : [])
  assert.deepStrictEqual([...own!.code], [told])
  // A run has one root, whatever its code wants.
  for (const span of made.filter(({ name, traceId }) => name === "of its own" && traceId === TraceIds.traceId(run))) {
    assert.strictEqual(Option.getOrThrow(span.parent).spanId, TraceIds.spanId(run, "root"))
  }
  assert.deepStrictEqual([...below!.code], [told])
  return told
}

const ids = Array.from({ length: 24 }, (_, index) => `${index}`)

describe("Sampler", () => {
  it.effect("N-52: of a share of the runs all is told, over all processes and below, and of the others nothing; every process and every time it is the same ones", () =>
    Effect.gen(function*() {
      const half = yield* live({ parentBased: true, ratio: 0.5 }, ids)
      const told = half.runs.filter((run) => isTold(half, run))
      assert.isAtLeast(told.length, 4)
      assert.isAtMost(told.length, 20)
      const again = yield* live({ parentBased: true, ratio: 0.5 }, ids.toReversed())
      assert.deepStrictEqual(new Set(again.runs.filter((run) => isTold(again, run))), new Set(told))
      // Whoever is told of by a smaller share is told of by a larger one.
      const more = yield* live({ parentBased: true, ratio: 0.8 }, ids)
      const moreTold = more.runs.filter((run) => isTold(more, run))
      assert.includeMembers(moreTold, told)
      assert.isAbove(moreTold.length, told.length)
    }))

  it.effect("N-52: a run that a span has asked for is told where that span is, and so are the runs below it, whatever the share", () =>
    Effect.gen(function*() {
      const caller = { traceId: "4bf92f3577b34da6a3ce929d0e0e4736", spanId: "00f067aa0ba902b7" }
      for (const sampled of [true, false]) {
        for (const ratio of [0, 1]) {
          const lived = yield* live({ parentBased: true, ratio }, ["1"], { ...caller, sampled })
          assert.strictEqual(isTold(lived, lived.runs[0]!), sampled, `${sampled} at ${ratio}`)
          if (!sampled) continue
          const root = lived.spans.find(({ name }) => name === "invoke_workflow Above")
          assert.deepStrictEqual(root!.links, [{ ...caller, attributes: { "fermata.link": "caller" } }])
          const below = lived.spans.find(({ name }) => name === "invoke_workflow Below")
          assert.deepStrictEqual(below!.links.map(({ attributes }) => attributes["fermata.link"]), ["parent"])
        }
      }
      // Where ids alone decide, nobody above does.
      for (const [sampled, ratio] of [[false, 1], [true, 0]] as const) {
        const lived = yield* live({ parentBased: false, ratio }, ["1"], { ...caller, sampled })
        assert.strictEqual(isTold(lived, lived.runs[0]!), ratio === 1, `${sampled} at ${ratio}, by ids alone`)
      }
    }))

  it.effect("N-52: without a sampler every run is told of that nobody above has decided against", () =>
    Effect.gen(function*() {
      const lived = yield* live(Sampler.all, ids.slice(0, 4))
      for (const run of lived.runs) assert.isTrue(isTold(lived, run))
    }))

  it("takes the share that it is to take, by the low digits of ids as they are specified", () => {
    const traces = Array.from(
      { length: 4_096 },
      (_, index) =>
        TraceIds.traceId(`${TraceIds.spanId("run", "step", index)}${TraceIds.spanId("other", "step", index)}`)
    )
    for (const ratio of [0, 0.1, 0.5, 0.9, 1]) {
      const taken = traces.filter((trace) => Sampler.takesTrace({ parentBased: true, ratio }, trace)).length
      assert.approximately(taken / traces.length, ratio, 0.03)
    }
    // The threshold of the specification: the greatest ids are taken first.
    const quarter = { parentBased: true, ratio: 0.25 }
    assert.isTrue(Sampler.takesTrace(quarter, `${"0".repeat(18)}c0000000000000`))
    assert.isFalse(Sampler.takesTrace(quarter, `${"f".repeat(18)}bfffffffffffff`))
  })
})
