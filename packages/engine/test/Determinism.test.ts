import { assert, describe, it } from "@effect/vitest"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Clock, Deferred, Effect, Layer, Logger, Random, Schedule, Schema, Tracer } from "effect"
import { WebCrypto } from "effect/crypto/WebCrypto"
import { TestClock } from "effect/testing"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import { assertOutput, begin, Declined, define, echo, exitOf, Log, pass } from "./support/Program.ts"

const Go = Signal.make("go")
const go = { name: "go", payload: null }
const W = define("W")

describe("the world of a body", () => {
  it.effect("its clock stands at the last delivery, and is the same on replay", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const work = Step.make("work", { onCrash: "rerun", run: () => Effect.sleep("7 seconds") })
      const seen: Array<Array<number>> = []
      const host = yield* world.start(W.toLayer(Effect.fnUntraced(function*() {
        const times: Array<number> = []
        seen.push(times)
        const look = Effect.map(Clock.currentTimeMillis, (now) => void times.push(now))
        yield* look
        yield* work()
        yield* look
        yield* Effect.yieldNow
        yield* look
        yield* Signal.receive(Go)
        yield* look
        yield* Effect.sleep("1 hour")
        yield* look
        return yield* echo(log)("done")
      })))
      yield* TestClock.adjust("1 second")
      const id = yield* begin(host, W)
      yield* pass(host, "7 seconds")
      yield* pass(host, "1 minute")
      yield* world.tell(id, "signal", go)
      yield* host.evict
      yield* pass(host, "1 hour")
      yield* assertOutput(host, W, id, "done")
      const times = [1_000, 8_000, 8_000, 68_000, 3_668_000]
      assert.deepStrictEqual(seen, [times.slice(0, 4), times])
    }))

  it.effect("its clock stands at the end of a step that failed for good, live and on replay", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const work = Step.make("work", {
        error: Declined,
        onCrash: "rerun",
        retry: Schedule.spaced("10 seconds").pipe(Schedule.upTo({ times: 1 })),
        run: () => Effect.andThen(Effect.sleep("3 seconds"), new Declined({ reason: "no" }))
      })
      const seen: Array<number> = []
      const host = yield* world.start(W.toLayer(Effect.fnUntraced(function*() {
        yield* Effect.ignore(work())
        seen.push(yield* Clock.currentTimeMillis)
        yield* Signal.receive(Go)
      })))
      const id = yield* begin(host, W)
      for (const duration of ["3 seconds", "10 seconds", "3 seconds"] as const) yield* pass(host, duration)
      yield* host.evict
      yield* host.settled
      yield* world.tell(id, "signal", go)
      yield* assertOutput(host, W, id, undefined)
      assert.deepStrictEqual(seen, [16_000, 16_000])
    }))

  it.effect("random numbers and ids are the same on replay, and others in every run", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const seen = new Map<string, Array<ReadonlyArray<unknown>>>()
      const host = yield* world.start(W.toLayer(Effect.fnUntraced(function*({ id }) {
        const crypto = yield* WebCrypto
        const draw = Effect.gen(function*() {
          return [
            yield* Random.next,
            yield* Random.nextInt,
            yield* Random.shuffle([1, 2, 3, 4, 5, 6, 7, 8]),
            crypto.randomUUID(),
            crypto.getRandomValues(new Uint32Array(3)).join()
          ]
        })
        const passes = seen.get(id) ?? []
        seen.set(id, passes)
        passes.push([yield* draw])
        yield* Signal.receive(Go)
        passes.push([yield* draw])
      })))
      for (const name of ["a", "b"]) {
        const id = yield* begin(host, W, name)
        yield* host.evict
        yield* host.settled
        yield* world.tell(id, "signal", go)
      }
      const [first, again, second] = seen.get("a")!
      assert.deepStrictEqual(first, again)
      assert.notDeepEqual(first, second)
      assert.notDeepEqual(seen.get("b")![0], first)
    }))

  it.effect("S6: of two steps that end at the same moment one wins a race, live and on replay, and the other leaves no outcome", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const gate = Deferred.makeUnsafe<void>()
      const step = (name: string) =>
        Step.make(name, {
          success: Schema.String,
          onCrash: "rerun",
          run: () => Effect.as(Deferred.await(gate), name)
        })
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        const won = yield* Effect.raceFirst(step("a")(), step("b")())
        yield* Signal.receive(Go)
        return won
      }))
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      yield* Deferred.succeed(gate, undefined)
      yield* first.settled
      const ends = (yield* world.story(id)).filter((entry) => entry.startsWith("StepCompleted"))
      assert.deepStrictEqual(ends, ["StepCompleted a"])
      const second = yield* world.restart(first, layer)
      yield* second.settled
      yield* world.tell(id, "signal", go)
      yield* assertOutput(second, W, id, "a")
    }))

  it.effect("a sleep of no time is no wait, and leaves nothing in the journal", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* world.start(
        W.toLayer(() => Effect.as(Effect.andThen(Effect.sleep(0), Effect.sleep("1 milli")), "slept"))
      )
      const id = yield* begin(host, W)
      yield* pass(host, 1)
      yield* assertOutput(host, W, id, "slept")
      assert.deepStrictEqual(
        (yield* world.journal(id)).flatMap((entry) => entry._tag === "TimerSet" ? [entry.dueAt - entry.at] : []),
        [1]
      )
    }))

  it.effect("a step lives in the world of the host, with its time", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const times = Step.make("times", {
        success: Schema.Array(Schema.Number),
        onCrash: "rerun",
        run: Effect.fnUntraced(function*() {
          const before = yield* Clock.currentTimeMillis
          yield* Effect.sleep("5 seconds")
          return [before, yield* Clock.currentTimeMillis]
        })
      })
      const host = yield* world.start(
        W.toLayer(() => Effect.all([times(), Effect.as(Effect.sleep("1 minute"), "slept")], { concurrency: 2 }))
      )
      const id = yield* begin(host, W)
      yield* pass(host, "5 seconds")
      yield* pass(host, "55 seconds")
      yield* assertOutput(host, W, id, [[0, 5_000], "slept"])
    }))

  it.effect("logs of code that is replayed are silent, and what follows is heard", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const heard: Array<unknown> = []
      const logger = Logger.layer([Logger.make(({ message }) => void heard.push(message))])
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        yield* Effect.log("one")
        yield* echo(log)("x")
        yield* Effect.log("two")
        yield* Signal.receive(Go)
        yield* Effect.log("three")
      }))
      yield* Effect.gen(function*() {
        const first = yield* world.start(layer)
        const id = yield* begin(first, W)
        const second = yield* world.restart(first, layer)
        yield* second.evict
        yield* second.settled
        yield* world.tell(id, "signal", go)
        assert.deepStrictEqual(heard, [["one"], ["two"], ["three"]])
      }).pipe(Effect.provide(logger))
    }))

  it.effect("a span of a body ends once, in code that has not run before, as the one that began in another life", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const begun: Array<Tracer.Span> = []
      const ended: Array<Tracer.Span> = []
      const tracer = Tracer.make({
        span: (options) => {
          const span = new Tracer.NativeSpan(options)
          if (!options.name.startsWith("my ")) return span
          begun.push(span)
          const end = span.end.bind(span)
          return Object.assign(span, {
            end: ((at, exit) => {
              ended.push(span)
              end(at, exit)
            }) satisfies Tracer.Span["end"]
          })
        }
      })
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        yield* Effect.withSpan(echo(log)("x"), "my first")
        yield* Effect.withSpan(Signal.receive(Go), "my second")
        yield* Effect.withSpan(echo(log)("y"), "my third")
      }))
      yield* Effect.gen(function*() {
        const first = yield* world.start(layer)
        const id = yield* begin(first, W)
        const second = yield* world.restart(first, layer)
        yield* second.settled
        yield* world.tell(id, "signal", go)
        assert.deepStrictEqual(ended.map(({ name }) => name), ["my first", "my second", "my third"])
        const [waited, across] = [begun[1]!, ended[1]!]
        assert.notStrictEqual(waited, across)
        assert.deepInclude(across, { traceId: waited.traceId, spanId: waited.spanId })
        assert.strictEqual(across.status.startTime, waited.status.startTime)
        assert.strictEqual(new Set(ended.map(({ spanId }) => spanId)).size, 3)
        assert.isTrue(ended.every(({ traceId }) => traceId === id.slice(0, 32)))
      }).pipe(Effect.provide(Layer.succeed(Tracer.Tracer, tracer)))
    }))

  it.effect("a run that a step starts names no span where nobody is told of spans, so that its journal is the same in each life", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const Helper = define("helper")
      const start = Step.make("start", {
        onCrash: "rerun",
        run: () => Effect.withSpan(Helper.execute({ id: "h" }, { discard: true }), "mine").pipe(Effect.asVoid)
      })
      const host = yield* world.start(Layer.merge(
        Helper.toLayer(() => Effect.succeed("done")),
        W.toLayer(() => Effect.as(start(), "done"))
      ))
      yield* begin(host, W)
      yield* host.settled
      const [helper] = yield* world.backend.runs({ workflow: "helper", limit: 1 })
      const [first] = yield* world.journal(helper!.id)
      assert.deepInclude(first, { _tag: "RunRequested" })
      assert.notProperty(first, "caller")
    }))

  it.effect("outside a run a step, a signal and a state say where they belong", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const inner = Step.make("outer", { onCrash: "rerun", run: () => Signal.receive(Go) })
      const host = yield* world.start(W.toLayer(() => inner()))
      const id = yield* begin(host, W)
      assert.include(String(yield* exitOf(host, W, id)), "is received in the body of a workflow")
      assert.isEmpty(log.entries)
    }))
})
