import { assert, describe, it } from "@effect/vitest"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Deferred, Effect, Schedule, Schema } from "effect"
import { TestClock } from "effect/testing"
import { DurableDeferred, type WorkflowEngine } from "effect/workflow"
import * as Approval from "../src/Approval.ts"
import type { Engine } from "../src/Engine.ts"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import { assertOutput, begin, define, echo, Log, pass } from "./support/Program.ts"

const Go = Signal.make("go")
const go = { name: "go", payload: null }
const W = define("W")

/** Begins by saying so, waits, and ends with a step. */
const waiting = (log: Log) =>
  W.toLayer(Effect.fnUntraced(function*({ id }) {
    yield* log.add(`begins ${id}`)
    yield* Signal.receive(Go)
    return yield* echo(log)(id)
  }))

describe("parked runs", () => {
  it.effect("a short wait goes on without a replay", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const host = yield* world.start(waiting(log))
      const id = yield* begin(host, W, "a")
      yield* world.adjustHost(4_900)
      yield* world.tell(id, "signal", go)
      yield* assertOutput(host, W, id, "a")
      assert.deepStrictEqual(log.entries, ["begins a", "echo a"])
    }))

  it.effect("a run that has waited longer than parkedMs by the host's clock leaves the memory, and is replayed", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const host = yield* world.start(waiting(log))
      const id = yield* begin(host, W, "a")
      yield* TestClock.adjust("1 day")
      assert.strictEqual(yield* host.awake, 1)
      yield* world.adjustHost(5_200)
      assert.strictEqual(yield* host.awake, 0)
      assert.include(yield* world.run(id), { status: "suspended", reason: "signal", owner: null })
      yield* world.tell(id, "signal", go)
      yield* assertOutput(host, W, id, "a")
      assert.deepStrictEqual(log.entries, ["begins a", "begins a", "echo a"])
    }))

  it.effect(
    "of 2,000 suspended runs no more than maxParked stay in memory, and all go on",
    () =>
      Effect.gen(function*() {
        const world = yield* CrashHost.make
        const log = new Log()
        const host = yield* world.start(waiting(log), { maxParked: 50 })
        const names = Array.from({ length: 2_000 }, (_, index) => `${index}`)
        yield* host.use(
          Effect.forEach(names, (id) => W.execute({ id }, { discard: true }), { concurrency: "unbounded" })
        )
        yield* host.settled
        assert.deepStrictEqual((yield* world.backend.census).byStatus, { suspended: 2_000 })
        assert.isAtMost(yield* host.awake, 50)
        yield* host.use(Effect.forEach(names, (name) =>
          Effect.flatMap(W.executionId({ id: name }), (runId) =>
            Signal.send(Go, { runId, payload: undefined }))))
        yield* host.settled
        assert.deepStrictEqual((yield* world.backend.census).byStatus, { completed: 2_000 })
        assert.strictEqual(
          new Set(log.entries.filter((entry) =>
            entry.startsWith("echo")
          )).size,
          2_000
        )
      })
  )

  it.effect("S4: eviction runs no finalizer and no compensation, whatever the run waits for", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const wait = (
        name: string
      ): Effect.Effect<void, never, Engine | WorkflowEngine.WorkflowEngine | WorkflowEngine.WorkflowInstance> => {
        switch (name) {
          case "signal":
            return Signal.receive(Go)
          case "approval":
            return Effect.ignore(Approval.ask("ok", { prompt: "?", approvers: ["ada"] }))
          case "deferred":
            return DurableDeferred.await(DurableDeferred.make("done"))
          case "backoff":
            return Effect.ignore(failing())
          default:
            return Effect.sleep("1 day")
        }
      }
      const host = yield* world.start(W.toLayer(Effect.fnUntraced(function*({ id }) {
        yield* echo(log)(id).pipe(W.withCompensation(() => log.add("compensated")))
        yield* Effect.addFinalizer(() => log.add("scope closed"))
        yield* wait(id).pipe(
          Effect.onExit(() => log.add("exit")),
          Effect.onInterrupt(() => log.add("interrupted")),
          Effect.ensuring(log.add("ensured"))
        )
      }, Effect.scoped)))
      const names = ["signal", "approval", "deferred", "backoff", "sleep"]
      for (const name of names) yield* begin(host, W, name)
      assert.strictEqual(yield* host.awake, names.length)
      yield* host.evict
      yield* host.settled
      assert.strictEqual(yield* host.awake, 0)
      yield* host.close
      assert.deepStrictEqual(log.entries, names.map((name) => `echo ${name}`))
    }))

  it.effect("S7: a run whose process has died, and that waits as before, says nothing in its journal", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const layer = waiting(new Log())
      let host = yield* world.start(layer)
      const id = yield* begin(host, W, "a")
      const tags = Effect.map(world.journal(id), (entries) => entries.map(({ _tag }) => _tag))
      const before = yield* tags
      host = yield* world.restart(host, layer)
      yield* host.settled
      assert.deepStrictEqual(yield* tags, before)
    }))

  it.effect("a run with a step at work is not evicted", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const gate = Deferred.makeUnsafe<void>()
      const work = Step.make("work", {
        onCrash: "rerun",
        run: () => Effect.andThen(log.add("work"), Deferred.await(gate))
      })
      const host = yield* world.start(
        W.toLayer(() => Effect.as(Effect.all([work(), Signal.receive(Go)], { concurrency: 2 }), "done"))
      )
      const id = yield* begin(host, W)
      yield* host.evict
      yield* world.adjustHost(60_000)
      assert.strictEqual(yield* host.awake, 1)
      yield* Deferred.succeed(gate, undefined)
      yield* host.settled
      yield* host.evict
      yield* host.settled
      assert.strictEqual(yield* host.awake, 0)
      yield* world.tell(id, "signal", go)
      yield* assertOutput(host, W, id, "done")
      assert.deepStrictEqual(log.entries, ["work"])
    }))

  it.effect("a step that itself waits for something durable is evicted with its run, and begins again", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const Answer = DurableDeferred.make("answer", { success: Schema.String })
      const work = Step.make("work", {
        success: Schema.String,
        onCrash: "rerun",
        run: () => Effect.andThen(log.add("work"), Effect.orDie(DurableDeferred.await(Answer)))
      })
      const host = yield* world.start(W.toLayer(() => work()))
      const id = yield* begin(host, W)
      assert.include(yield* world.run(id), { status: "suspended", reason: "signal" })
      yield* host.evict
      yield* host.settled
      assert.strictEqual(yield* host.awake, 0)
      yield* host.use(DurableDeferred.succeed(Answer, {
        token: DurableDeferred.tokenFromExecutionId(Answer, { workflow: W, executionId: id }),
        value: "yes"
      }))
      yield* host.settled
      yield* assertOutput(host, W, id, "yes")
      assert.deepStrictEqual(log.entries, ["work", "work"])
      const requests = (yield* world.journal(id)).filter((entry) => entry._tag === "StepRequested")
      assert.deepStrictEqual(requests.map((entry) => entry.recovery), [undefined, undefined], "this is no crash")
    }))

  it.effect("S7: the timeout of a step that waits for something durable is not forgotten when its run is evicted", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const work = Step.make("work", {
        onCrash: "rerun",
        timeout: "1 hour",
        run: () => DurableDeferred.await(DurableDeferred.make("never"))
      })
      const host = yield* world.start(
        W.toLayer(() => Effect.catchDefect(work(), (defect) => Effect.succeed(String(defect))))
      )
      const id = yield* begin(host, W)
      yield* world.adjustHost(6_000)
      assert.strictEqual(yield* host.awake, 0)
      for (let hour = 0; hour < 3; hour++) {
        yield* pass(host, "1 hour")
        yield* world.adjustHost(6_000)
      }
      yield* assertOutput(host, W, id, `StepTimedOut: Step "work" took longer than its timeout of 3600000 ms`)
    }))

  it.effect("S7: an evicted run is due when its earliest wait ends", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* world.start(W.toLayer(() =>
        Effect.as(
          Effect.all([Effect.sleep("3 hours"), Effect.sleep("1 hour"), Effect.ignore(failing())], { concurrency: 3 }),
          "done"
        )
      ))
      const id = yield* begin(host, W)
      yield* host.evict
      yield* host.settled
      assert.strictEqual((yield* world.run(id)).dueAt, 30 * 60_000)
      yield* pass(host, "30 minutes")
      yield* host.evict
      yield* host.settled
      assert.strictEqual((yield* world.run(id)).dueAt, 60 * 60_000)
      yield* pass(host, "3 hours")
      yield* assertOutput(host, W, id, "done")
    }))
})

/** Fails, and is tried once more half an hour later. */
const failing = Step.make("failing", {
  error: Schema.String,
  onCrash: "rerun",
  retry: Schedule.spaced("30 minutes").pipe(Schedule.upTo({ times: 1 })),
  run: () => Effect.fail("no")
})
