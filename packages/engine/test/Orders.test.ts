import { assert, describe, it } from "@effect/vitest"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Effect, Exit, Layer, Logger } from "effect"
import { Activity, type WorkflowEngine } from "effect/workflow"
import type { Engine } from "../src/Engine.ts"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import { begin, define, echo, exitOf, Log } from "./support/Program.ts"

const Go = Signal.make("go")
const go = { name: "go", payload: null }

const Other = define("other")
const W = define("W")
const other = Other.executionId({ id: "o" })
const interrupt = Effect.flatMap(other, (id) => Other.interrupt(id))
const resume = Effect.flatMap(other, (id) => Other.resume(id))

type Asked = Effect.Effect<unknown, never, WorkflowEngine.WorkflowEngine | WorkflowEngine.WorkflowInstance | Engine>

/** Where the order is given. */
const places: Readonly<Record<string, (order: Effect.Effect<void, never, WorkflowEngine.WorkflowEngine>) => Asked>> = {
  "in a body": (order) => order,
  "in a step": (order) => Step.make("order", { onCrash: "rerun", run: () => order })(),
  "in an activity": (order) => Activity.make({ name: "order", execute: order })
}

describe("orders to other runs", () => {
  for (const [where, give] of Object.entries(places)) {
    it.effect(`S8: an interrupt ${where} stops the run of somebody else, is journaled there with who gave it, and is not repeated on replay`, () =>
      Effect.gen(function*() {
        const world = yield* CrashHost.make
        const log = new Log()
        const layer = Layer.merge(
          Other.toLayer(() => Signal.receive(Go)),
          W.toLayer(() => Effect.andThen(give(interrupt), Effect.andThen(Signal.receive(Go), echo(log)("after"))))
        )
        const host = yield* world.start(layer)
        const target = yield* begin(host, Other, "o")
        const id = yield* begin(host, W)
        assert.deepInclude((yield* world.journal(target)).at(-1), {
          _tag: "RunCancelled",
          by: id,
          reason: "interrupted"
        })
        const again = yield* begin(host, Other, "o2")
        const next = yield* world.restart(host, layer)
        yield* next.settled
        yield* world.tell(id, "signal", go)
        assert.deepStrictEqual(yield* exitOf(next, W, id), Exit.succeed("after"))
        assert.include(yield* world.run(again), { status: "suspended" })
        assert.lengthOf((yield* world.journal(target)).filter((entry) => entry._tag === "StopRequested"), 1)
      }))

    it.effect(`S9: a resume ${where} is recorded once and ends a pause, and a replay does not give it again`, () =>
      Effect.gen(function*() {
        const world = yield* CrashHost.make
        const log = new Log()
        const layer = Layer.merge(
          Other.toLayer(() =>
            Signal.receive(Go).pipe(Effect.andThen(echo(log)("other")), Effect.andThen(Signal.receive(Go)))
          ),
          W.toLayer(() => Effect.andThen(Signal.receive(Go), Effect.andThen(give(resume), Signal.receive(Go))))
        )
        const host = yield* world.start(layer)
        const target = yield* begin(host, Other, "o")
        yield* world.tell(target, "pause", { by: "ada" })
        yield* world.tell(target, "signal", go)
        const id = yield* begin(host, W)
        assert.isEmpty(log.entries)
        yield* world.tell(id, "signal", go)
        assert.deepStrictEqual(log.entries, ["echo other"])
        assert.lengthOf((yield* world.journal(target)).filter((entry) => entry._tag === "RunResumed"), 1)

        yield* world.tell(target, "pause", { by: "ada" })
        const next = yield* world.restart(host, layer)
        yield* next.settled
        assert.include(yield* world.run(target), { status: "suspended", reason: "operator" })
        yield* world.tell(id, "signal", go)
        assert.include(yield* world.run(id), { status: "completed" })
      }))
  }

  it.effect("S8: a run may order itself to stop, from its body and from a step", () =>
    Effect.gen(function*() {
      for (const give of Object.values(places)) {
        const world = yield* CrashHost.make
        const log = new Log()
        const host = yield* world.start(W.toLayer(() =>
          echo(log)("x").pipe(
            W.withCompensation(() => log.add("undo")),
            Effect.andThen(give(Effect.flatMap(W.executionId({ id: "1" }), (id) => W.interrupt(id)))),
            Effect.andThen(Signal.receive(Go))
          )
        ))
        const id = yield* begin(host, W)
        yield* host.settled
        assert.include(yield* world.run(id), { status: "cancelled" })
        assert.deepStrictEqual(log.entries, ["echo x", "undo"])
        yield* host.kill
      }
    }).pipe(Effect.provide(Logger.layer([]))))

  it.effect("S8: an order from outside stops a run whoever waits for it, and those that wait see that", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* world.start(
        Layer.merge(Other.toLayer(() => Signal.receive(Go)), W.toLayer(() => Other.execute({ id: "o" })))
      )
      const waiting = [yield* begin(host, W, "1"), yield* begin(host, W, "2")]
      yield* host.use(interrupt)
      yield* host.settled
      for (const id of waiting) assert.isTrue(Exit.isFailure((yield* exitOf(host, W, id))!))
      assert.deepInclude((yield* world.journal(yield* other)).at(-1), { by: "program" })
    }))

  it.effect("orders to a run that is over or unknown change nothing", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* world.start(Layer.merge(
        Other.toLayer(() => Effect.succeed("done")),
        W.toLayer(() => Effect.all([interrupt, resume], { discard: true }))
      ))
      const before = yield* begin(host, W, "before")
      assert.isNull(yield* world.backend.run(yield* other))
      const target = yield* begin(host, Other, "o")
      const after = yield* begin(host, W, "after")
      for (const id of [before, after]) {
        assert.include(yield* world.run(id), { status: "completed" })
      }
      assert.deepStrictEqual(yield* exitOf(host, Other, target), Exit.succeed("done"))
      assert.strictEqual((yield* world.backend.census).outbox, 0)
    }))
})
