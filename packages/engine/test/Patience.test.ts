import { assert, describe, it } from "@effect/vitest"
import * as CrashHost from "@fermata/testing/CrashHost"
import { Effect, Exit, Layer, Logger, Schema } from "effect"
import { TestClock } from "effect/testing"
import { Activity, DurableClock, DurableDeferred, type WorkflowEngine } from "effect/workflow"
import { type Backend, type Op, StorageFailed } from "../src/Backend.ts"
import type { Engine } from "../src/Engine.ts"
import { Events } from "../src/Events.ts"
import * as MemoryBackend from "../src/MemoryBackend.ts"
import { Runs } from "../src/Runs.ts"
import * as Signal from "../src/Signal.ts"
import * as Step from "../src/Step.ts"
import { begin, define, exitOf, giveWay, Log } from "./support/Program.ts"

const Go = Signal.make("go")
const Answer = DurableDeferred.make("answer", { success: Schema.String })
const quiet = Logger.layer([])

/** Ends at once. */
const Quick = define("quick", { success: Schema.String })
/** Waits until somebody says go, or stops it. */
const Waiting = define("waiting", { success: Schema.String })
const Errand = define("errand", { success: Schema.Unknown })
const waiting = Waiting.executionId({ id: "w" })

type Services = WorkflowEngine.WorkflowEngine | WorkflowEngine.WorkflowInstance | Engine | Runs | Events

/** What the body of a step asks of the engine, and how that shows. */
const asked: Readonly<Record<string, Effect.Effect<unknown, unknown, Services>>> = {
  "executes a child": Quick.execute({ id: "q" }),
  "discards a child": Quick.execute({ id: "q" }, { discard: true }),
  "detaches a child": Quick.execute({ id: "q" }, { discard: true, detached: true }),
  "interrupts a run": Effect.flatMap(waiting, (id) => Waiting.interrupt(id)),
  "resumes a run": Effect.flatMap(waiting, (id) => Waiting.resume(id)),
  "completes a deferred of another run": Effect.flatMap(
    waiting,
    (executionId) =>
      DurableDeferred.succeed(Answer, {
        token: DurableDeferred.tokenFromExecutionId(Answer, { workflow: Waiting, executionId }),
        value: "yes"
      })
  ),
  "sends a signal": Effect.flatMap(waiting, (runId) => Signal.send(Go, { runId, payload: undefined, id: "go" })).pipe(
    // A body that a crash repeats finds that what it asked for has been done.
    Effect.catchTag("SignalRefused", () => Effect.void)
  ),
  "emits an event": Events.use((events) => events.emit("ticket.created", {})),
  "sends a signal by the operators' verb": Runs.use((runs) =>
    Effect.flatMap(waiting, (id) => runs.signal(id, "go", null, { id: "go" }))
  ).pipe(
    Effect.catchTag("RunClosed", () => Effect.void)
  ),
  "cancels a run by the operators' verb": Runs.use((runs) =>
    Effect.flatMap(waiting, (id) => runs.cancel(id, { by: "ada", reason: "enough" }))
  ).pipe(
    Effect.catchTag("RunClosed", () => Effect.void)
  ),
  "starts a run by the operators' verb": Runs.use((runs) => runs.start("quick", { id: "q" }))
}

/** A step, an activity, and a step that may not run twice. */
const bodies = {
  step: (body: Effect.Effect<unknown, unknown, Services>) =>
    Step.make("errand", { onCrash: "rerun", run: () => Effect.asVoid(Effect.orDie(body)) as Effect.Effect<void> })(),
  activity: (body: Effect.Effect<unknown, unknown, Services>) =>
    Activity.make({ name: "errand", execute: Effect.asVoid(Effect.orDie(body)) }) as unknown as Effect.Effect<
      void,
      never,
      WorkflowEngine.WorkflowInstance
    >,
  "ask step": (body: Effect.Effect<unknown, unknown, Services>) =>
    Step.make("errand", { onCrash: "ask", run: () => Effect.asVoid(Effect.orDie(body)) as Effect.Effect<void> })()
}

const layerOf = (log: Log, body: Effect.Effect<unknown, unknown, Services>, kind: keyof typeof bodies) =>
  Layer.mergeAll(
    Quick.toLayer(() => Effect.succeed("done")),
    Waiting.toLayer(() => Effect.raceFirst(Effect.as(Signal.receive(Go), "signal"), DurableDeferred.await(Answer))),
    // What is written in one transaction with the engine's own affairs fails with them, and all runs begin anew.
    Errand.toLayer(() =>
      Effect.as(bodies[kind](log.add("body").pipe(Effect.andThen(giveWay(20)), Effect.andThen(body))), "ran")
    )
  ).pipe(Layer.provideMerge(Layer.mergeAll(Runs.layer, Events.layer)))

/** A store whose operations and questions fail when told to. */
const makeFaulty = () => {
  const base = MemoryBackend.make(MemoryBackend.makeStore())
  const failing = {
    write: (_: ReadonlyArray<Op>): boolean | "before" | "after" | "full" => false,
    read: (_: string) => false
  }
  const problem = { operation: "do it", problem: "it was told to fail" }
  const unable = Effect.fail(new StorageFailed(problem))
  const full = Effect.fail(new StorageFailed({ ...problem, noRoom: true }))
  const backend = Object.fromEntries(
    Object.entries(base).map(([name, member]) => [
      name,
      name === "write"
        ? (ops: ReadonlyArray<Op>) =>
          Effect.suspend(() => {
            const how = failing.write(ops)
            if (how === "after") return Effect.andThen(base.write(ops), unable)
            return how === false ? base.write(ops) : how === "full" ? full : unable
          })
        : typeof member === "function"
        ? (...args: ReadonlyArray<never>) =>
          Effect.suspend(() =>
            failing.read(name) ? unable : (member as (...args: ReadonlyArray<never>) => Effect.Effect<unknown>)(...args)
          )
        : member
    ])
  ) as unknown as Backend
  return { backend, failing }
}

/** What the body of a step writes itself, beside the commits of runs and what the loops of the process do. */
const isAsked = (op: Op) =>
  (op.op === "inbox" && op.row.kind !== "child") || op.op === "publish" ||
  (op.op === "start" && (op.listener !== null || op.run.parent !== null || op.run.id !== "x"))

describe("what the body of a step asks of the engine", () => {
  for (const [what, body] of Object.entries(asked)) {
    for (const kind of Object.keys(bodies) as ReadonlyArray<keyof typeof bodies>) {
      it.effect(`S1, S3: is tried again when the store fails at it, and is no failure of the ${kind}: ${what}`, () =>
        Effect.gen(function*() {
          for (const failures of [1, 3]) {
            const { backend, failing } = makeFaulty()
            const world = yield* CrashHost.makeOn(backend)
            const log = new Log()
            const host = yield* world.start(layerOf(log, body, kind))
            yield* begin(host, Waiting, "w")
            let left = failures
            failing.write = (ops) => log.count("body") > 0 && ops.some(isAsked) && left-- > 0
            const id = yield* Effect.tap(begin(host, Errand, "x"), giveWay(200))
            for (let turn = 0; turn < failures; turn++) yield* Effect.andThen(world.adjustHost(1_000), giveWay(200))
            yield* host.settled
            assert.deepStrictEqual(yield* exitOf(host, Errand, id), Exit.succeed("ran"))
            assert.isAtMost(left, 0, "it did fail")
            assert.lengthOf(log.entries, 1, "the body ran once")
            assert.deepStrictEqual((yield* world.story(id)).filter((entry) => entry.startsWith("Step")), [
              `StepRequested ${kind === "activity" ? "errand#1" : "errand"}`,
              `StepCompleted ${kind === "activity" ? "errand#1" : "errand"}`
            ])
            yield* host.kill
          }
        }).pipe(Effect.provide(quiet)))
    }

    for (const when of ["before", "after", "full"] as const) {
      it.effect(`S3, S4: any one write that fails ${when === "full" ? "for want of room" : `${when} it is stored`} changes nothing for a step that ${what}`, () =>
        Effect.gen(function*() {
          for (let write = 1; write <= 6; write++) {
            const { backend, failing } = makeFaulty()
            const world = yield* CrashHost.makeOn(backend)
            const log = new Log()
            const host = yield* world.start(layerOf(log, body, "step"))
            yield* begin(host, Waiting, "w")
            let count = 0
            failing.write = () => ++count === write && when
            yield* Effect.ignore(Effect.exit(host.use(Errand.execute({ id: "x" }, { discard: true }))))
            // What waits for room does not settle.
            for (let turn = 0; turn < 3; turn++) yield* Effect.raceFirst(world.adjustHost(1_000), giveWay(400))
            yield* giveWay(400)
            failing.write = () => false
            yield* world.adjustHost(1_000)
            const id = yield* Errand.executionId({ id: "x" })
            // Whose start was not acknowledged asks for it again.
            if ((yield* Effect.orDie(world.backend.run(id))) === null) {
              yield* Effect.tap(begin(host, Errand, "x"), giveWay(200))
            }
            yield* host.settled
            assert.deepStrictEqual(yield* exitOf(host, Errand, id), Exit.succeed("ran"), `write ${write}`)
            assert.isFalse((yield* world.journal(id)).some((entry) => entry._tag === "StepFailed"), `write ${write}`)
            yield* host.kill
          }
        }).pipe(Effect.provide(quiet)))
    }
  }

  it.effect("S1: is tried again where it only reads: a child that it waits for, and its end", () =>
    Effect.gen(function*() {
      const { backend, failing } = makeFaulty()
      const world = yield* CrashHost.makeOn(backend)
      const log = new Log()
      const host = yield* world.start(layerOf(log, Quick.execute({ id: "q" }), "activity"))
      let left = 0
      failing.read = (name) =>
        (name === "run" || name === "entries" || name === "definition") && log.count("body") > 0 && left-- > 0
      left = 4
      const id = yield* Effect.tap(begin(host, Errand, "x"), giveWay(200))
      for (let turn = 0; turn < 6; turn++) yield* Effect.andThen(world.adjustHost(1_000), giveWay(200))
      assert.isAtMost(left, 0)
      assert.deepStrictEqual(yield* exitOf(host, Errand, id), Exit.succeed("ran"))
    }).pipe(Effect.provide(quiet)))

  it.effect("S4: a long clock in an activity wakes its run although the store fails when it is due", () =>
    Effect.gen(function*() {
      const { backend, failing } = makeFaulty()
      const world = yield* CrashHost.makeOn(backend)
      const log = new Log()
      const host = yield* world.start(
        layerOf(log, DurableClock.sleep({ name: "nap", duration: "2 hours" }), "activity")
      )
      const id = yield* Effect.tap(begin(host, Errand, "x"), giveWay(200))
      let left = 2
      failing.write = (ops) => ops.some((op) => op.op === "inbox" && op.row.kind === "deferred") && left-- > 0
      yield* TestClock.adjust("2 hours")
      for (let turn = 0; turn < 3; turn++) yield* Effect.andThen(world.adjustHost(1_000), giveWay(200))
      assert.isAtMost(left, 0)
      assert.deepStrictEqual(yield* exitOf(host, Errand, id), Exit.succeed("ran"))
    }).pipe(Effect.provide(quiet)))

  it.effect("S8: is given up when the run is told to stop meanwhile", () =>
    Effect.gen(function*() {
      const { backend, failing } = makeFaulty()
      const world = yield* CrashHost.makeOn(backend)
      const log = new Log()
      const host = yield* world.start(layerOf(log, Effect.flatMap(waiting, (id) => Waiting.interrupt(id)), "step"))
      yield* begin(host, Waiting, "w")
      failing.write = (ops) =>
        log.count("body") > 0 &&
        ops.some((op) => op.op === "inbox" && op.row.id.startsWith("cancel:") && op.row.payload.includes("interrupted"))
      const id = yield* Effect.tap(begin(host, Errand, "x"), giveWay(200))
      yield* world.adjustHost(5_000)
      assert.include(yield* world.run(id), { status: "running" })
      yield* world.tell(id, "cancel", { kind: "cancel", by: "ada", reason: "no longer wanted" })
      assert.include(yield* world.run(id), { status: "cancelled" })
      failing.write = () => false
      yield* world.adjustHost(5_000)
      assert.include(yield* world.run(yield* waiting), { status: "suspended" })
    }).pipe(Effect.provide(quiet)))

  it.effect("S4: is given up by a process that ends, and asked again by the next", () =>
    Effect.gen(function*() {
      const { backend, failing } = makeFaulty()
      const world = yield* CrashHost.makeOn(backend)
      const log = new Log()
      const layer = layerOf(log, Effect.flatMap(waiting, (id) => Waiting.interrupt(id)), "step")
      const host = yield* world.start(layer)
      yield* begin(host, Waiting, "w")
      failing.write = (ops) =>
        log.count("body") > 0 && ops.some((op) => op.op === "inbox" && op.row.payload.includes("interrupted"))
      const id = yield* Effect.tap(begin(host, Errand, "x"), giveWay(200))
      yield* host.close
      failing.write = () => false
      const next = yield* world.start(layer)
      yield* giveWay(200)
      yield* next.settled
      assert.deepStrictEqual(yield* exitOf(next, Errand, id), Exit.succeed("ran"))
      assert.include(yield* world.run(yield* waiting), { status: "cancelled" })
      assert.lengthOf(log.entries, 2)
    }).pipe(Effect.provide(quiet)))
})

describe("what callers outside of runs ask of the engine", () => {
  for (const [what, body] of Object.entries(asked)) {
    if (what === "executes a child") continue
    it.effect(`S3: is an error of the caller when the store fails at it, and nothing is acknowledged: ${what}`, () =>
      Effect.gen(function*() {
        const { backend, failing } = makeFaulty()
        const world = yield* CrashHost.makeOn(backend)
        const host = yield* world.start(layerOf(new Log(), Effect.void, "step"))
        yield* begin(host, Waiting, "w")
        failing.write = (ops) => ops.some(({ op }) => op === "inbox" || op === "publish" || op === "start")
        const exit = yield* Effect.exit(
          host.use(
            Effect.provide(body, Layer.mergeAll(Runs.layer, Events.layer)) as Effect.Effect<unknown, unknown, Engine>
          )
        )
        assert.isTrue(Exit.isFailure(exit))
        assert.include(String(exit), "it was told to fail")
      }).pipe(Effect.provide(quiet)))
  }
})
