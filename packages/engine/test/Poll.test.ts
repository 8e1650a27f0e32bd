import { assert, describe, it } from "@effect/vitest"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Effect, Logger, Option, Schema } from "effect"
import * as Replay from "../src/Replay.ts"
import { Runs } from "../src/Runs.ts"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import { assertOutput, begin, define, echo, exitOf, Log, pass } from "./support/Program.ts"

const Word = Signal.make("word", { schema: Schema.String })
const Go = Signal.make("go")
const go = { name: "go", payload: null }
const word = (payload: unknown) => ({ name: "word", payload })
const W = define("W")

/** All that is there, in order. */
const all = Effect.gen(function*() {
  const words: Array<string> = []
  for (let next = yield* Signal.poll(Word); Option.isSome(next); next = yield* Signal.poll(Word)) words.push(next.value)
  return words
})

const verdictOf = (host: CrashHost.Host, id: string) =>
  Effect.map(host.use(Effect.provide(Replay.run(id), Runs.layer)), ({ verdict }) => verdict)

/** The step is another where a replay sees other words than the run saw. */
const turns = (log: Log) =>
  W.toLayer(Effect.fnUntraced(function*() {
    const seen: Array<string> = []
    for (let turn = 0; turn < 3; turn++) {
      seen.push((yield* all).join("+"))
      yield* echo(log)(seen.join())
      yield* Signal.receive(Go)
      yield* echo(log, "turn")(`${turn}`)
    }
    return seen
  }))

describe("Signal.poll", () => {
  it.effect("S6: takes what has come by now in order, each once, and none where none is there; it is no wait", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const host = yield* world.start(turns(log))
      const id = yield* begin(host, W)
      for (const text of ["a", "b"]) yield* world.tell(id, "signal", word(text))
      assert.deepStrictEqual((yield* world.waits(id)).map(({ key }) => key), ["go"])
      yield* world.tell(id, "signal", go)
      yield* world.tell(id, "signal", word("c"))
      yield* world.tell(id, "signal", go)
      yield* world.tell(id, "signal", word("d"))
      yield* world.tell(id, "signal", go)
      yield* assertOutput(host, W, id, ["", "a+b", "c"])
    }))

  it.effect("S6, S9: a replay sees at each place what the run saw there, and nothing of what the journal has behind it", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      let host = yield* world.start(turns(log))
      const id = yield* begin(host, W)
      const told = [word("a"), word("b"), go, word("c"), go, word("d"), go]
      for (const [index, message] of told.entries()) {
        assert.strictEqual(yield* verdictOf(host, id), "fits")
        if (index % 2 === 0) yield* host.evict
        else host = yield* world.restart(host, turns(log))
        yield* world.tell(id, "signal", message)
      }
      yield* assertOutput(host, W, id, ["", "a+b", "c"])
      assert.deepStrictEqual(log.entries, ["echo ", "turn 0", "echo ,a+b", "turn 1", "echo ,a+b,c", "turn 2"])
      assert.strictEqual(yield* verdictOf(host, id), "fits")
    }))

  it.effect("S6: what comes while a step is at work is there behind it, and behind a timer too", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        const before = yield* all
        yield* Step.make("work", { onCrash: "rerun", run: () => Effect.sleep("1 minute") })()
        const behind = yield* all
        yield* Effect.sleep("1 hour")
        return [before, behind, yield* all]
      }))
      const host = yield* world.start(layer)
      const id = yield* begin(host, W)
      yield* world.tell(id, "signal", word("a"))
      yield* pass(host, "1 minute")
      yield* world.tell(id, "signal", word("b"))
      yield* host.evict
      yield* pass(host, "1 hour")
      yield* assertOutput(host, W, id, [[], ["a"], ["b"]])
    }))

  it.effect("S6: it shares what there is with those who wait, who come first", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const layer = W.toLayer(() =>
        Effect.all([
          Signal.receive(Word),
          Effect.andThen(Signal.receive(Go), all)
        ], { concurrency: 2 })
      )
      const host = yield* world.start(layer)
      const id = yield* begin(host, W)
      for (const text of ["a", "b", "c"]) yield* world.tell(id, "signal", word(text))
      yield* host.evict
      yield* world.tell(id, "signal", go)
      yield* assertOutput(host, W, id, ["a", ["b", "c"]])
    }))

  it.effect("one that does not fit the schema is passed over", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const layer = W.toLayer(() => Effect.andThen(Signal.receive(Go), all))
      const host = yield* world.start(layer)
      const id = yield* begin(host, W)
      for (const payload of [1, "a", null, "b"]) yield* world.tell(id, "signal", word(payload))
      yield* world.tell(id, "signal", go)
      yield* assertOutput(host, W, id, ["a", "b"])
    }).pipe(Effect.provide(Logger.layer([]))))

  it.effect("it is polled in the body of a workflow, and nowhere else", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const Inside = Step.make("inside", { onCrash: "rerun", run: () => Effect.asVoid(Signal.poll(Go)) })
      const host = yield* world.start(W.toLayer(() => Inside()))
      const outside = yield* Effect.exit(host.use(Signal.poll(Go) as Effect.Effect<unknown>))
      assert.include(
        String(outside),
        "Signal \"go\" is polled in the body of a workflow, not in a step or outside a run"
      )
      const id = yield* begin(host, W)
      assert.include(String(yield* exitOf(host, W, id)), "not in a step or outside a run")
    }).pipe(Effect.provide(Logger.layer([]))))
})
