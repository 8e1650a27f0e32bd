import { assert, describe, it } from "@effect/vitest"
import * as TraceIds from "@fermata/core/TraceIds"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Cause, ConfigProvider, Deferred, Effect, Exit, Fiber, Layer, Schema, Tracer } from "effect"
import { FetchHttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import * as Otlp from "../src/Otlp.ts"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import { assertOutput, begin, define } from "./support/Program.ts"

type Value = { readonly stringValue?: string; readonly intValue?: number; readonly boolValue?: boolean }
interface Attributed {
  readonly attributes: ReadonlyArray<{ readonly key: string; readonly value: Value }>
}
interface Span extends Attributed {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
}
interface Line extends Attributed {
  readonly traceId?: string
  readonly spanId?: string
  readonly flags?: number
  readonly severityNumber: number
  readonly severityText: string
  readonly body: Value
}

/** A collector that is asked by no network, and the environment that names it. */
const collector = (
  environment: Readonly<Record<string, string>> = {},
  answer: () => Promise<Response> = () => Promise.resolve(new Response("{}"))
) => {
  const asked: Array<{ readonly url: string; readonly text: string }> = []
  const fetch = ((url: URL | string, init: { readonly body: Uint8Array }) => {
    asked.push({ url: url.toString(), text: new TextDecoder().decode(init.body) })
    return answer()
  }) as unknown as typeof globalThis.fetch
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector.test:4318",
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
    ...environment
  }
  const surroundings = Layer.merge(
    ConfigProvider.layer(ConfigProvider.fromEnv({ env })),
    Layer.succeed(FetchHttpClient.Fetch, fetch)
  )
  const told = <A>(signal: string, what: string): ReadonlyArray<A> =>
    asked.filter(({ url }) => url.endsWith(`/v1/${signal}`)).flatMap(({ text }) =>
      Object.values(
        JSON.parse(text) as Record<string, ReadonlyArray<Record<string, ReadonlyArray<Record<string, unknown>>>>>
      )[0]!
        .flatMap((resource) =>
          Object.entries(resource).flatMap(([name, scopes]) =>
            name === "resource" ? [] : scopes.flatMap((scope) => scope[what] as ReadonlyArray<A>)
          )
        )
    )
  return {
    asked,
    spans: () => told<Span>("traces", "spans"),
    lines: () => told<Line>("logs", "logRecords"),
    layer: Layer.provideMerge(Layer.merge(Otlp.layerTracer, Otlp.layerLogger), surroundings)
  }
}

const attributesOf = ({ attributes }: Attributed) =>
  Object.fromEntries(
    attributes.map((
      { key, value: { boolValue, intValue, stringValue } }
    ) => [key, stringValue ?? intValue ?? boolValue])
  )

const Go = Signal.make("go")
const W = define("W")

describe("traces of code", () => {
  it.effect("N-52: spans outside of runs are told by the sampler, a trace whole or not at all", () =>
    Effect.gen(function*() {
      const { layer, spans } = collector({
        OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
        OTEL_TRACES_SAMPLER_ARG: "0.5"
      })
      const one = Effect.withSpan(Effect.withSpan(Effect.void, "inner"), "outer")
      yield* Effect.provide(Effect.forEach(Array.from({ length: 200 }), () => one, { discard: true }), layer)
      const outer = spans().filter(({ name }) => name === "outer")
      assert.isAbove(outer.length, 50)
      assert.isBelow(outer.length, 150)
      assert.deepStrictEqual(
        new Set(spans().filter(({ name }) => name === "inner").map(({ traceId }) => traceId)),
        new Set(outer.map(({ traceId }) => traceId))
      )
      // Of those that are told, all are among the greater half of ids.
      for (const { traceId } of outer) assert.match(traceId, /^.{18}[89a-f]/)
    }))

  it.effect("N-52: each sampler tells what its name says, below a span that is told elsewhere and below one that is not", () =>
    Effect.gen(function*() {
      const table: ReadonlyArray<readonly [sampler: string, alone: number, below: number, belowUntold: number]> = [
        ["parentbased_always_on", 1, 1, 0],
        ["parentbased_always_off", 0, 1, 0],
        ["always_on", 1, 1, 1],
        ["always_off", 0, 0, 0],
        ["traceidratio", 1, 1, 1],
        ["parentbased_traceidratio", 1, 1, 0],
        ["", 1, 1, 0]
      ]
      const parent = (sampled: boolean) => ({
        parent: Tracer.externalSpan({ traceId: "f".repeat(32), spanId: "00f067aa0ba902b7", sampled })
      })
      yield* Effect.forEach(table, ([sampler, alone, below, belowUntold]) =>
        Effect.gen(function*() {
          const { layer, spans } = collector({ OTEL_TRACES_SAMPLER: sampler })
          yield* Effect.provide(
            Effect.all([
              Effect.withSpan(Effect.void, "alone"),
              Effect.withSpan(Effect.void, "below", parent(true)),
              Effect.withSpan(Effect.void, "below untold", parent(false))
            ]),
            layer
          )
          const count = (wanted: string) => spans().filter(({ name }) => name === wanted).length
          assert.deepStrictEqual(
            [count("alone"), count("below"), count("below untold")],
            [alone, below, belowUntold],
            sampler
          )
        }))
    }))
})

describe("logs", () => {
  const card = Step.make("card", {
    success: Schema.String,
    onCrash: "rerun",
    run: () =>
      Effect.logWarning("the bank is slow", 3, ["said in private"], {
        tries: 2,
        order: { words: "said in private" }
      }).pipe(
        Effect.annotateLogs({ bank: "north", isSlow: true }),
        Effect.as("paid")
      )
  })
  const programs = W.toLayer(Effect.fnUntraced(function*() {
    yield* Effect.logError("it begins", Cause.die(new TypeError("no such seat")))
    const paid = yield* card()
    yield* Signal.receive(Go)
    yield* Effect.logWarning("it goes on")
    return paid
  }))

  /** The run in two processes, so that the second replays what the first has logged. */
  const live = (layer: Layer.Layer<never>) =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      let host = yield* world.start(programs)
      const id = yield* begin(host, W)
      yield* world.tell(id, "signal", { name: "go", payload: null })
      host = yield* world.restart(host, programs)
      yield* host.settled
      yield* assertOutput(host, W, id, "paid")
      return id
    }).pipe(Effect.provide(layer))

  it.effect("N-52: what code logs is told with its run, step, trace and span, once, and without the values that it logs beside", () =>
    Effect.gen(function*() {
      const { asked, layer, lines } = collector()
      const run = yield* live(layer)
      const of = { "fermata.run.id": run, "fermata.workflow": "W" }
      const [begins, slow, goesOn, ...more] = lines().filter((line) => attributesOf(line)["fermata.run.id"] === run)
      assert.isEmpty(more)
      assert.deepInclude(attributesOf(begins!), {
        ...of,
        "exception.type": "TypeError",
        "exception.message": "no such seat"
      })
      assert.deepStrictEqual([begins!.severityNumber, begins!.severityText, begins!.body.stringValue], [
        17,
        "Error",
        "it begins"
      ])
      assert.strictEqual(begins!.spanId, TraceIds.spanId(run, "root"))
      assert.strictEqual(slow!.body.stringValue, "the bank is slow 3 …")
      assert.deepStrictEqual(attributesOf(slow!), {
        ...of,
        "fermata.step.key": "card",
        tries: 2,
        bank: "north",
        isSlow: true
      })
      assert.strictEqual(slow!.severityNumber, 13)
      // Of the span that the journal tells of the attempt.
      assert.strictEqual(slow!.spanId, TraceIds.spanId(run, "step", 2))
      for (const { flags, traceId } of [begins!, slow!, goesOn!]) {
        assert.deepStrictEqual([traceId, flags], [TraceIds.traceId(run), 1])
      }
      assert.strictEqual(goesOn!.body.stringValue, "it goes on")
      assert.isFalse(asked.some(({ text }) => text.includes("said in private")))
    }))

  it.effect("N-52: with content, the values are told too", () =>
    Effect.gen(function*() {
      const { layer, lines } = collector({ FERMATA_OTEL_CONTENT: "true" })
      yield* live(layer)
      const slow = lines().find((line) => attributesOf(line)["bank"] === "north")!
      assert.strictEqual(slow.body.stringValue, "the bank is slow 3 [\"said in private\"]")
      assert.strictEqual(attributesOf(slow)["order"], "{\"words\":\"said in private\"}")
    }))

  it.effect("N-52: a line of a run whose trace is not told says so, and where no traces are told it has the trace of its run", () =>
    Effect.gen(function*() {
      for (
        const [environment, flags] of [
          [{ OTEL_TRACES_SAMPLER: "always_off" }, 0],
          [{ OTEL_TRACES_EXPORTER: "none" }, undefined]
        ] as const
      ) {
        const { layer, lines, spans } = collector(environment)
        const run = yield* live(layer)
        const slow = lines().find((line) => attributesOf(line)["bank"] === "north")!
        assert.deepStrictEqual([slow.traceId, slow.flags], [TraceIds.traceId(run), flags])
        assert.isEmpty(spans())
      }
    }))

  it.effect("N-52: a run waits for no collector that takes what is logged", () =>
    Effect.gen(function*() {
      const { asked, layer } = collector({ OTEL_TRACES_EXPORTER: "none" }, () => new Promise(() => undefined))
      const many = Step.make("many", {
        onCrash: "rerun",
        run: () => Effect.forEach(Array.from({ length: 3_000 }), () => Effect.logWarning("again"), { discard: true })
      })
      const done = yield* Deferred.make<void>()
      const living = yield* Effect.forkChild(
        Effect.gen(function*() {
          const world = yield* CrashHost.make
          const host = yield* world.start(W.toLayer(() => many()))
          const id = yield* begin(host, W)
          yield* assertOutput(host, W, id, undefined)
          yield* Deferred.succeed(done, undefined)
        }).pipe(Effect.provide(layer))
      )
      yield* Deferred.await(done)
      assert.isNotEmpty(asked)
      // Its process ends too, a moment later.
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(living)
    }))
})

describe("the environment", () => {
  it.effect("N-52: what cannot be is refused, with the variable and what would be right", () =>
    Effect.gen(function*() {
      const table: ReadonlyArray<readonly [environment: Readonly<Record<string, string>>, problem: string]> = [
        [{ OTEL_TRACES_SAMPLER: "sometimes" }, "OTEL_TRACES_SAMPLER is \"sometimes\"; there is always_on, always_off"],
        ...["2", "-0.1", "most", "NaN"].map((arg) =>
          [
            { OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: arg },
            `OTEL_TRACES_SAMPLER_ARG is "${arg}"; it is the share of traces that is told, from 0 to 1`
          ] as const
        )
      ]
      yield* Effect.forEach(table, ([environment, problem]) =>
        Effect.gen(function*() {
          const exit = yield* Effect.exit(Effect.provide(Effect.void, collector(environment).layer))
          assert.isTrue(Exit.isFailure(exit))
          if (Exit.isFailure(exit)) assert.include(Cause.pretty(exit.cause), problem)
        }))
      // What nobody asks for is not looked at.
      const { layer } = collector({ OTEL_TRACES_SAMPLER: "sometimes", OTEL_TRACES_EXPORTER: "none" })
      yield* Effect.provide(Effect.void, layer)
    }))

  it.effect("N-52: logs go where they are asked for: to the endpoint of all or their own, to the usual place by name, and nowhere", () =>
    Effect.gen(function*() {
      const table: ReadonlyArray<readonly [environment: Readonly<Record<string, string>>, url: string | undefined]> = [
        [{}, "http://collector.test:4318/v1/logs"],
        [{ OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: "http://logs.test/in" }, "http://logs.test/in"],
        [{ OTEL_EXPORTER_OTLP_ENDPOINT: "", OTEL_LOGS_EXPORTER: "otlp" }, "http://localhost:4318/v1/logs"],
        [{ OTEL_LOGS_EXPORTER: "none" }, undefined],
        [{ OTEL_SDK_DISABLED: "true" }, undefined]
      ]
      yield* Effect.forEach(table, ([environment, url]) =>
        Effect.gen(function*() {
          const { asked, layer } = collector(environment)
          yield* Effect.provide(Effect.logWarning("here"), layer)
          assert.deepStrictEqual(asked.map((each) => each.url), url === undefined ? [] : [url])
        }))
    }))
})
