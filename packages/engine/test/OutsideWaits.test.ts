import { assert, describe, it } from "@effect/vitest"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Effect, Exit, Layer } from "effect"
import { Activity, DurableDeferred, type WorkflowEngine } from "effect/workflow"
import type { Backend, InboxRow, Op } from "../src/Backend.ts"
import type { Engine } from "../src/Engine.ts"
import * as CurrentRuntime from "../src/internal/CurrentRuntime.ts"
import * as MemoryBackend from "../src/MemoryBackend.ts"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import { begin, define, exitOf, giveWay, Log } from "./support/Program.ts"

const Go = Signal.make("go")
const go = { name: "go", payload: null }
const Child = define("child")
const W = define("W")
const Answer = DurableDeferred.make("answer")
const childLayer = Child.toLayer(() => Signal.receive(Go))

const waits = {
  "a child": Effect.orDie(Child.execute({ id: "c" })),
  "a deferred": DurableDeferred.await(Answer)
}

describe("the body of a step that waits for something outside of it", () => {
  for (const what of Object.keys(waits) as ReadonlyArray<keyof typeof waits>) {
    for (const kind of ["step", "activity"] as const) {
      it.effect(`S2: does not go on in a run that was let go of, however often: ${what}, in ${kind === "step" ? "a step" : "an activity"}`, () =>
        Effect.gen(function*() {
          const world = yield* CrashHost.make
          const log = new Log()
          const body = log.add("begins").pipe(
            Effect.andThen(waits[what]),
            Effect.andThen(log.add("goes on")),
            Effect.onInterrupt(() => log.add("cut short")),
            Effect.asVoid
          )
          const step: Effect.Effect<
            void,
            never,
            Engine | WorkflowEngine.WorkflowEngine | WorkflowEngine.WorkflowInstance
          > = kind === "step"
            ? Step.make("delegate", { onCrash: "rerun", run: () => body as Effect.Effect<void> })()
            : Activity.make({ name: "delegate", execute: body })
          const host = yield* world.start(Layer.merge(childLayer, W.toLayer(() => Effect.as(step, "done"))))
          const id = yield* begin(host, W)
          for (let time = 0; time < 3; time++) {
            yield* giveWay(50)
            yield* host.evict
            yield* host.settled
            assert.strictEqual(yield* host.awake, 0)
            assert.isEmpty(
              yield* host.use(Effect.map(CurrentRuntime.current, (runtime) => runtime.waiters.runIds)),
              "nothing holds the body"
            )
            // Something else of the run is told, so that it comes back and waits again.
            yield* world.tell(id, "signal", { name: `other ${time}`, payload: null })
          }
          if (what === "a child") yield* world.tell(yield* Child.executionId({ id: "c" }), "signal", go)
          else yield* world.tell(id, "deferred", { name: "answer", exit: { _tag: "Success" } })
          yield* giveWay(200)
          yield* host.settled
          assert.deepStrictEqual(yield* exitOf(host, W, id), Exit.succeed("done"))
          assert.strictEqual(log.count("goes on"), 1)
          assert.strictEqual(log.count("cut short"), 0)
          assert.deepStrictEqual(
            (yield* world.story(id)).filter((entry) => entry.startsWith("StepCompleted")).length,
            1
          )
        }))
    }
  }
})

describe("the end of a run beside which somebody writes to it", () => {
  /** A store in which a row for the run comes just before its end, and is handed over while that is being written. */
  const makeWorld = Effect.fnUntraced(
    function*(row: { readonly id: string; readonly kind: string; readonly payload: string }) {
      const base = MemoryBackend.make(MemoryBackend.makeStore())
      const hook = { run: "", ends: 0, look: Effect.void as Effect.Effect<unknown> }
      const write = (ops: ReadonlyArray<Op>) =>
        Effect.suspend(() => {
          const { run } = hook
          hook.ends += ops.filter((op) => op.op === "commit" && op.ended !== undefined).length
          if (!ops.some((op) => op.op === "commit" && op.run === run && op.ended !== undefined)) return base.write(ops)
          hook.run = ""
          return base.write([{ op: "inbox", row: { ...row, run, at: 0 } }]).pipe(
            Effect.andThen(hook.look),
            Effect.andThen(giveWay(100)),
            Effect.andThen(base.write(ops))
          )
        })
      const inboxOf: Backend["inboxOf"] = (owner, limit) => Effect.andThen(giveWay(100), base.inboxOf(owner, limit))
      const world = yield* CrashHost.makeOn({ ...base, inboxOf, write: write as Backend["write"] })
      return { hook, world }
    }
  )

  const seen = {
    "when the store refuses the end": () => Effect.void,
    "by a look while the end is being written": (host: CrashHost.Host) =>
      host.use(Effect.map(CurrentRuntime.current, (runtime) => runtime.rounds.poke())),
    "handed over while the end is being written": (host: CrashHost.Host, row: InboxRow) =>
      host.use(Effect.map(CurrentRuntime.current, (runtime) => runtime.pool.get(row.run)!.receive(row)))
  }
  for (const [how, look] of Object.entries(seen)) {
    it.effect(`S3, S4: takes it first, says so in its journal, and ends: ${how}`, () =>
      Effect.gen(function*() {
        const late = { id: "late", kind: "signal", payload: JSON.stringify({ name: "late", payload: null }) }
        const { hook, world } = yield* makeWorld(late)
        const host = yield* world.start(W.toLayer(() => Effect.as(Signal.receive(Go), "done")))
        const id = yield* begin(host, W)
        hook.run = id
        hook.look = look(host, { ...late, run: id, at: 0 })
        yield* Effect.raceFirst(world.tell(id, "signal", go), giveWay(2_000))
        assert.deepStrictEqual(yield* exitOf(host, W, id), Exit.succeed("done"))
        assert.deepStrictEqual(yield* world.story(id), [
          "RunRequested",
          "SignalReceived go",
          "MessageRefused",
          "RunCompleted"
        ])
        assert.strictEqual(hook.ends, 2, "the end is not tried again before what it had not seen is there")
      }))
  }

  it.effect("S8: leaves its children all the same", () =>
    Effect.gen(function*() {
      const { hook, world } = yield* makeWorld({
        id: "late",
        kind: "signal",
        payload: JSON.stringify({ name: "late", payload: null })
      })
      const delegate = Step.make("delegate", {
        onCrash: "rerun",
        run: () => Effect.asVoid(Effect.orDie(Child.execute({ id: "c" })))
      })
      const host = yield* world.start(Layer.merge(childLayer, W.toLayer(() => delegate())))
      const id = yield* begin(host, W)
      yield* giveWay(50)
      hook.run = id
      hook.look = host.use(Effect.map(CurrentRuntime.current, (runtime) => runtime.rounds.poke()))
      yield* world.tell(id, "cancel", { kind: "cancel", by: "ada", reason: "no longer wanted" })
      assert.include(yield* world.run(id), { status: "cancelled" })
      assert.include(yield* world.run(yield* Child.executionId({ id: "c" })), { status: "cancelled" })
    }))
})
