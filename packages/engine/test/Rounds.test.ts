/** What the main loop is told to look at, and that nothing is missed by it. No host here looks by itself. */
import { assert, describe, it } from "@effect/vitest"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Deferred, Effect, Exit, Fiber, Latch, Layer, Schema, SchemaGetter } from "effect"
import { TestClock } from "effect/testing"
import { DurableDeferred, Workflow } from "effect/workflow"
import { Look, Rounds } from "../src/internal/process/Rounds.ts"
import * as Ledger from "../src/internal/run/Ledger.ts"
import * as Pass from "../src/internal/run/Pass.ts"
import * as StepKeys from "../src/internal/StepKeys.ts"
import * as MemoryBackend from "../src/MemoryBackend.ts"
import * as Runs from "../src/Runs.ts"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import { assertOutput, define } from "./support/Program.ts"

const W = define("W")
const Go = Signal.make("go", { schema: Schema.String })
const Answer = DurableDeferred.make("answer", { success: Schema.String })

describe("rounds", () => {
  it.effect("go once for a burst of pokes, and look at what these named", () =>
    Effect.gen(function*() {
      const rounds = new Rounds()
      const looked: Array<number> = []
      const done = Latch.makeUnsafe(false)
      rounds.poke(Look.outbox)
      rounds.poke(Look.inbox)
      yield* Effect.forkChild(rounds.run((what) =>
        Effect.sync(() => {
          assert.isFalse(rounds.idle)
          looked.push(what)
          // What is poked during a round is for the next.
          if (looked.length === 1) rounds.poke(Look.due)
          if (looked.length === 2) done.openUnsafe()
        })
      ))
      yield* done.await
      yield* Effect.yieldNow
      assert.deepStrictEqual(looked, [Look.outbox | Look.inbox, Look.due])
      assert.isTrue(rounds.idle)
    }))

  it.effect("S3: a message that was there before its run reaches the run that this process starts", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* world.start(W.toLayer(() => DurableDeferred.await(Answer)))
      const executionId = yield* W.executionId({ id: "1" })
      yield* host.use(DurableDeferred.done(Answer, {
        token: DurableDeferred.tokenFromExecutionId(Answer, { workflow: W, executionId }),
        exit: Exit.succeed("yes")
      }))
      yield* host.settled
      yield* host.use(W.execute({ id: "1" }, { discard: true }))
      yield* host.settled
      yield* assertOutput(host, W, executionId, "yes")
    }))

  it.effect("S3: a signal that is handed out while its run is being taken up is handed out again", () =>
    Effect.gen(function*() {
      const reading = yield* Deferred.make<void>()
      const read = Latch.makeUnsafe(false)
      let reads = 0
      /** Its third reading, which is that of the run, takes until `read` is open. */
      const Slow = Schema.String.pipe(Schema.decodeTo(Schema.String, {
        decode: SchemaGetter.transformEffect((text: string) =>
          ++reads < 2
            ? Effect.succeed(text)
            : Effect.as(Effect.andThen(Deferred.succeed(reading, undefined), read.await), text)
        ),
        encode: SchemaGetter.passthrough()
      }))
      const Taken = Workflow.make("Taken", {
        payload: { id: Slow },
        success: Schema.String,
        idempotencyKey: ({ id }) => id
      })
      const world = yield* CrashHost.make
      const host = yield* world.start(Layer.merge(Taken.toLayer(() => Signal.receive(Go)), Runs.Runs.layer))
      const id = yield* Taken.executionId({ id: "1" })
      const starting = yield* Effect.forkChild(host.use(Taken.execute({ id: "1" }, { discard: true })))
      yield* Deferred.await(reading)
      const runs = yield* host.use(Runs.Runs) as Effect.Effect<Runs.Runs["Service"]>
      yield* runs.signal(id, Go.name, "now")
      yield* Effect.yieldNow.pipe(Effect.repeat({ times: 50 }))
      read.openUnsafe()
      yield* Fiber.join(starting)
      yield* host.settled
      yield* assertOutput(host, Taken, id, "now")
    }))

  it.effect("S3: a signal reaches the run that this process takes up again, although it still has the run as it lost it", () =>
    Effect.gen(function*() {
      const reading = yield* Deferred.make<void>()
      const read = Latch.makeUnsafe(false)
      let held = false
      const Slow = Schema.String.pipe(Schema.decodeTo(Schema.String, {
        decode: SchemaGetter.transformEffect((text: string) =>
          held
            ? Effect.as(Effect.andThen(Deferred.succeed(reading, undefined), read.await), text)
            : Effect.succeed(text)
        ),
        encode: SchemaGetter.passthrough()
      }))
      const Taken = Workflow.make("Taken", {
        payload: { id: Slow },
        success: Schema.String,
        idempotencyKey: ({ id }) => id
      })
      const world = yield* CrashHost.make
      const host = yield* world.start(Layer.merge(Taken.toLayer(() => Signal.receive(Go)), Runs.Runs.layer))
      const id = yield* host.use(Taken.execute({ id: "1" }, { discard: true }))
      yield* host.settled
      const [owner] = yield* world.backend.owners
      held = true
      // Somebody takes this process for dead, and it takes up the run that is free then.
      yield* world.backend.write([{ op: "reap", now: 0, owners: [owner!] }])
      const runs = yield* host.use(Runs.Runs) as Effect.Effect<Runs.Runs["Service"]>
      yield* Effect.forkChild(world.look)
      yield* Deferred.await(reading)
      yield* runs.signal(id, Go.name, "now")
      yield* Effect.yieldNow.pipe(Effect.repeat({ times: 50 }))
      read.openUnsafe()
      yield* host.settled
      yield* assertOutput(host, Taken, id, "now")
    }))

  it.effect("S6: a signal that this process sends comes behind one that another has written before", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const both = W.toLayer(() =>
        Effect.map(Effect.all([Signal.receive(Go), Signal.receive(Go)]), (two) => two.join())
      )
      const host = yield* world.start(Layer.merge(both, Runs.Runs.layer))
      const id = yield* host.use(W.execute({ id: "1" }, { discard: true }))
      yield* host.settled
      const payload = JSON.stringify({ name: Go.name, payload: "first" })
      yield* world.backend.write([{ op: "inbox", row: { run: id, id: "other", kind: "signal", payload, at: 0 } }])
      const runs = yield* host.use(Runs.Runs) as Effect.Effect<Runs.Runs["Service"]>
      yield* runs.signal(id, Go.name, "second")
      yield* host.settled
      yield* assertOutput(host, W, id, "first,second")
    }))

  it.effect("S7: a run whose time comes while a round is under way is taken up by the next", () =>
    Effect.gen(function*() {
      const memory = MemoryBackend.make(MemoryBackend.makeStore())
      /** What happens right after the next time that a host takes up runs that are due. */
      let then: Effect.Effect<void> = Effect.void
      const world = yield* CrashHost.makeOn({
        ...memory,
        write: (ops) =>
          Effect.tap(memory.write(ops), () => {
            if (!ops.some(({ op }) => op === "claim")) return Effect.void
            const now = then
            then = Effect.void
            return now
          })
      })
      const host = yield* world.start(W.toLayer(({ id }) => Effect.as(Effect.sleep(`${Number(id)} seconds`), id)))
      const ids = yield* Effect.forEach(["1", "3"], (id) => host.use(W.execute({ id }, { discard: true })))
      yield* host.settled
      yield* host.evict
      yield* host.settled
      then = TestClock.adjust("5 seconds")
      yield* TestClock.adjust("1 seconds")
      yield* host.settled
      yield* TestClock.adjust("1 millis")
      yield* host.settled
      yield* assertOutput(host, W, ids[0]!, "1")
      yield* assertOutput(host, W, ids[1]!, "3")
    }))

  it.effect("S4: a run for which there was no room begins when another has ended", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const gate = yield* Deferred.make<void>()
      const wait = Step.make("wait", { onCrash: "rerun", run: () => Deferred.await(gate) })
      const host = yield* world.start(W.toLayer(({ id }) => Effect.as(wait(), id)), { maxAwake: 1 })
      const ids = yield* Effect.forEach(["a", "b"], (id) => host.use(W.execute({ id }, { discard: true })))
      yield* host.settled
      assert.deepStrictEqual((yield* world.backend.census).byStatus, { queued: 1, running: 1 })
      yield* Deferred.succeed(gate, undefined)
      yield* host.settled
      for (const [index, id] of ids.entries()) yield* assertOutput(host, W, id, ["a", "b"][index])
    }))
})

describe("the key of a call", () => {
  it("is by its own number, whichever step was foreseen for it", () => {
    const pass = Pass.make(Ledger.empty())
    const call = (recordedAt: number) =>
      ({
        name: "a",
        key: undefined,
        inside: undefined,
        input: { recordedBy: { key: "foreseen" }, recordedAt }
      }) as unknown as Parameters<typeof StepKeys.keyOf>[1]
    assert.strictEqual(StepKeys.keyOf(pass, call(1)), "foreseen")
    assert.strictEqual(StepKeys.keyOf(pass, call(1)), "a~2")
    assert.strictEqual(StepKeys.keyOf(pass, call(3)), "foreseen")
  })
})
