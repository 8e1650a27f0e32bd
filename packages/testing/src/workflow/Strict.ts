/**
 * What an engine with ordered replay promises beyond Effect's in-memory
 * engine: bodies in flight survive a completion beside them, code keeps its
 * order over passes, and only the end of a run finalizes it.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Activity from "effect/workflow/Activity"
import * as DurableClock from "effect/workflow/DurableClock"
import * as DurableDeferred from "effect/workflow/DurableDeferred"
import * as Workflow from "effect/workflow/Workflow"
import {
  answer,
  assertInterrupted,
  awaitExit,
  awaitSuspended,
  type Engine,
  eventually,
  keyed,
  Log,
  passTime,
  serving,
  settle,
  startSuspended,
  statusOf
} from "./Harness.ts"

const Answer = DurableDeferred.make("Answer", { success: Schema.String })

/** An activity that logs its start, its end and its interrupt, and ends when the gate opens. */
const gated = (log: Log, name: string, gate: Deferred.Deferred<void>) =>
  Activity.make({
    name,
    success: Schema.String,
    execute: log.add(`${name} starts`).pipe(
      Effect.andThen(Deferred.await(gate)),
      Effect.andThen(log.add(`${name} ends`)),
      Effect.as(name),
      Effect.onInterrupt(() => log.add(`${name} is interrupted`))
    )
  })

/** Builds an engine with its workflows in a scope of its own, so that a test can close it. */
const open = Effect.fnUntraced(function*(engine: Engine, workflows: Layer.Layer<never, never, Layer.Success<Engine>>) {
  const scope = yield* Scope.make()
  const services = yield* Layer.buildWithScope(workflows.pipe(Layer.provideMerge(engine)), scope)
  return {
    use: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.provide(effect, services),
    close: Scope.close(scope, Exit.void)
  }
})

/** Registers the tests that only an engine with ordered replay passes. */
export const strict = (engine: Engine) =>
  describe("strict", () => {
    it.effect("an activity in flight runs once when a wait beside it completes", () => {
      const log = new Log()
      const gate = Deferred.makeUnsafe<void>()
      const Both = Workflow.make("Both", { ...keyed, success: Schema.Array(Schema.String) })
      const layer = Both.toLayer(() =>
        Effect.all([DurableDeferred.await(Answer), gated(log, "work", gate)], { concurrency: "unbounded" })
      )
      return Effect.gen(function*() {
        const executionId = yield* Both.execute({ id: "a" }, { discard: true })
        yield* log.reached("work starts")
        yield* answer(Answer, { workflow: Both, executionId }, "yes")
        yield* settle
        yield* Deferred.succeed(gate, undefined)
        assert.deepStrictEqual(yield* awaitExit(Both, executionId), Exit.succeed(["yes", "work"]))
        assert.deepStrictEqual(log.entries, ["work starts", "work ends"])
      }).pipe(serving(engine, layer))
    })

    it.effect("a race is won by the activity that has been at work, and not by a shorter one that begins beside it when a wait ends", () => {
      const Race = Workflow.make("Race", { ...keyed, success: Schema.String })
      const work = (name: string, duration: Duration.Input) =>
        Activity.make({ name, success: Schema.String, execute: Effect.as(Effect.sleep(duration), name) })
      const layer = Race.toLayer(() =>
        Effect.raceFirst(
          work("at work", "10 minutes"),
          Effect.andThen(DurableDeferred.await(Answer), work("new", "5 minutes"))
        )
      )
      return Effect.gen(function*() {
        const executionId = yield* Race.execute({ id: "a" }, { discard: true })
        yield* passTime("9 minutes")
        yield* answer(Answer, { workflow: Race, executionId }, "yes")
        yield* passTime("1 minute")
        yield* passTime("4 minutes")
        assert.deepStrictEqual(yield* awaitExit(Race, executionId), Exit.succeed("at work"))
      }).pipe(serving(engine, layer))
    })

    it.effect("a wait that comes first does not keep the activity beside it from starting", () => {
      const log = new Log()
      const gate = Deferred.makeUnsafe<void>()
      const Both = Workflow.make("Both", { ...keyed, success: Schema.Array(Schema.String) })
      const layer = Both.toLayer(() =>
        Effect.all([DurableDeferred.await(Answer), gated(log, "work", gate)], { concurrency: "unbounded" })
      )
      return Effect.gen(function*() {
        const executionId = yield* Both.execute({ id: "a" }, { discard: true })
        yield* log.reached("work starts")
        yield* Deferred.succeed(gate, undefined)
        yield* log.reached("work ends")
        yield* awaitSuspended(Both, executionId)
        yield* answer(Answer, { workflow: Both, executionId }, "yes")
        assert.deepStrictEqual(yield* awaitExit(Both, executionId), Exit.succeed(["yes", "work"]))
        assert.deepStrictEqual(log.entries, ["work starts", "work ends"])
      }).pipe(serving(engine, layer))
    })

    it.effect("sleeps side by side each end at their own time", () => {
      const log = new Log()
      const Fan = Workflow.make("Fan", keyed)
      const timer = (hours: number) =>
        DurableClock.sleep({ name: `${hours}`, duration: `${hours} hours` }).pipe(
          Effect.andThen(Activity.make({ name: `rang ${hours}`, execute: log.add(`${hours}`) }))
        )
      const layer = Fan.toLayer(() => Effect.forEach([3, 1, 2], timer, { concurrency: "unbounded", discard: true }))
      return Effect.gen(function*() {
        const executionId = yield* startSuspended(Fan, { id: "a" })
        yield* passTime("1 hour")
        yield* log.reached("1")
        assert.deepStrictEqual(log.entries, ["1"])
        yield* passTime("1 hour")
        yield* log.reached("2")
        yield* awaitSuspended(Fan, executionId)
        yield* passTime("1 hour")
        assert.deepStrictEqual(yield* awaitExit(Fan, executionId), Exit.void)
        assert.deepStrictEqual(log.entries, ["1", "2", "3"])
      }).pipe(serving(engine, layer))
    })

    it.effect("an activity in flight runs once when a clock beside it comes due", () => {
      const log = new Log()
      const gate = Deferred.makeUnsafe<void>()
      const Both = Workflow.make("Both", keyed)
      const layer = Both.toLayer(() =>
        Effect.all([DurableClock.sleep({ name: "rest", duration: "20 minutes" }), gated(log, "work", gate)], {
          concurrency: "unbounded",
          discard: true
        })
      )
      return Effect.gen(function*() {
        const executionId = yield* Both.execute({ id: "a" }, { discard: true })
        yield* log.reached("work starts")
        yield* passTime("20 minutes")
        yield* Deferred.succeed(gate, undefined)
        assert.deepStrictEqual(yield* awaitExit(Both, executionId), Exit.void)
        assert.deepStrictEqual(log.entries, ["work starts", "work ends"])
      }).pipe(serving(engine, layer))
    })

    it.effect("code after concurrent activities runs in the order of their outcomes on every pass", () => {
      const log = new Log()
      const passes: Array<Array<string>> = []
      const gates = { A: Deferred.makeUnsafe<void>(), B: Deferred.makeUnsafe<void>() }
      const Order = Workflow.make("Order", { ...keyed, success: Schema.String })
      const layer = Order.toLayer(() => {
        const order: Array<string> = []
        passes.push(order)
        const branch = (name: "A" | "B") =>
          gated(log, name, gates[name]).pipe(Effect.tap(Effect.sync(() => void order.push(name))))
        return Effect.all([branch("A"), branch("B")], { concurrency: "unbounded" }).pipe(
          Effect.andThen(DurableDeferred.await(Answer)),
          Effect.map(() => order.join(""))
        )
      })
      return Effect.gen(function*() {
        const executionId = yield* Order.execute({ id: "a" }, { discard: true })
        yield* log.reached("A starts")
        yield* log.reached("B starts")
        yield* Deferred.succeed(gates.B, undefined)
        yield* eventually("the code after B has run", Effect.sync(() => passes.some((order) => order.includes("B"))))
        yield* Deferred.succeed(gates.A, undefined)
        yield* awaitSuspended(Order, executionId)
        yield* Order.resume(executionId)
        yield* settle
        yield* awaitSuspended(Order, executionId)
        yield* answer(Answer, { workflow: Order, executionId }, "go")
        assert.deepStrictEqual(yield* awaitExit(Order, executionId), Exit.succeed("BA"))
        for (const order of passes) assert.deepStrictEqual(order, ["B", "A"])
      }).pipe(serving(engine, layer))
    })

    it.effect("finalizers around a wait do not run while the run only waits, and run once when it ends", () => {
      const log = new Log()
      const Lock = Workflow.make("Lock", { ...keyed, success: Schema.String })
      const layer = Lock.toLayer(() =>
        Effect.acquireUseRelease(
          Activity.make({ name: "lock", execute: log.add("lock") }),
          () => Effect.ensuring(DurableDeferred.await(Answer), log.add("wait over")),
          () => log.add("unlock")
        )
      )
      return Effect.gen(function*() {
        const executionId = yield* startSuspended(Lock, { id: "a" })
        yield* settle
        yield* Lock.resume(executionId)
        yield* settle
        yield* awaitSuspended(Lock, executionId)
        assert.deepStrictEqual(log.entries, ["lock"])
        yield* answer(Answer, { workflow: Lock, executionId }, "yes")
        assert.deepStrictEqual(yield* awaitExit(Lock, executionId), Exit.succeed("yes"))
        assert.deepStrictEqual(log.entries, ["lock", "wait over", "unlock"])
      }).pipe(serving(engine, layer))
    })

    it.effect("finalizers around a clock do not run while the run sleeps", () => {
      const log = new Log()
      const Lock = Workflow.make("Lock", keyed)
      const layer = Lock.toLayer(() =>
        Effect.ensuring(DurableClock.sleep({ name: "rest", duration: "2 days" }), log.add("unlock"))
      )
      return Effect.gen(function*() {
        const executionId = yield* startSuspended(Lock, { id: "a" })
        yield* passTime("1 days")
        assert.deepStrictEqual(log.entries, [])
        yield* passTime("1 days")
        assert.deepStrictEqual(yield* awaitExit(Lock, executionId), Exit.void)
        assert.deepStrictEqual(log.entries, ["unlock"])
      }).pipe(serving(engine, layer))
    })

    it.effect("a finalizer added before a wait runs once, with the exit of the run", () => {
      const exits: Array<Exit.Exit<unknown, unknown>> = []
      const Ask = Workflow.make("Ask", { ...keyed, success: Schema.String })
      const layer = Ask.toLayer(() =>
        Effect.andThen(
          Workflow.addFinalizer((exit) => Effect.sync(() => void exits.push(exit))),
          DurableDeferred.await(Answer)
        )
      )
      return Effect.gen(function*() {
        const executionId = yield* startSuspended(Ask, { id: "a" })
        yield* Ask.resume(executionId)
        yield* settle
        yield* awaitSuspended(Ask, executionId)
        yield* answer(Answer, { workflow: Ask, executionId }, "yes")
        yield* awaitExit(Ask, executionId)
        assert.deepStrictEqual(exits, [Exit.succeed("yes")])
      }).pipe(serving(engine, layer))
    })

    it.effect("two parents of one waiting child both go on when it completes", () => {
      const Child = Workflow.make("Child", { ...keyed, success: Schema.String })
      const Parent = Workflow.make("Parent", { ...keyed, success: Schema.String })
      return Effect.gen(function*() {
        const a = yield* startSuspended(Parent, { id: "a" })
        const b = yield* startSuspended(Parent, { id: "b" })
        const childId = yield* Child.executionId({ id: "shared" })
        yield* answer(Answer, { workflow: Child, executionId: childId }, "both")
        assert.deepStrictEqual(yield* awaitExit(Parent, a), Exit.succeed("both"))
        assert.deepStrictEqual(yield* awaitExit(Parent, b), Exit.succeed("both"))
      }).pipe(serving(
        engine,
        Child.toLayer(() => DurableDeferred.await(Answer)),
        Parent.toLayer(() => Child.execute({ id: "shared" }))
      ))
    })

    it.effect("closing the engine runs no finalizer and no compensation of a suspended run", () => {
      const log = new Log()
      const Trip = Workflow.make("Trip", { ...keyed, success: Schema.String })
      const layer = Trip.toLayer(() =>
        Activity.make({ name: "book", execute: log.add("book") }).pipe(
          Trip.withCompensation(() => log.add("undo")),
          Effect.andThen(Workflow.addFinalizer(() => log.add("finalizer"))),
          Effect.andThen(DurableDeferred.await(Answer)),
          Effect.ensuring(log.add("ensured"))
        )
      )
      return Effect.gen(function*() {
        const { close, use } = yield* open(engine, layer)
        yield* use(startSuspended(Trip, { id: "a" }))
        yield* close
        yield* settle
        assert.deepStrictEqual(log.entries, ["book"])
      })
    })

    it.effect("closing the engine runs no finalizer and no compensation of a working run", () => {
      const log = new Log()
      const Trip = Workflow.make("Trip", { ...keyed, success: Schema.String })
      const layer = Trip.toLayer(() =>
        Activity.make({ name: "book", execute: log.add("book") }).pipe(
          Trip.withCompensation(() => log.add("undo")),
          Effect.andThen(Workflow.addFinalizer(() => log.add("finalizer"))),
          Effect.andThen(Activity.make({
            name: "work",
            success: Schema.String,
            execute: Effect.andThen(log.add("work"), Effect.never)
          })),
          Effect.ensuring(log.add("ensured"))
        )
      )
      return Effect.gen(function*() {
        const { close, use } = yield* open(engine, layer)
        yield* use(Trip.execute({ id: "a" }, { discard: true }))
        yield* log.reached("work")
        yield* close
        yield* settle
        assert.deepStrictEqual(log.entries, ["book", "work"])
      })
    })

    it.effect("S8: interrupting a working run stops its activity at once and compensates once, in reverse", () => {
      const log = new Log()
      const causes: Array<Cause.Cause<unknown>> = []
      const Trip = Workflow.make("Trip", { ...keyed, success: Schema.String })
      const book = (name: string) =>
        Activity.make({ name, execute: log.add(name) }).pipe(
          Trip.withCompensation((_, cause) =>
            Effect.andThen(log.add(`undo ${name}`), Effect.sync(() => void causes.push(cause)))
          )
        )
      const layer = Trip.toLayer(() =>
        book("flight").pipe(
          Effect.andThen(book("hotel")),
          Effect.andThen(gated(log, "work", Deferred.makeUnsafe()))
        )
      )
      return Effect.gen(function*() {
        const executionId = yield* Trip.execute({ id: "a" }, { discard: true })
        yield* log.reached("work starts")
        yield* Trip.interrupt(executionId)
        const exit = yield* awaitExit(Trip, executionId)
        assertInterrupted(exit)
        yield* settle
        assert.deepStrictEqual(log.entries, [
          "flight",
          "hotel",
          "work starts",
          "work is interrupted",
          "undo hotel",
          "undo flight"
        ])
        for (const cause of causes) assert.isTrue(Cause.hasInterruptsOnly(cause))
      }).pipe(serving(engine, layer))
    })

    it.effect("S8: interrupting a run that only computes stops its fibers at once", () => {
      const log = new Log()
      const Think = Workflow.make("Think", keyed)
      const layer = Think.toLayer(() =>
        Effect.all([
          log.add("thinking").pipe(Effect.andThen(Effect.never), Effect.onInterrupt(() => log.add("stopped"))),
          Effect.never
        ], { concurrency: "unbounded", discard: true })
      )
      return Effect.gen(function*() {
        const executionId = yield* Think.execute({ id: "a" }, { discard: true })
        yield* log.reached("thinking")
        assert.notStrictEqual(yield* statusOf(Think, executionId), "Complete")
        yield* Think.interrupt(executionId)
        const exit = yield* awaitExit(Think, executionId)
        assertInterrupted(exit)
        assert.strictEqual(log.count("stopped"), 1)
      }).pipe(serving(engine, layer))
    })

    it.effect("S8: interrupting a working parent interrupts its working child, and both compensate once", () => {
      const log = new Log()
      const Child = Workflow.make("Child", { ...keyed, success: Schema.String })
      const Parent = Workflow.make("Parent", { ...keyed, success: Schema.String })
      const childLayer = Child.toLayer(() =>
        Effect.void.pipe(
          Child.withCompensation(() => log.add("undo child")),
          Effect.andThen(gated(log, "work", Deferred.makeUnsafe()))
        )
      )
      const layer = Parent.toLayer(({ id }) =>
        Effect.void.pipe(
          Parent.withCompensation(() => log.add("undo parent")),
          Effect.andThen(Child.execute({ id }))
        )
      )
      return Effect.gen(function*() {
        const executionId = yield* Parent.execute({ id: "a" }, { discard: true })
        yield* log.reached("work starts")
        yield* Parent.interrupt(executionId)
        for (
          const exit of [
            yield* awaitExit(Parent, executionId),
            yield* awaitExit(Child, yield* Child.executionId({ id: "a" }))
          ]
        ) {
          assertInterrupted(exit)
        }
        yield* settle
        for (const entry of ["work is interrupted", "undo child", "undo parent"]) {
          assert.strictEqual(log.count(entry), 1, entry)
        }
      }).pipe(serving(engine, childLayer, layer))
    })
  })
