import { assert, describe, it } from "@effect/vitest"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Deferred, Effect, Exit, Logger, Queue, Schema, Semaphore } from "effect"
import { WebCrypto } from "effect/crypto/WebCrypto"
import { TestClock } from "effect/testing"
import { Workflow, WorkflowEngine } from "effect/workflow"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import { assertOutput, begin, define, echo, exitOf, giveWay, Log, pass } from "./support/Program.ts"

const Go = Signal.make("go")
const go = { name: "go", payload: null }
const W = define("W")

/** Work of the body's own: it goes on when the test says so, as often as it is begun. */
class Own {
  begun = 0
  private gate = Promise.withResolvers<string>()
  readonly promise = () => {
    this.begun++
    return this.gate.promise
  }
  readonly arrive = Effect.andThen(
    Effect.sync(() => this.gate.resolve("own")),
    giveWay(10)
  )
}

/** Ways in which a body may go on by something that is not the engine's. */
const ways: ReadonlyArray<readonly [what: string, work: (own: Own) => Effect.Effect<unknown>]> = [
  ["Effect.promise", (own) => Effect.promise(own.promise)],
  ["Effect.tryPromise", (own) => Effect.orDie(Effect.tryPromise(own.promise))],
  ["Effect.callback", (own) => Effect.callback((resume) => void own.promise().then(() => resume(Effect.void)))],
  ["a digest inside a promise of its own", (own) =>
    Effect.flatMap(WebCrypto, (crypto) =>
      Effect.promise(async () => {
        await crypto.subtle.digest("SHA-256", new Uint8Array(1))
        return own.promise()
      }))],
  ["an iterator that waits", (own) =>
    Effect.promise(async () => {
      let last: string | undefined
      for await (const each of [own.promise()]) last = each
      return last
    })],
  ["a deferred that somebody outside completes", (own) =>
    Effect.suspend(() => {
      const deferred = Deferred.makeUnsafe<void>()
      void own.promise().then(() => Deferred.doneUnsafe(deferred, Exit.void))
      return Deferred.await(deferred)
    })],
  ["a queue that somebody outside fills", (own) =>
    Effect.flatMap(Queue.unbounded<string>(), (queue) => {
      void own.promise().then((value) => Queue.offerUnsafe(queue, value))
      return Queue.take(queue)
    })]
]

const causeOf = (entries: ReadonlyArray<{ readonly _tag: string; readonly cause?: unknown }>) =>
  JSON.stringify(entries.at(-1)?.cause)

describe("asynchronous work of a body's own", () => {
  for (const [what, work] of ways) {
    it.effect(`S9: ${what} beside a durable wait fails the run, live and the first time, and says to put it into a step`, () =>
      Effect.gen(function*() {
        const world = yield* CrashHost.make
        const log = new Log()
        const own = new Own()
        const host = yield* world.start(W.toLayer(Effect.fnUntraced(function*() {
          yield* W.withCompensation(echo(log)("a"), () => Effect.asVoid(echo(log, "undo")("a")))
          return yield* Effect.all([Signal.receive(Go), Effect.andThen(work(own), echo(log)("beside"))], {
            concurrency: 2
          })
        })))
        const id = yield* begin(host, W)
        assert.include(yield* world.run(id), { status: "suspended", reason: "signal" })
        yield* own.arrive
        yield* host.settled
        assert.strictEqual((yield* world.run(id)).status, "failed")
        assert.deepStrictEqual(log.entries, ["echo a", "undo a"])
        const cause = causeOf(yield* world.journal(id))
        for (const part of ["ForeignWork", "\\\"W\\\"", id, "into a step"]) assert.include(cause, part)
        assert.include(String(yield* exitOf(host, W, id)), "ForeignWork")
      }))
  }

  it.effect("S8, S9: a run that it has stopped replays and compensates, whenever its process dies", () =>
    Effect.gen(function*() {
      for (let write = 1, killed = true; killed; write++) {
        const world = yield* CrashHost.make
        const log = new Log()
        const layer = (own: Own) =>
          W.toLayer(Effect.fnUntraced(function*() {
            yield* W.withCompensation(echo(log)("a"), () => Effect.asVoid(echo(log, "undo")("a")))
            yield* W.withCompensation(echo(log)("b"), () => Effect.asVoid(echo(log, "undo")("b")))
            yield* Effect.promise(own.promise)
            yield* echo(log)("never")
          }))
        const own = new Own()
        const host = yield* world.start(layer(own))
        const id = yield* begin(host, W)
        host.killAt(write, "after")
        yield* own.arrive
        yield* giveWay(50)
        killed = host.killed()
        // Its own work does not even come to its end there.
        const second = yield* world.restart(host, layer(new Own()))
        yield* second.settled
        const story = yield* world.story(id)
        assert.deepStrictEqual(
          story.filter((entry) => entry.startsWith("StepCompleted")),
          ["echo", "echo~2", "undo", "undo~2"].map((key) => `StepCompleted ${key}`),
          `write ${write}`
        )
        assert.strictEqual((yield* world.run(id)).status, "failed")
        assert.include(causeOf(yield* world.journal(id)), "ForeignWork")
        yield* second.kill
      }
    }))

  it.effect("two of them at the same moment stop the run once, and neither goes on", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const [one, other] = [new Own(), new Own()]
      const beside = (own: Own, name: string) => Effect.andThen(Effect.promise(own.promise), echo(log)(name))
      const host = yield* world.start(
        W.toLayer(() =>
          W.withCompensation(Effect.void, () => Effect.sleep("1 hour")).pipe(
            Effect.andThen(Effect.all([beside(one, "one"), beside(other, "other")], { concurrency: 2 }))
          )
        )
      )
      const id = yield* begin(host, W)
      yield* Effect.all([one.arrive, other.arrive], { concurrency: 2 })
      yield* pass(host, "1 hour")
      assert.deepStrictEqual((yield* world.story(id)).filter((entry) => /^(StopRequested|Note)/.test(entry)), [
        "StopRequested"
      ])
      assert.strictEqual((yield* world.run(id)).status, "failed")
      assert.deepStrictEqual(log.entries, [])
    }))

  it.effect("it cannot be caught: the order of what follows would be nobody's", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const own = new Own()
      const host = yield* world.start(
        W.toLayer(() => Effect.andThen(Effect.ignoreCause(Effect.promise(own.promise)), echo(log)("after")))
      )
      const id = yield* begin(host, W)
      yield* own.arrive
      yield* host.settled
      assert.strictEqual((yield* world.run(id)).status, "failed")
      assert.deepStrictEqual(log.entries, [])
    }))

  it.effect("it fails a run that cannot be interrupted, and is noted in one that is being stopped already", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const masked = new Own()
      const late = new Own()
      const host = yield* world.start(W.toLayer(({ id }) =>
        id === "masked"
          ? Effect.uninterruptible(Effect.promise(masked.promise))
          : Effect.ensuring(Signal.receive(Go), Effect.promise(late.promise))
      ))
      const first = yield* begin(host, W, "masked")
      yield* masked.arrive
      yield* host.settled
      assert.strictEqual((yield* world.run(first)).status, "failed")
      assert.include(causeOf(yield* world.journal(first)), "ForeignWork")
      const second = yield* begin(host, W, "late")
      yield* world.tell(second, "cancel", { kind: "cancel", by: "ada", reason: "enough" })
      yield* late.arrive
      yield* host.settled
      assert.strictEqual((yield* world.run(second)).status, "cancelled")
      assert.include(JSON.stringify((yield* world.journal(second)).find(({ _tag }) => _tag === "Note")), "into a step")
    }))

  it.effect("a workflow that suspends on its failure is suspended with it, and goes on under code that has it in a step", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const own = new Own()
      const S = W.annotate(Workflow.SuspendOnFailure, true)
      const first = yield* world.start(S.toLayer(() => Effect.andThen(echo(log)("a"), Effect.promise(own.promise))))
      const id = yield* begin(first, S)
      yield* own.arrive
      yield* first.settled
      const [wait] = yield* world.waits(id)
      assert.include(wait, { reason: "operator", key: "failure" })
      assert.include(wait!.detail!, "put it into a step")
      const second = yield* world.restart(first, S.toLayer(() => Effect.andThen(echo(log)("a"), echo(log)("b"))))
      yield* world.tell(id, "resume", { by: "ada" })
      yield* assertOutput(second, S, id, "b")
      assert.deepStrictEqual(log.entries, ["echo a", "echo b"])
    }))

  it.effect("a run that was evicted beside it is taken up again, and fails", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      let own = new Own()
      const host = yield* world.start(W.toLayer(() =>
        Effect.all([Signal.receive(Go), Effect.andThen(Effect.promise(own.promise), echo(log)("beside"))], {
          concurrency: 2
        })
      ))
      const id = yield* begin(host, W)
      yield* host.evict
      yield* host.settled
      assert.strictEqual(yield* host.awake, 0)
      const evicted = own
      own = new Own()
      yield* evicted.arrive
      yield* host.settled
      assert.strictEqual(own.begun, 1, "its body runs again")
      yield* world.adjustHost(60_000)
      yield* own.arrive
      yield* host.settled
      assert.strictEqual((yield* world.run(id)).status, "failed")
      assert.deepStrictEqual(log.entries, [])
    }))

  it.effect("S17: a body that one of another run resumes fails, and the other goes on", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const shared = Semaphore.makeUnsafe(1)
      const host = yield* world.start(
        W.toLayer(({ id }) => Semaphore.withPermit(shared)(Effect.as(Signal.receive(Go), id)))
      )
      const first = yield* begin(host, W, "first")
      const second = yield* begin(host, W, "second")
      yield* world.tell(first, "signal", go)
      yield* host.settled
      yield* assertOutput(host, W, first, "first")
      assert.strictEqual((yield* world.run(second)).status, "failed")
      assert.include(causeOf(yield* world.journal(second)), "ForeignWork")
    }))

  it.effect("what is the engine's is none: steps that wait, digests, and words to other runs", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const own = new Own()
      const slow = Step.make("slow", {
        success: Schema.String,
        onCrash: "rerun",
        run: () => Effect.promise(own.promise)
      })
      const Other = define("Other")
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        const crypto = yield* WebCrypto
        const digest = Effect.promise(async () =>
          new Uint8Array(await crypto.subtle.digest("SHA-1", new Uint8Array(3))).length
        )
        const lengths = yield* Effect.all([digest, W.executionId({ id: "x" }), digest], { concurrency: 3 })
        const text = yield* slow()
        const engine = yield* WorkflowEngine.WorkflowEngine
        yield* engine.resume(Other, yield* Other.executionId({ id: "nobody" }))
        yield* Effect.sleep("1 day")
        return `${text} ${lengths.map((each) => `${each}`.length).join()}`
      }))
      let host = yield* world.start(layer)
      const id = yield* begin(host, W)
      yield* giveWay(100)
      yield* own.arrive
      yield* host.settled
      yield* giveWay(100)
      assert.include(yield* world.run(id), { status: "suspended", reason: "timer" })
      host = yield* world.restart(host, layer)
      yield* giveWay(100)
      yield* pass(host, "1 day")
      yield* assertOutput(host, W, id, "own 2,32,2")
      assert.deepStrictEqual(log.entries, [])
    }))

  it.effect("digests are handed over in the order in which they were asked for, whichever comes first", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const seen: Array<ReadonlyArray<string>> = []
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        const crypto = yield* WebCrypto
        const order: Array<string> = []
        const digest = (name: string, algorithm: string, bytes: number) =>
          Effect.andThen(
            Effect.promise(async () => await crypto.subtle.digest(algorithm, new Uint8Array(bytes))),
            Effect.sync(() => void order.push(name))
          )
        yield* Effect.all([
          digest("large", "SHA-512", 20_000_000),
          digest("small", "SHA-1", 1),
          digest("at once", "SHA-256", 1)
        ], { concurrency: 3 })
        seen.push(order)
        yield* Signal.receive(Go)
      }))
      const host = yield* world.start(layer)
      yield* host.use(W.execute({ id: "1" }, { discard: true }))
      while (seen.length === 0) yield* Effect.yieldNow
      assert.deepStrictEqual(seen, [["large", "small", "at once"]])
    }))

  it.effect("a digest that nobody waits for any more holds up nothing", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* world.start(W.toLayer(Effect.fnUntraced(function*() {
        yield* Effect.raceFirst(Effect.asVoid(W.executionId({ id: "x" })), Effect.yieldNow)
        yield* Effect.sleep("1 second")
        return "done"
      })))
      const id = yield* begin(host, W)
      yield* giveWay(10)
      yield* pass(host, "1 second")
      yield* assertOutput(host, W, id, "done")
    }))

  it.effect("S9: a journal of code that had it is told at once from that of code that has not", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const own = new Own()
      const first = yield* world.start(W.toLayer(() => Effect.andThen(echo(log)("a"), Signal.receive(Go))))
      const id = yield* begin(first, W)
      const second = yield* world.restart(
        first,
        W.toLayer(() => Effect.andThen(Effect.promise(own.promise), Effect.andThen(echo(log)("a"), Signal.receive(Go))))
      )
      yield* second.settled
      assert.include((yield* world.waits(id))[0], { reason: "diverged", key: "echo" })
      yield* own.arrive
      assert.deepStrictEqual(log.entries, ["echo a"])
    }).pipe(Effect.provide(Logger.layer([]))))

  it.effect("timers of the workflow are no work of its own", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* world.start(
        W.toLayer(() => Effect.as(Effect.andThen(Effect.sleep(0), Effect.sleep("1 hour")), "done"))
      )
      const id = yield* begin(host, W)
      yield* TestClock.adjust("1 hour")
      yield* host.settled
      yield* assertOutput(host, W, id, "done")
    }))
})
