import { assert, describe, it } from "@effect/vitest"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Clock, Deferred, Effect, Layer, Logger, Schedule, Schema } from "effect"
import { TestClock } from "effect/testing"
import { DurableClock, WorkflowEngine } from "effect/workflow"
import * as Approval from "../src/Approval.ts"
import type { Engine } from "../src/Engine.ts"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import * as Workflows from "../src/Workflows.ts"
import { begin, define, echo, Log, pass, stuck } from "./support/Program.ts"

const Go = Signal.make("go")
const cancel = { kind: "cancel", by: "ada", reason: "no longer wanted" } as const

describe("Cancel", () => {
  it.effect("S3: a cancel that was taken survives a crash in the grace of an `ask` step", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const W = define("W")
      const layer = W.toLayer(() => stuck(log, "pay", "ask")())
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      assert.strictEqual(yield* world.tell(id, "cancel", cancel), "accepted")
      const second = yield* world.restart(first, layer)
      yield* second.settled
      yield* TestClock.adjust("30 seconds")
      yield* second.settled
      assert.strictEqual((yield* world.run(id)).status, "cancelled")
    }))

  it.effect("S8: a paused run that is cancelled runs its compensations", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const W = define("W")
      const undo = echo(log, "undo")
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        yield* echo(log)("a").pipe(W.withCompensation(() => Effect.asVoid(undo("a"))))
        yield* Signal.receive(Go)
      }))
      const host = yield* world.start(layer)
      const id = yield* begin(host, W)
      yield* world.tell(id, "pause", { by: "ada" })
      yield* world.tell(id, "cancel", cancel)
      assert.deepStrictEqual(log.entries, ["echo a", "undo a"])
      assert.strictEqual((yield* world.run(id)).status, "cancelled")
    }))

  it.effect("S9: a run that is cancelled in the grace of its last `ask` step replays", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const gate = Deferred.makeUnsafe<void>()
      const W = define("W")
      const pay = Step.make("pay", { onCrash: "ask", run: () => Deferred.await(gate) })
      const undo = echo(log, "undo")
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        yield* pay().pipe(
          W.withCompensation(() => Effect.andThen(undo("pay"), Effect.asVoid(stuck(log, "refund", "rerun")())))
        )
        yield* Effect.yieldNow
        yield* echo(log)("after")
      }))
      const first = yield* world.start(layer)
      const id = yield* begin(first, W)
      yield* world.tell(id, "cancel", cancel)
      yield* Deferred.succeed(gate, undefined)
      yield* first.settled
      const second = yield* world.restart(first, layer)
      yield* second.settled
      assert.deepInclude(yield* world.run(id), { status: "running", reason: null })
      assert.deepStrictEqual(log.entries.filter((entry) => !entry.startsWith("refund")), ["undo pay"])
    }))

  it.effect("S8: no step of a run that is cancelled before it begins runs", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const W = define("W")
      const layer = W.toLayer(() => echo(log)("x"))
      const definer = yield* world.start(layer)
      yield* definer.close
      const client = yield* world.start(Layer.empty)
      const id = yield* begin(client, W)
      assert.strictEqual(yield* world.tell(id, "cancel", cancel), "accepted")
      const host = yield* world.start(layer)
      yield* host.settled
      assert.strictEqual((yield* world.run(id)).status, "cancelled")
      assert.isEmpty(log.entries)
    }))

  it.effect("S8: the first cancel counts: it compensates once, in reverse, and its reason is kept", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const gate = Deferred.makeUnsafe<void>()
      const W = define("W")
      const undo = Step.make("undo", {
        input: Schema.String,
        onCrash: "rerun",
        run: (text) => Effect.andThen(log.add(`undo ${text}`), Deferred.await(gate))
      })
      const layer = W.toLayer(Effect.fnUntraced(function*() {
        for (const name of ["a", "b"]) yield* echo(log)(name).pipe(W.withCompensation((value) => undo(value)))
        yield* stuck(log, "work", "rerun")()
      }))
      const host = yield* world.start(layer)
      const id = yield* begin(host, W)
      yield* world.tell(id, "cancel", cancel)
      yield* world.tell(id, "cancel", { kind: "cancel", by: "bob", reason: "me too" })
      yield* Deferred.succeed(gate, undefined)
      yield* host.settled
      assert.deepStrictEqual(log.entries.filter((entry) => !entry.startsWith("work")), [
        "echo a",
        "echo b",
        "undo b",
        "undo a"
      ])
      assert.deepInclude((yield* world.journal(id)).at(-1), {
        _tag: "RunCancelled",
        by: "ada",
        reason: "no longer wanted"
      })
      assert.strictEqual((yield* world.story(id)).filter((entry) => entry === "StopRequested").length, 1)
      assert.isEmpty(yield* world.inbox(id))
    }))

  it.effect("S8: reaches a run wherever it waits, in memory and evicted, and what it waited for does not happen", () =>
    Effect.gen(function*() {
      const log = new Log()
      const flaky = Step.make("flaky", {
        error: Schema.String,
        onCrash: "rerun",
        retry: Schedule.spaced("1 hour"),
        run: () => Effect.andThen(log.add("flaky"), Effect.fail("no"))
      })
      const waits: ReadonlyArray<
        Effect.Effect<void, never, Engine | WorkflowEngine.WorkflowEngine | WorkflowEngine.WorkflowInstance>
      > = [
        Effect.sleep("1 hour"),
        Signal.receive(Go),
        Effect.ignore(Approval.ask("ok", { prompt: "?", approvers: ["ada"] })),
        Effect.ignore(flaky()),
        DurableClock.sleep({ name: "long", duration: "1 day" })
      ]
      for (const evicted of [false, true]) {
        for (const wait of waits) {
          const world = yield* CrashHost.make
          const W = define("W")
          const host = yield* world.start(W.toLayer(() => Effect.andThen(wait, echo(log)("after"))))
          const id = yield* begin(host, W)
          if (evicted) yield* host.evict
          yield* host.settled
          yield* world.tell(id, "cancel", cancel)
          assert.strictEqual((yield* world.run(id)).status, "cancelled")
          assert.isEmpty(yield* world.approvals(id))
          yield* pass(host, "2 days")
          yield* host.kill
        }
      }
      assert.deepStrictEqual(log.entries, ["flaky", "flaky"])
    }))

  it.effect("S8: a body at work is interrupted, and an `ask` body has its grace, whose outcome is recorded", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const work = (name: string, onCrash: "ask" | "rerun") =>
        Step.make(name, {
          onCrash,
          run: () => Effect.onInterrupt(Effect.sleep("20 seconds"), () => log.add(`${name} interrupted`))
        })
      const W = define("W")
      const host = yield* world.start(
        W.toLayer(() => Effect.all([work("pay", "ask")(), work("count", "rerun")()], { concurrency: 2 }))
      )
      const id = yield* begin(host, W)
      yield* world.tell(id, "cancel", cancel)
      assert.strictEqual((yield* world.run(id)).status, "running")
      yield* pass(host, "20 seconds")
      assert.strictEqual((yield* world.run(id)).status, "cancelled")
      assert.isTrue((yield* world.story(id)).includes("StepCompleted pay"))
    }))

  it.effect("S8: the grace is over with its last body, and what is undone then is not woken for it", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const gate = Deferred.makeUnsafe<void>()
      const pay = Step.make("pay", { onCrash: "ask", run: () => Deferred.await(gate) })
      const W = define("W")
      const host = yield* world.start(
        W.toLayer(() =>
          W.withCompensation(Effect.void, () => Effect.sleep("1 day")).pipe(
            Effect.andThen(pay()),
            Effect.andThen(Signal.receive(Go))
          )
        )
      )
      const id = yield* begin(host, W)
      yield* world.tell(id, "cancel", cancel)
      yield* Deferred.succeed(gate, undefined)
      yield* host.settled
      const now = yield* Clock.currentTimeMillis
      yield* host.evict
      yield* host.settled
      assert.include(yield* world.run(id), { status: "suspended", reason: "timer" })
      assert.strictEqual(yield* world.backend.nextDue(now, null), now + 86_400_000)
      yield* pass(host, "1 day")
      assert.strictEqual((yield* world.run(id)).status, "cancelled")
    }))

  it.effect("S8: an `ask` body that stops at once has no grace", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const ended: Array<string> = []
      const W = define("W")
      const command = Step.make("command", {
        onCrash: "ask",
        stopsAtOnce: true,
        run: () => Effect.onInterrupt(Effect.never, () => Effect.sync(() => void ended.push("killed")))
      })
      const host = yield* world.start(W.toLayer(() => command()))
      const id = yield* begin(host, W)
      yield* world.tell(id, "cancel", cancel)
      assert.deepStrictEqual(ended, ["killed"])
      assert.strictEqual((yield* world.run(id)).status, "cancelled")
    }))

  it.effect("S8: an `ask` body that does not end within its grace is interrupted", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const pay = Step.make("pay", {
        onCrash: "ask",
        run: () => Effect.onInterrupt(Effect.never, () => log.add("interrupted"))
      })
      const W = define("W")
      const host = yield* world.start(W.toLayer(() => pay()))
      const id = yield* begin(host, W)
      yield* world.tell(id, "cancel", cancel)
      yield* pass(host, "29 seconds")
      assert.strictEqual((yield* world.run(id)).status, "running")
      yield* pass(host, "1 second")
      assert.strictEqual((yield* world.run(id)).status, "cancelled")
      assert.deepStrictEqual(log.entries, ["interrupted"])
    }))

  it.effect("S8: ends a run that waits for an operator: with an unknown outcome, and given up by recovery", () =>
    Effect.gen(function*() {
      for (const onCrash of ["ask", "rerun"] as const) {
        const world = yield* CrashHost.make
        const log = new Log()
        const W = define("W")
        const undo = echo(log, "undo")
        const layer = W.toLayer(() =>
          echo(log)("x").pipe(
            W.withCompensation((value) => Effect.asVoid(undo(value))),
            Effect.andThen(stuck(log, "work", onCrash)())
          )
        )
        let host = yield* world.start(layer)
        const id = yield* begin(host, W)
        for (let crash = 0; crash < (onCrash === "ask" ? 1 : 6); crash++) {
          host = yield* world.restart(host, layer)
          yield* host.settled
        }
        assert.include(yield* world.run(id), {
          status: "suspended",
          reason: onCrash === "ask" ? "outcome-unknown" : "recovery"
        })
        yield* world.tell(id, "cancel", cancel)
        assert.strictEqual((yield* world.run(id)).status, "cancelled")
        assert.strictEqual(log.count("undo x"), 1)
        yield* host.kill
      }
    }).pipe(Effect.provide(Logger.layer([]))))

  it.effect("S4, S8: a run that dies in the middle of its cancel ends cancelled, each compensation recorded once", () =>
    Effect.gen(function*() {
      for (let write = 1, killed = true; killed; write++) {
        const world = yield* CrashHost.make
        const log = new Log()
        const W = define("W")
        const undo = echo(log, "undo")
        const layer = W.toLayer(Effect.fnUntraced(function*() {
          for (const name of ["a", "b"]) {
            yield* echo(log)(name).pipe(W.withCompensation((value) => Effect.asVoid(undo(value))))
          }
          yield* stuck(log, "work", "rerun")()
        }))
        let host = yield* world.start(layer)
        const id = yield* begin(host, W)
        host.killAt(write, "after", "every")
        yield* world.tell(id, "cancel", cancel)
        killed = host.killed()
        if (killed) host = yield* world.restart(host, layer)
        yield* host.settled
        assert.strictEqual((yield* world.run(id)).status, "cancelled", `write ${write}`)
        assert.deepStrictEqual(
          (yield* world.story(id)).filter((entry) => entry.startsWith("StepCompleted undo")),
          ["StepCompleted undo", "StepCompleted undo~2"]
        )
        yield* host.kill
      }
    }))

  it.effect("S8: one cancel is one interrupt in the recorded cause, wherever a crash falls behind it", () =>
    Effect.gen(function*() {
      const slow = Step.make("slow", { onCrash: "rerun", run: () => Effect.sleep("1 minute") })
      const bodies = {
        plain: Signal.receive(Go),
        uninterruptible: Effect.uninterruptible(Effect.sleep("1 minute")),
        "before an end": Effect.andThen(Effect.uninterruptible(slow()), slow()),
        "beside a wait": Effect.all([Effect.uninterruptible(slow()), Signal.receive(Go)], { concurrency: 2 }),
        finalizer: Effect.onInterrupt(Signal.receive(Go), () => slow())
      }
      for (const [name, body] of Object.entries(bodies)) {
        for (const crash of [-1, 0, 1, 2, 3]) {
          const world = yield* CrashHost.make
          const W = define("W")
          const layer = W.toLayer(
            Effect.fn("body")(function*() {
              // With a name, so that an interrupt from within it is another than one of the body.
              yield* Effect.void.pipe(W.withCompensation(Effect.fn("undo")(() => slow())))
              yield* body
            })
          )
          let host = yield* world.start(layer)
          const id = yield* begin(host, W)
          yield* world.tell(id, "cancel", cancel)
          for (let half = 0; half < 8; half++) {
            if (half === crash) host = yield* world.restart(host, layer)
            yield* pass(host, "30 seconds")
          }
          const end = (yield* world.journal(id)).at(-1)
          assert.deepInclude(
            end,
            { _tag: "RunCancelled", cause: [{ _tag: "Interrupt" }] },
            `${name}, crash after ${crash} half minutes`
          )
          yield* host.kill
        }
      }
    }))

  it.effect("S8, S12: a body that was told to stop still sees no interrupted instance, and its finalizers have all the steps that they ask for", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const W = define("W").annotate(Workflows.Limits, { maxSteps: 1 })
      const seen: Array<boolean> = []
      const look = Effect.map(WorkflowEngine.WorkflowInstance, ({ interrupted }) => void seen.push(interrupted))
      const host = yield* world.start(W.toLayer(Effect.fnUntraced(function*() {
        yield* echo(log)("a")
        yield* Effect.ensuring(Signal.receive(Go), Effect.andThen(look, Effect.andThen(echo(log)("b"), echo(log)("c"))))
      })))
      const id = yield* begin(host, W)
      yield* world.tell(id, "cancel", cancel)
      assert.strictEqual((yield* world.run(id)).status, "cancelled")
      assert.deepStrictEqual(log.entries, ["echo a", "echo b", "echo c"])
      assert.deepStrictEqual(seen, [false])
    }))

  it.effect("S8: a cancel reaches a child that was asked for in a scope inside the body", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const W = define("W")
      const Child = define("Child")
      const host = yield* world.start(Layer.merge(
        W.toLayer(() => Effect.scoped(Child.execute({ id: "c" }))),
        Child.toLayer(() => Signal.receive(Go))
      ))
      const id = yield* begin(host, W)
      yield* world.tell(id, "cancel", cancel)
      assert.strictEqual((yield* world.run(id)).status, "cancelled")
      assert.strictEqual((yield* world.run(yield* Child.executionId({ id: "c" }))).status, "cancelled")
    }))

  it.effect("a run that goes on in spite of the interrupt completes with what it gives", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const W = define("W")
      const host = yield* world.start(
        W.toLayer(() => Effect.uninterruptible(Effect.andThen(Signal.receive(Go), echo(log)("last"))))
      )
      const id = yield* begin(host, W)
      yield* world.tell(id, "cancel", cancel)
      assert.include(yield* world.run(id), { status: "suspended", reason: "signal" })
      yield* world.tell(id, "signal", { name: "go", payload: null })
      assert.deepStrictEqual(log.entries, ["echo last"])
      assert.include(["completed", "cancelled"], (yield* world.run(id)).status)
    }))
})
