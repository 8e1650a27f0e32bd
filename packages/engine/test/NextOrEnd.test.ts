import { assert, describe, it } from "@effect/vitest"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Effect, Layer, Logger, Option, Schema } from "effect"
import { TestClock } from "effect/testing"
import type { WorkflowEngine } from "effect/workflow"
import * as fc from "fast-check"
import type { Engine } from "../src/Engine.ts"
import { Events } from "../src/Events.ts"
import * as MemoryBackend from "../src/MemoryBackend.ts"
import * as Replay from "../src/Replay.ts"
import { Runs } from "../src/Runs.ts"
import * as RunState from "../src/RunState.ts"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import { assertOutput, begin, Declined, define, echo, exitOf, Log, pass, untilKilled } from "./support/Program.ts"

const Word = Signal.make("word", { schema: Schema.String })
const Go = Signal.make("go")
const go = { name: "go", payload: null }
const word = (payload: unknown) => ({ name: "word", payload })
const W = define("W")

/** Answers every word with a step and ends when there is none. */
const session = (
  log: Log,
  first: Effect.Effect<unknown, never, Engine | WorkflowEngine.WorkflowInstance> = Effect.void
) =>
  W.toLayer(Effect.fnUntraced(function*() {
    const heard: Array<string> = []
    yield* first
    yield* echo(log)("hello")
    while (true) {
      const next = yield* Signal.nextOrEnd(Word)
      if (Option.isNone(next)) return heard
      heard.push(next.value)
      yield* echo(log)(next.value)
    }
  }))

const row = (run: string, id: string, message: object, kind = "signal") => ({
  op: "inbox" as const,
  row: { run, id, kind, payload: JSON.stringify(message), at: 0 }
})

const verdictOf = (host: CrashHost.Host, id: string) =>
  Effect.map(host.use(Effect.provide(Replay.run(id), Runs.layer)), ({ verdict }) => verdict)

type Message = (run: string) => ReturnType<typeof row>

/**
 * A world whose store takes these rows into the inbox of a run in the very
 * moment in which its end is to be written, one list for each time that this is tried.
 */
const surprising = Effect.fnUntraced(function*(
  lists: ReadonlyArray<ReadonlyArray<Message>>,
  workflows: Layer.Layer<never, never, CrashHost.Services>
) {
  const backend = MemoryBackend.make(MemoryBackend.makeStore())
  const ends: Array<string> = []
  const world = yield* CrashHost.makeOn({
    ...backend,
    write: (ops) =>
      Effect.suspend(() => {
        const end = ops.find((op) => op.op === "commit" && op.ended !== undefined)
        if (end?.op !== "commit") return backend.write(ops)
        const rows = (lists[ends.length] ?? []).map((make) => make(end.run))
        ends.push(end.run)
        return rows.length === 0 ? backend.write(ops) : Effect.andThen(backend.write(rows), backend.write(ops))
      })
  })
  const host = yield* world.start(workflows)
  return { world, host, ends }
})

const said = (text: string): Message => (run) => row(run, `said-${text}`, word(text))

describe("Signal.nextOrEnd", () => {
  it.effect("S6: gives what there is in order, and ends the run where there is nothing; it is no wait, and costs no commit", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const host = yield* world.start(session(log, Signal.receive(Go)))
      const id = yield* begin(host, W)
      for (const text of ["a", "b"]) yield* world.tell(id, "signal", word(text))
      yield* world.tell(id, "signal", go)
      yield* assertOutput(host, W, id, ["a", "b"])
      assert.deepStrictEqual(log.entries, ["echo hello", "echo a", "echo b"])
      assert.isEmpty(
        (yield* world.journal(id)).flatMap((entry) =>
          entry._tag === "RunSuspended" ? entry.waits.filter(({ key }) => key === "word") : []
        )
      )
      assert.deepStrictEqual((yield* world.story(id)).slice(-3), [
        "StepCompleted echo~3",
        "EndOffered word~3",
        "RunCompleted"
      ])
      const before = host.writes()
      const plain = yield* begin(host, W, "plain")
      yield* world.tell(plain, "signal", go)
      const writes = host.writes() - before
      assert.isAtMost(writes, 6, "a start, a wait, a step and an end")
      assert.strictEqual(yield* verdictOf(host, id), "fits")
    }))

  it.effect("S3, S6: a signal that comes as the end is written is given to the body, which is told to end only when there is none", () =>
    Effect.gen(function*() {
      const log = new Log()
      const { ends, host, world } = yield* surprising([[said("a"), said("b")], [said("c")]], session(log))
      const id = yield* begin(host, W)
      yield* assertOutput(host, W, id, ["a", "b", "c"])
      assert.lengthOf(ends, 3)
      assert.deepStrictEqual(log.entries, ["echo hello", "echo a", "echo b", "echo c"], "no step is repeated")
      const story = yield* world.story(id)
      assert.lengthOf(story.filter((entry) => entry.startsWith("EndOffered")), 1)
      assert.notInclude(story.join(), "MessageRefused")
      assert.strictEqual(yield* verdictOf(host, id), "fits")
      const [answer] = yield* world.backend.write([said("late")(id)])
      assert.deepStrictEqual(answer, { result: "closed" } as never)
    }))

  it.effect("S6: what the body did at once after it was told to end is not recorded or sent when that is taken back", () =>
    Effect.gen(function*() {
      const Goodbyes = RunState.make("goodbyes", { schema: Schema.Int, initial: 0 })
      const layer = Layer.merge(
        W.toLayer(({ id }) =>
          id === "other"
            ? Effect.all([Signal.receive(Word), Effect.timeoutOption(Signal.receive(Word), "1 day")])
            : Effect.gen(function*() {
              const heard: Array<string> = []
              const events = yield* Events
              while (true) {
                const next = yield* Signal.nextOrEnd(Word)
                if (Option.isNone(next)) break
                heard.push(next.value)
              }
              yield* Effect.orDie(events.emit("goodbye", heard.length))
              yield* Effect.orDie(
                Signal.send(Word, { runId: yield* W.executionId({ id: "other" }), payload: heard.join() })
              )
              const { value } = yield* RunState.update(Goodbyes, (count) => count + 1)
              return [heard, value]
            })
        ),
        Layer.empty
      ).pipe(Layer.provideMerge(Events.layer))
      const { host, world } = yield* surprising([[said("a")]], layer)
      const other = yield* begin(host, W, "other")
      const id = yield* begin(host, W)
      yield* assertOutput(host, W, id, [["a"], 1])
      const entries = yield* world.journal(id)
      assert.deepStrictEqual(entries.flatMap((entry) => entry._tag === "EventEmitted" ? [entry.payload] : []), [1])
      yield* pass(host, "2 days")
      const heard = (yield* world.journal(other)).flatMap((entry) =>
        entry._tag === "SignalReceived" ? [entry.payload] : []
      )
      assert.deepStrictEqual(heard, ["a"])
    }))

  it.effect("S8, S16: a cancel that comes with the signal is obeyed, and one that comes alone is too late for an end that stands", () =>
    Effect.gen(function*() {
      const cancel: Message = (run) => row(run, "cancel", { kind: "cancel", by: "ada", reason: "enough" }, "cancel")
      for (const [rows, status] of [[[said("a"), cancel], "cancelled"], [[cancel], "completed"]] as const) {
        const log = new Log()
        const { host, world } = yield* surprising([rows], session(log))
        const id = yield* begin(host, W)
        yield* host.settled
        assert.strictEqual((yield* world.run(id)).status, status)
        const late = (yield* world.journal(id)).filter(({ _tag }) => _tag === "MessageRefused")
        assert.lengthOf(late, status === "completed" ? 1 : 0)
      }
    }))

  it.effect("S6: a body that has failed behind the answer is given the signal too, and a run that is paused may end", () =>
    Effect.gen(function*() {
      const layer = W.toLayer(({ id }) =>
        Effect.gen(function*() {
          if (id === "paused") yield* Signal.receive(Go)
          const heard: Array<string> = []
          while (true) {
            const next = yield* Signal.nextOrEnd(Word)
            if (Option.isSome(next)) heard.push(next.value)
            else if (id === "fails" && heard.length === 0) return yield* new Declined({ reason: "nobody" })
            else return heard
          }
        })
      )
      const { host, world } = yield* surprising([[said("a")]], layer)
      const fails = yield* begin(host, W, "fails")
      yield* assertOutput(host, W, fails, ["a"])
      const paused = yield* begin(host, W, "paused")
      yield* world.tell(paused, "pause", { by: "ada" })
      yield* world.tell(paused, "signal", go)
      yield* assertOutput(host, W, paused, [])
    }))

  it.effect("S16: a signal of another name that comes as the end is written is none of the body's, and said to be late", () =>
    Effect.gen(function*() {
      const { host, world } = yield* surprising([[(run) => row(run, "g", go)]], session(new Log()))
      const id = yield* begin(host, W)
      yield* assertOutput(host, W, id, [])
      assert.deepInclude((yield* world.journal(id)).find(({ _tag }) => _tag === "MessageRefused"), {
        id: "g",
        why: "late"
      })
    }))

  it.effect("S2, S6: waits for steps that other fibers of the body have at work, so that none is cut short and repeated", () =>
    Effect.gen(function*() {
      const log = new Log()
      const slow = (onCrash: "ask" | "rerun") =>
        Step.make(`slow ${onCrash}`, {
          onCrash,
          run: () => Effect.andThen(log.add(`${onCrash} begins`), Effect.sleep("1 minute"))
        })()
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        yield* Effect.forkChild(Effect.all([slow("ask"), slow("rerun")], { concurrency: 2 }))
        const heard: Array<string> = []
        for (let next = yield* Signal.nextOrEnd(Word); Option.isSome(next); next = yield* Signal.nextOrEnd(Word)) {
          heard.push(next.value)
        }
        return heard
      }))
      const { host, world } = yield* surprising([[said("b")]], layer)
      const id = yield* begin(host, W)
      assert.strictEqual((yield* world.run(id)).status, "running")
      yield* world.tell(id, "signal", word("a"))
      yield* pass(host, "1 minute")
      yield* assertOutput(host, W, id, ["a", "b"])
      assert.deepStrictEqual(log.entries, ["ask begins", "rerun begins"])
    }))

  it.effect("S2, S13: a body that only waited when the end was taken back begins again, and no crash is counted", () =>
    Effect.gen(function*() {
      const Child = define("child")
      const log = new Log()
      const waiting = Step.make("waiting", {
        onCrash: "rerun",
        run: () => Effect.andThen(log.add("begins"), Effect.orDie(Child.execute({ id: "c" })))
      })
      const layer = Layer.merge(
        Child.toLayer(() => Effect.sleep("1 day")),
        W.toLayer(Effect.fnUntraced(function*() {
          yield* Effect.forkChild(waiting())
          yield* Signal.receive(Go)
          const heard: Array<string> = []
          for (let next = yield* Signal.nextOrEnd(Word); Option.isSome(next); next = yield* Signal.nextOrEnd(Word)) {
            heard.push(next.value)
            yield* Effect.sleep("1 hour")
          }
          return heard
        }))
      )
      const { host, world } = yield* surprising([[said("a")]], layer)
      const id = yield* begin(host, W)
      yield* world.tell(id, "signal", go)
      assert.strictEqual((yield* world.run(id)).status, "suspended")
      yield* pass(host, "1 hour")
      yield* assertOutput(host, W, id, ["a"])
      const recoveries = (yield* world.journal(id)).flatMap((entry) =>
        entry._tag === "StepRequested" ? [entry.recovery ?? 0] : []
      )
      assert.deepStrictEqual(recoveries, [0, 0])
      // Nobody is told of a run that it waits for what it has got.
      assert.include((yield* world.story(id)).join(), "SignalReceived go,RunResumed,StepReleased waiting")
      assert.deepStrictEqual(log.entries, ["begins", "begins"])
    }))

  it.effect("S6, S9: a body that goes on behind the answer hears what comes meanwhile when it asks again, on every replay", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        const first = yield* Signal.nextOrEnd(Word)
        yield* echo(log)(first._tag)
        yield* Signal.receive(Go)
        const second = yield* Signal.nextOrEnd(Word)
        yield* echo(log)(second._tag)
        yield* Signal.receive(Go)
        return [Option.getOrNull(first), Option.getOrNull(second), Option.getOrNull(yield* Signal.nextOrEnd(Word))]
      }))
      let host = yield* world.start(layer)
      const id = yield* begin(host, W)
      for (const message of [word("a"), go, go]) {
        yield* host.evict
        yield* world.tell(id, "signal", message)
        host = yield* world.restart(host, layer)
        yield* host.settled
      }
      yield* assertOutput(host, W, id, [null, "a", null])
      assert.deepStrictEqual(log.entries, ["echo None", "echo Some"])
      assert.deepStrictEqual(
        (yield* world.story(id)).filter((entry) => entry.startsWith("EndOffered")),
        ["EndOffered word", "EndOffered word~3"]
      )
      assert.strictEqual(yield* verdictOf(host, id), "fits")
    }))

  it.effect("S9: a run that was told to end diverges under code that does not ask, and one that waited for the signal may ask for it so", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const ask = Effect.asVoid(Signal.nextOrEnd(Word))
      const bodyOf = (first: typeof ask) =>
        W.toLayer(() => Effect.andThen(first, Effect.andThen(echo(log)("x"), Signal.receive(Go))))
      const asking = yield* world.start(bodyOf(ask))
      const told = yield* begin(asking, W, "told")
      const not = yield* world.restart(asking, bodyOf(Effect.void))
      assert.strictEqual((yield* world.run(told)).reason, "diverged")
      assert.match((yield* world.waits(told))[0]?.detail ?? "", /EndOffered "word".*did not ask for/)
      const receiving = yield* world.restart(not, bodyOf(Effect.asVoid(Signal.receive(Word))))
      const heard = yield* begin(receiving, W, "heard")
      yield* world.tell(heard, "signal", word("a"))
      const again = yield* world.restart(receiving, bodyOf(ask))
      assert.strictEqual(yield* verdictOf(again, heard), "fits")
      yield* again.kill
    }).pipe(Effect.provide(Logger.layer([]))))

  it.effect("one that does not fit the schema is passed over, and does not keep the run", () =>
    Effect.gen(function*() {
      const { host } = yield* surprising([[(run) => row(run, "odd", word(7))]], session(new Log()))
      const id = yield* begin(host, W)
      yield* assertOutput(host, W, id, [])
    }).pipe(Effect.provide(Logger.layer([]))))

  it.effect("it is asked for in the body of a workflow, and nowhere else", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const Inside = Step.make("inside", { onCrash: "rerun", run: () => Effect.asVoid(Signal.nextOrEnd(Go)) })
      const host = yield* world.start(W.toLayer(() => Inside()))
      const id = yield* begin(host, W)
      assert.include(
        String(yield* exitOf(host, W, id)),
        "Signal \"go\" is asked for in the body of a workflow, not in a step or outside a run"
      )
    }).pipe(Effect.provide(Logger.layer([]))))
})

type Act = "say" | "say and evict" | "wait" | "evict" | "kill" | "stop" | "fail before" | "fail after"

const acts: fc.Arbitrary<ReadonlyArray<Act>> = fc.array(
  fc.constantFrom<Act>(
    "say",
    "say",
    "say",
    "say and evict",
    "wait",
    "wait",
    "evict",
    "kill",
    "stop",
    "fail before",
    "fail after"
  ),
  { minLength: 1, maxLength: 14 }
)

describe("any life of a session", () => {
  it.effect(
    "S3, S6: every word that was acknowledged was heard once and in order, and one that was not is refused",
    () =>
      Effect.promise(() =>
        fc.assert(
          fc.asyncProperty(
            acts,
            fc.array(fc.nat({ max: 2 }), { maxLength: 6 }),
            (acts, moments) =>
              Effect.runPromise(Effect.provide(lived(acts, moments), [TestClock.layer(), Logger.layer([])]))
          ),
          { numRuns: 150, seed: 4314 }
        )
      ),
    60_000
  )
})

/** `moments`: how many words come in the moment in which an end is written, end by end. */
const lived = Effect.fnUntraced(function*(acts: ReadonlyArray<Act>, moments: ReadonlyArray<number>) {
  const said: Array<string> = []
  const refused: Array<string> = []
  const backend = MemoryBackend.make(MemoryBackend.makeStore())
  let count = 0
  const say = Effect.fnUntraced(function*(run: string) {
    const text = `${++count}`
    const [answer] = yield* backend.write([row(run, `word-${text}`, word(text))])
    if (answer.result === "accepted") said.push(text)
    else refused.push(text)
  })
  let ends = 0
  const world = yield* CrashHost.makeOn({
    ...backend,
    write: (ops) =>
      Effect.suspend(() => {
        const end = ops.find((op) => op.op === "commit" && op.ended !== undefined)
        const come = end === undefined ? 0 : moments[ends++] ?? 0
        if (end?.op !== "commit" || come === 0) return backend.write(ops)
        return Effect.andThen(
          Effect.forEach(Array.from({ length: come }), () => say(end.run), { discard: true }),
          backend.write(ops)
        )
      })
  })
  const slow = Step.make("slow", { input: Schema.String, onCrash: "rerun", run: () => Effect.sleep("1 second") })
  const layer = W.toLayer(Effect.fnUntraced(function*() {
    const heard: Array<string> = []
    yield* Effect.sleep("1 second")
    while (true) {
      for (let next = yield* Signal.poll(Word); Option.isSome(next); next = yield* Signal.poll(Word)) {
        heard.push(next.value)
      }
      yield* slow(heard.join())
      const next = yield* Signal.nextOrEnd(Word)
      if (Option.isNone(next)) return heard
      heard.push(next.value)
    }
  }))
  let host = yield* world.start(layer, { maxRecoveries: 1_000 })
  const survive = Effect.fnUntraced(function*(effect: Effect.Effect<unknown>) {
    yield* Effect.raceFirst(Effect.andThen(effect, host.settled), untilKilled(host))
    if (host.killed()) host = yield* world.restart(host, layer, { maxRecoveries: 1_000 })
  })
  const run = yield* host.use(W.execute({ id: "1" }, { discard: true }))
  for (const act of acts) {
    switch (act) {
      case "say":
        yield* say(run)
        yield* survive(world.look)
        break
      case "say and evict":
        yield* say(run)
        yield* survive(host.evict)
        break
      case "wait":
        yield* survive(TestClock.adjust("600 millis"))
        break
      case "evict":
        yield* survive(host.evict)
        break
      case "kill":
        host.killAt(1, "before", "every")
        break
      case "stop":
        host = yield* world.restart(host, layer, { maxRecoveries: 1_000 })
        break
      case "fail before":
      case "fail after":
        host.failWrites(1, act === "fail before" ? "before" : "after")
    }
  }
  for (let turn = 0; (yield* world.run(run)).status !== "completed"; turn++) {
    assert.isBelow(turn, 100, "the session does not end")
    yield* survive(Effect.andThen(TestClock.adjust("1 second"), world.adjustHost(1_000)))
  }
  const entries = yield* world.journal(run)
  const end = entries.at(-1)
  assert.deepStrictEqual(end?._tag === "RunCompleted" ? end.output : end, said, "what was acknowledged, in order")
  assert.isFalse(entries.some(({ _tag }) => _tag === "MessageRefused"))
  yield* say(run)
  assert.include(refused, `${count}`)
  assert.isEmpty(yield* world.inbox(run))
  yield* host.kill
})
