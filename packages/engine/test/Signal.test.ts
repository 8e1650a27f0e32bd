import { assert, describe, it } from "@effect/vitest"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Effect, Layer, Logger, Schema } from "effect"
import { TestClock } from "effect/testing"
import * as MemoryBackend from "../src/MemoryBackend.ts"
import * as Runs from "../src/Runs.ts"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import { assertOutput, begin, define, echo, Log, pass, untilKilled } from "./support/Program.ts"

const Word = Signal.make("word", { schema: Schema.String })

const Paid = Signal.make("paid", { schema: Schema.Struct({ cents: Schema.Int, at: Schema.Date }) })
const at = new Date("2026-01-02T03:04:05.678Z")
const paid = (cents: number) => ({ cents, at })
const stored = (cents: number) => ({ name: "paid", payload: { cents, at: at.toISOString() } })
const Go = Signal.make("go")

describe("Signal", () => {
  it.effect("S6: a signal that comes twice under one id counts once, and its second row leaves the inbox", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const W = define("W")
      const host = yield* world.start(W.toLayer(() => Effect.all([Signal.receive(Word), Signal.receive(Word)])))
      const id = yield* begin(host, W)
      yield* world.tell(id, "signal", { name: "word", payload: "a" }, { id: "one" })
      yield* world.tell(id, "signal", { name: "word", payload: "a" }, { id: "one" })
      assert.deepStrictEqual(yield* world.inbox(id), [])
      yield* world.tell(id, "signal", { name: "word", payload: "b" }, { id: "two" })
      yield* assertOutput(host, W, id, ["a", "b"])
    }))

  it.effect("S6: who sends a signal again under its id is told so, also where the run takes it while the journal is looked at", () =>
    Effect.gen(function*() {
      const backend = MemoryBackend.make(MemoryBackend.makeStore())
      let meanwhile: Effect.Effect<void> = Effect.void
      const world = yield* CrashHost.makeOn({
        ...backend,
        entries: (run, from, limit) => Effect.tap(backend.entries(run, from, limit), () => meanwhile)
      })
      const W = define("W")
      const verbs = (host: CrashHost.Host) => host.use(Effect.provide(Runs.Runs, Runs.Runs.layer))
      const host = yield* world.start(W.toLayer(() => Effect.all([Signal.receive(Word), Signal.receive(Word)])))
      const runs = yield* verbs(host)
      const elsewhere = yield* verbs(yield* world.start(Layer.empty))
      const id = yield* begin(host, W)
      assert.strictEqual((yield* runs.signal(id, "word", "first", { id: "one" })).result, "accepted")
      meanwhile = Effect.suspend(() => {
        meanwhile = Effect.void
        return host.settled
      })
      assert.strictEqual((yield* elsewhere.signal(id, "word", "other", { id: "one" })).result, "duplicate")
      yield* runs.signal(id, "word", "second")
      yield* host.settled
      yield* assertOutput(host, W, id, ["first", "second"])
    }))

  it.effect("S6: signals that come before the wait are kept and taken in order of arrival, each once", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const W = define("W")
      const host = yield* world.start(W.toLayer(Effect.fnUntraced(function*() {
        yield* Effect.sleep("1 hour")
        const taken: Array<number> = []
        for (let count = 0; count < 3; count++) taken.push((yield* Signal.receive(Paid)).cents)
        return [taken, (yield* Effect.timeoutOption(Signal.receive(Paid), "1 hour"))._tag]
      })))
      const id = yield* begin(host, W)
      for (const cents of [1, 2, 3]) yield* host.use(Signal.send(Paid, { runId: id, payload: paid(cents) }))
      yield* host.settled
      yield* host.evict
      yield* pass(host, "1 hour")
      yield* pass(host, "1 hour")
      yield* assertOutput(host, W, id, [[1, 2, 3], "None"])
    }))

  it.effect("S6: one that is sent twice under an id counts once: while it waits, after it was taken, and after a crash", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const W = define("W")
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        yield* Effect.sleep("1 hour")
        const first = yield* Signal.receive(Paid)
        const second = yield* Signal.receive(Paid)
        return [first.cents, second.cents]
      }))
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      const send = (host: CrashHost.Host, cents: number, key: string) =>
        host.use(Signal.send(Paid, { runId: id, payload: paid(cents), id: key }))
      first.freeze()
      yield* world.backend.write([{
        op: "inbox",
        row: { run: id, id: "a", kind: "signal", payload: JSON.stringify(stored(1)), at: 0 }
      }])
      yield* first.thaw
      assert.strictEqual(yield* send(first, 1, "a"), "duplicate")
      yield* first.settled
      yield* send(first, 1, "a")
      yield* pass(first, "1 hour")
      yield* send(first, 1, "a")
      const second = yield* world.restart(first, layer)
      yield* second.settled
      yield* send(second, 1, "a")
      yield* second.settled
      assert.include(yield* world.run(id), { status: "suspended", reason: "signal" })
      yield* send(second, 2, "b")
      yield* second.settled
      yield* assertOutput(second, W, id, [1, 2])
    }))

  it.effect("one that does not fit the schema is passed over with a warning, and the next is taken, also on replay", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const W = define("W")
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        const { at, cents } = yield* Signal.receive(Paid)
        yield* Effect.sleep("1 hour")
        return [cents, at.toISOString()]
      }))
      const host = yield* world.start(layer)
      const id = yield* begin(host, W)
      yield* world.tell(id, "signal", { name: "paid", payload: "a lot" })
      assert.include(yield* world.run(id), { status: "suspended", reason: "signal" })
      yield* world.tell(id, "signal", stored(7))
      yield* host.evict
      yield* pass(host, "1 hour")
      yield* assertOutput(host, W, id, [7, at.toISOString()])
    }).pipe(Effect.provide(Logger.layer([]))))

  it.effect("names keep apart, and two waits for one name take one each, in order of the waits", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const W = define("W")
      const host = yield* world.start(W.toLayer(() =>
        Effect.all([
          Effect.map(Signal.receive(Paid), ({ cents }) => `first ${cents}`),
          Effect.as(Signal.receive(Go), "go"),
          Effect.map(Signal.receive(Paid), ({ cents }) => `second ${cents}`)
        ], { concurrency: 3 })
      ))
      const id = yield* begin(host, W)
      assert.deepStrictEqual((yield* world.waits(id)).map(({ key, reason }) => `${reason} ${key}`), [
        "signal paid",
        "signal go"
      ])
      yield* world.tell(id, "signal", stored(1))
      yield* world.tell(id, "signal", { name: "go", payload: null })
      yield* world.tell(id, "signal", stored(2))
      yield* assertOutput(host, W, id, ["first 1", "go", "second 2"])
    }))

  it.effect("S6: a wait that was cut off takes nothing: what comes later is there for the next wait", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const W = define("W")
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        const none = yield* Effect.timeoutOption(Signal.receive(Paid), "1 minute")
        yield* Effect.sleep("1 hour")
        return [none._tag, (yield* Signal.receive(Paid)).cents]
      }))
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      yield* pass(first, "1 minute")
      yield* world.tell(id, "signal", stored(3))
      const second = yield* world.restart(first, layer)
      yield* pass(second, "1 hour")
      yield* assertOutput(second, W, id, ["None", 3])
    }))

  it.effect("S6: of a signal and a timer at the same moment the one that was journaled first wins, for ever", () =>
    Effect.gen(function*() {
      for (const signalFirst of [true, false]) {
        const world = yield* CrashHost.make
        const log = new Log()
        const W = define("W")
        const layer = W.toLayer(Effect.fnUntraced(function*() {
          const winner = yield* Effect.race(
            Effect.as(Signal.receive(Go), "signal"),
            Effect.as(Effect.sleep("1 minute"), "timer")
          )
          yield* Effect.sleep("1 hour")
          return yield* echo(log)(winner)
        }))
        let host = yield* world.start(layer)
        const id = yield* begin(host, W)
        // Both are there when the run is taken up again.
        yield* host.close
        const tell = world.tell(id, "signal", { name: "go", payload: null })
        if (signalFirst) yield* tell
        yield* TestClock.adjust("1 minute")
        if (!signalFirst) yield* tell
        host = yield* world.start(layer)
        yield* host.settled
        const winner = (yield* world.story(id)).find((entry) => entry === "TimerFired" || entry === "SignalReceived go")
        host = yield* world.restart(host, layer)
        yield* pass(host, "1 hour")
        yield* assertOutput(host, W, id, winner === "TimerFired" ? "timer" : "signal")
        yield* host.kill
      }
    }))

  it.effect("a signal to a run that is over, or that is not there, is refused with the reason", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const W = define("W")
      const host = yield* world.start(W.toLayer(() => Effect.succeed("done")))
      const id = yield* begin(host, W)
      const send = (runId: string) => Effect.flip(host.use(Signal.send(Go, { runId, payload: undefined })))
      assert.deepInclude(yield* send(id), { _tag: "SignalRefused", reason: "closed" })
      assert.deepInclude(yield* send("nobody"), { _tag: "SignalRefused", reason: "unknown" })
    }))

  it.effect("S3, S6: a run signals another once, wherever it dies", () =>
    Effect.gen(function*() {
      for (let write = 1, killed = true; killed; write++) {
        const world = yield* CrashHost.make
        const log = new Log()
        const From = define("from")
        const To = define("to")
        const to = yield* To.executionId({ id: "1" })
        const layer = Layer.merge(
          From.toLayer(Effect.fnUntraced(function*() {
            for (const cents of [1, 2]) {
              yield* Effect.orDie(Signal.send(Paid, { runId: to, payload: paid(cents) }))
              yield* echo(log)(`${cents}`)
            }
            return "sent"
          })),
          To.toLayer(Effect.fnUntraced(function*() {
            const taken = [(yield* Signal.receive(Paid)).cents, (yield* Signal.receive(Paid)).cents]
            return [taken, (yield* Effect.timeoutOption(Signal.receive(Paid), "1 hour"))._tag]
          }))
        )
        let host = yield* world.start(layer)
        yield* begin(host, To)
        host.killAt(write, "after", "every")
        yield* Effect.raceFirst(begin(host, From), untilKilled(host))
        killed = host.killed()
        host = yield* world.restart(host, layer)
        yield* begin(host, From)
        yield* pass(host, "1 hour")
        yield* assertOutput(host, To, to, [[1, 2], "None"])
        yield* host.kill
      }
    }))

  it.effect("in a step, receiving is a defect that says so, and sending works", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const W = define("W")
      const send = Step.make("send", {
        input: Schema.String,
        onCrash: "rerun",
        run: (runId) => Effect.asVoid(Effect.orDie(Signal.send(Paid, { runId, payload: paid(1), id: "own" })))
      })
      const host = yield* world.start(W.toLayer(Effect.fnUntraced(function*(_, runId) {
        yield* send(runId)
        return (yield* Signal.receive(Paid)).cents
      })))
      yield* assertOutput(host, W, yield* begin(host, W), 1)
    }))
})
