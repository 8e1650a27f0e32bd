import { assert, describe, it } from "@effect/vitest"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Cause, Effect, Exit, Fiber, Layer, Logger, Stream } from "effect"
import { Activity } from "effect/workflow"
import { Engine } from "../src/Engine.ts"
import { Events } from "../src/Events.ts"
import { Runs } from "../src/Runs.ts"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import { begin, define, echo, exitOf, giveWay, Log, stuck } from "./support/Program.ts"

const Go = Signal.make("go")
const go = { name: "go", payload: null }
const W = define("W")
const Child = define("child")

const services = Layer.mergeAll(Runs.layer, Events.layer)

/** Forks it where the end of the host does not reach it. */
const outside = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.tap(Effect.forkDetach(effect), giveWay(50))

const assertInterrupted = Effect.fnUntraced(function*(fiber: Fiber.Fiber<unknown, unknown>, what: string) {
  yield* Effect.raceFirst(Fiber.await(fiber), giveWay())
  const exit = fiber.pollUnsafe()
  assert.isTrue(
    exit !== undefined && Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause),
    `${what}: ${String(exit)}`
  )
})

describe("an engine that closes", () => {
  it.effect("S4: interrupts who waits for a run, whether that works or waits, and each of several; the run goes on elsewhere", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const undo = echo(log, "undo")
      const layer = W.toLayer(({ id }) =>
        echo(log)(id).pipe(
          W.withCompensation((value) => Effect.asVoid(undo(value))),
          Effect.andThen(id === "works" ? stuck(log, "work", "rerun")() : Signal.receive(Go)),
          Effect.as("done")
        )
      )
      const host = yield* world.start(layer)
      const callers = yield* Effect.forEach(["works", "waits", "waits"], (id) => outside(host.use(W.execute({ id }))))
      yield* host.settled
      yield* host.close
      for (const caller of callers) yield* assertInterrupted(caller, "a caller")
      const next = yield* world.start(layer)
      const id = yield* W.executionId({ id: "waits" })
      assert.include(yield* world.run(id), { status: "suspended", reason: "signal" })
      yield* world.tell(id, "signal", go)
      assert.deepStrictEqual(yield* exitOf(next, W, id), Exit.succeed("done"))
      assert.strictEqual(log.entries.filter((entry) => entry.startsWith("undo")).length, 0)
    }))

  it.effect("S4: interrupts who waits for a run that nobody here serves", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const definer = yield* world.start(W.toLayer(() => Effect.succeed("done")))
      yield* definer.close
      const client = yield* world.start(Layer.empty)
      const caller = yield* outside(client.use(W.execute({ id: "1" })))
      yield* client.close
      yield* assertInterrupted(caller, "a caller")
      assert.include(yield* world.run(yield* W.executionId({ id: "1" })), { status: "queued" })
    }))

  it.effect("interrupts those who ask when it has closed", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const host = yield* world.start(W.toLayer(() => Signal.receive(Go)))
      yield* begin(host, W)
      yield* host.close
      yield* assertInterrupted(yield* outside(host.use(W.execute({ id: "1" }))), "a caller")
    }))

  it.effect("interrupts followers of runs, of what is committed and of events, behind the last that they were told", () =>
    Effect.gen(function*() {
      const world = yield* CrashHost.make
      const log = new Log()
      const host = yield* world.start(W.toLayer(() => Effect.andThen(echo(log)("x"), Signal.receive(Go))))
      const id = yield* begin(host, W)
      const told: Array<string> = []
      const each = (what: string) => Stream.runForEach(() => Effect.sync(() => void told.push(what)))
      const follow = Runs.use((runs) => each("follow")(runs.follow(id)))
      const atRest = Runs.use((runs) => Stream.runDrain(runs.follow(id, { untilSuspended: true })))
      const committed = Engine.use((engine) => each("committed")(engine.committed))
      const events = Events.use((events) => each("events")(events.subscribe("**")))
      const followers = [
        yield* outside(host.use(Effect.provide(follow, services))),
        yield* outside(host.use(committed)),
        yield* outside(host.use(Effect.provide(events, services)))
      ]
      yield* host.use(Effect.provide(atRest, services))
      yield* world.tell(id, "pause", { by: "ada" })
      yield* giveWay(50)
      yield* host.close
      for (const [index, what] of ["follow", "committed", "events"].entries()) {
        yield* assertInterrupted(followers[index]!, what)
      }
      assert.includeMembers(told, ["follow", "committed", "events"])
    }))

  it.effect("S1, S4: does nothing to a run whose step waits for another: no outcome, and no finalizer of the body", () =>
    Effect.gen(function*() {
      for (const kind of ["step", "ask step", "activity"] as const) {
        const world = yield* CrashHost.make
        const log = new Log()
        const body = Effect.onExit(
          Effect.orDie(Child.execute({ id: "c" })),
          (exit) => log.add(Exit.isSuccess(exit) ? "told" : "cut short")
        )
        const step = kind === "activity"
          ? Activity.make({ name: "delegate", execute: Effect.asVoid(body) })
          : Step.make("delegate", { onCrash: kind === "step" ? "rerun" : "ask", run: () => Effect.asVoid(body) })()
        const layer = Layer.merge(Child.toLayer(() => Signal.receive(Go)), W.toLayer(() => Effect.as(step, "done")))
        const host = yield* world.start(layer)
        const id = yield* begin(host, W)
        const closing = yield* outside(host.close)
        // A step that may not run twice is given its time to end.
        if (kind === "ask step") yield* Effect.andThen(world.adjustHost(30_000), giveWay(50))
        yield* Effect.raceFirst(Fiber.join(closing), giveWay())
        assert.isFalse(
          (yield* world.journal(id)).some((entry) => entry._tag === "StepFailed" || entry._tag === "StepCompleted"),
          kind
        )
        const next = yield* world.start(layer)
        yield* next.settled
        if (kind === "ask step") continue
        assert.isEmpty(log.entries)
        yield* world.tell(yield* Child.executionId({ id: "c" }), "signal", go)
        yield* giveWay(50)
        yield* next.settled
        assert.deepStrictEqual(yield* exitOf(next, W, id), Exit.succeed("done"), kind)
        assert.deepStrictEqual(log.entries, ["told"])
        yield* next.kill
      }
    }).pipe(Effect.provide(Logger.layer([]))))
})
