/** Interrupting and resuming runs. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Activity from "effect/workflow/Activity"
import * as DurableDeferred from "effect/workflow/DurableDeferred"
import * as Workflow from "effect/workflow/Workflow"
import { WorkflowEngine, WorkflowInstance } from "effect/workflow/WorkflowEngine"
import {
  answer,
  assertInterrupted,
  awaitExit,
  awaitSuspended,
  Declined,
  type Engine,
  keyed,
  Log,
  serving,
  settle,
  startSuspended,
  statusOf
} from "./Harness.ts"

const Answer = DurableDeferred.make("Answer", { success: Schema.String })

/** Registers the tests of interrupt, interruptUnsafe and resume. */
export const interrupts = (engine: Engine) =>
  describe("interrupts", () => {
    it.effect("interrupt completes a suspended run with an interrupt, and its caller with it", () => {
      const Ask = Workflow.make("Ask", { ...keyed, success: Schema.String })
      return Effect.gen(function*() {
        const executionId = yield* Ask.executionId({ id: "a" })
        const caller = yield* Effect.forkChild(Ask.execute({ id: "a" }))
        yield* awaitSuspended(Ask, executionId)
        yield* Ask.interrupt(executionId)
        assertInterrupted(yield* awaitExit(Ask, executionId))
        assertInterrupted(yield* Fiber.await(caller))
      }).pipe(serving(engine, Ask.toLayer(() => DurableDeferred.await(Answer))))
    })

    it.effect("interrupt runs the compensations once, in reverse, with the value and the interrupt", () => {
      const log = new Log()
      const causes: Array<Cause.Cause<unknown>> = []
      const Trip = Workflow.make("Trip", keyed)
      const book = (name: string) =>
        Activity.make({ name, success: Schema.String, execute: Effect.as(log.add(name), `${name}-1`) }).pipe(
          Trip.withCompensation((value, cause) =>
            Effect.andThen(log.add(`undo ${value}`), Effect.sync(() => void causes.push(cause)))
          )
        )
      const layer = Trip.toLayer(() =>
        book("flight").pipe(Effect.andThen(book("hotel")), Effect.andThen(DurableDeferred.await(Answer)))
      )
      return Effect.gen(function*() {
        const executionId = yield* startSuspended(Trip, { id: "a" })
        yield* Trip.interrupt(executionId)
        assertInterrupted(yield* awaitExit(Trip, executionId))
        yield* settle
        assert.deepStrictEqual(log.entries, ["flight", "hotel", "undo hotel-1", "undo flight-1"])
        for (const cause of causes) assert.isTrue(Cause.hasInterruptsOnly(cause))
      }).pipe(serving(engine, layer))
    })

    it.effect("a compensation of an interrupted run may run an activity", () => {
      const log = new Log()
      const Trip = Workflow.make("Trip", keyed)
      const layer = Trip.toLayer(() =>
        Activity.make({ name: "book", execute: log.add("book") }).pipe(
          Trip.withCompensation(() => Activity.make({ name: "cancel", execute: log.add("cancel") })),
          Effect.andThen(DurableDeferred.await(Answer))
        )
      )
      return Effect.gen(function*() {
        const executionId = yield* startSuspended(Trip, { id: "a" })
        yield* Trip.interrupt(executionId)
        assertInterrupted(yield* awaitExit(Trip, executionId))
        assert.deepStrictEqual(log.entries, ["book", "cancel"])
      }).pipe(serving(engine, layer))
    })

    it.effect("an instance is interrupted for the finalizers of the run, and not yet for those of its body", () => {
      const log = new Log()
      const Trip = Workflow.make("Trip", keyed)
      const look = (place: string) =>
        Effect.flatMap(WorkflowInstance, ({ interrupted }) => log.add(`${place} ${interrupted}`))
      const layer = Trip.toLayer(() =>
        Effect.gen(function*() {
          yield* Workflow.addFinalizer(() => look("run"))
          yield* Effect.ensuring(
            Effect.scoped(Effect.andThen(Effect.addFinalizer(() => look("scope")), DurableDeferred.await(Answer))),
            look("body")
          )
        })
      )
      return Effect.gen(function*() {
        const executionId = yield* startSuspended(Trip, { id: "a" })
        yield* Trip.interrupt(executionId)
        assertInterrupted(yield* awaitExit(Trip, executionId))
        assert.includeMembers(log.entries, ["body false", "run true", "scope false"])
        assert.notIncludeMembers(log.entries, ["body true", "scope true"])
      }).pipe(serving(engine, layer))
    })

    it.effect("an interrupted run starts no activity that it had not reached", () => {
      const log = new Log()
      const Ask = Workflow.make("Ask", keyed)
      const layer = Ask.toLayer(() =>
        Activity.make({ name: "before", execute: log.add("before") }).pipe(
          Effect.andThen(DurableDeferred.await(Answer)),
          Effect.andThen(Activity.make({ name: "after", execute: log.add("after") }))
        )
      )
      return Effect.gen(function*() {
        const executionId = yield* startSuspended(Ask, { id: "a" })
        yield* Ask.interrupt(executionId)
        assertInterrupted(yield* awaitExit(Ask, executionId))
        yield* answer(Answer, { workflow: Ask, executionId }, "late")
        yield* settle
        assert.deepStrictEqual(log.entries, ["before"])
        assertInterrupted(yield* awaitExit(Ask, executionId))
      }).pipe(serving(engine, layer))
    })

    it.effect("interrupting twice compensates once", () => {
      const log = new Log()
      const Ask = Workflow.make("Ask", keyed)
      const layer = Ask.toLayer(() =>
        Activity.make({ name: "book", execute: Effect.void }).pipe(
          Ask.withCompensation(() => log.add("undo")),
          Effect.andThen(DurableDeferred.await(Answer))
        )
      )
      return Effect.gen(function*() {
        const executionId = yield* startSuspended(Ask, { id: "a" })
        yield* Effect.all([Ask.interrupt(executionId), Ask.interrupt(executionId)], { concurrency: "unbounded" })
        assertInterrupted(yield* awaitExit(Ask, executionId))
        yield* Ask.interrupt(executionId)
        yield* settle
        assert.strictEqual(log.count("undo"), 1)
      }).pipe(serving(engine, layer))
    })

    it.effect("interrupting or resuming a completed run changes nothing", () => {
      const log = new Log()
      const Greet = Workflow.make("Greet", { ...keyed, success: Schema.String })
      const layer = Greet.toLayer(() =>
        log.add("run").pipe(Effect.as("hello"), Greet.withCompensation(() => log.add("undo")))
      )
      return Effect.gen(function*() {
        yield* Greet.execute({ id: "a" })
        const executionId = yield* Greet.executionId({ id: "a" })
        yield* Greet.interrupt(executionId)
        yield* Greet.resume(executionId)
        yield* settle
        assert.deepStrictEqual(yield* awaitExit(Greet, executionId), Exit.succeed("hello"))
        assert.deepStrictEqual(log.entries, ["run"])
      }).pipe(serving(engine, layer))
    })

    it.effect("interrupting or resuming an unknown run does nothing", () => {
      const Greet = Workflow.make("Greet", { ...keyed, success: Schema.String })
      return Effect.gen(function*() {
        const executionId = yield* Greet.executionId({ id: "a" })
        yield* Greet.interrupt(executionId)
        yield* Greet.resume(executionId)
        yield* settle
        assert.strictEqual(yield* statusOf(Greet, executionId), "None")
        assert.strictEqual(yield* Greet.execute({ id: "a" }), "hello")
      }).pipe(serving(engine, Greet.toLayer(() => Effect.succeed("hello"))))
    })

    it.effect("interruptUnsafe stops a working run and completes it with an interrupt", () => {
      const log = new Log()
      const Work = Workflow.make("Work", keyed)
      const layer = Work.toLayer(() =>
        Activity.make({
          name: "work",
          execute: log.add("working").pipe(
            Effect.andThen(Effect.never),
            Effect.onInterrupt(() => log.add("stopped"))
          )
        })
      )
      return Effect.gen(function*() {
        const engine = yield* WorkflowEngine
        const executionId = yield* Work.execute({ id: "a" }, { discard: true })
        yield* log.reached("working")
        yield* engine.interruptUnsafe(Work, executionId)
        assertInterrupted(yield* awaitExit(Work, executionId))
        assert.deepStrictEqual(log.entries, ["working", "stopped"])
      }).pipe(serving(engine, layer))
    })

    it.effect("interruptUnsafe completes a suspended run with an interrupt", () => {
      const Ask = Workflow.make("Ask", { ...keyed, success: Schema.String })
      return Effect.gen(function*() {
        const engine = yield* WorkflowEngine
        const executionId = yield* startSuspended(Ask, { id: "a" })
        yield* engine.interruptUnsafe(Ask, executionId)
        assertInterrupted(yield* awaitExit(Ask, executionId))
      }).pipe(serving(engine, Ask.toLayer(() => DurableDeferred.await(Answer))))
    })

    it.effect("resume of a run whose wait is open leaves it suspended and repeats no activity", () => {
      const log = new Log()
      const Ask = Workflow.make("Ask", { ...keyed, success: Schema.String })
      const layer = Ask.toLayer(() =>
        Activity.make({ name: "work", execute: log.add("work") }).pipe(
          Effect.andThen(DurableDeferred.await(Answer))
        )
      )
      return Effect.gen(function*() {
        const executionId = yield* startSuspended(Ask, { id: "a" })
        yield* Ask.resume(executionId)
        yield* settle
        yield* awaitSuspended(Ask, executionId)
        yield* answer(Answer, { workflow: Ask, executionId }, "yes")
        assert.deepStrictEqual(yield* awaitExit(Ask, executionId), Exit.succeed("yes"))
        assert.strictEqual(log.count("work"), 1)
      }).pipe(serving(engine, layer))
    })

    it.effect("with SuspendOnFailure an activity that failed runs again on resume", () => {
      const log = new Log()
      let repaired = false
      const Pay = Workflow.make("Pay", { ...keyed, success: Schema.String, error: Declined })
        .annotate(Workflow.SuspendOnFailure, true)
      const layer = Pay.toLayer(() =>
        Activity.make({ name: "open", execute: log.add("open") }).pipe(
          Effect.andThen(Activity.make({
            name: "charge",
            success: Schema.String,
            error: Declined,
            execute: Effect.andThen(
              log.add("charge"),
              Effect.suspend(() => repaired ? Effect.succeed("paid") : Effect.fail(new Declined({ reason: "empty" })))
            )
          }))
        )
      )
      return Effect.gen(function*() {
        const executionId = yield* startSuspended(Pay, { id: "a" })
        repaired = true
        yield* Pay.resume(executionId)
        assert.deepStrictEqual(yield* awaitExit(Pay, executionId), Exit.succeed("paid"))
        assert.deepStrictEqual(log.entries, ["open", "charge", "charge"])
      }).pipe(serving(engine, layer))
    })

    it.effect("a completed deferred does not wake a run that SuspendOnFailure suspended", () => {
      const log = new Log()
      const Pay = Workflow.make("Pay", { ...keyed, error: Declined }).annotate(Workflow.SuspendOnFailure, true)
      const layer = Pay.toLayer(() => Effect.andThen(log.add("pass"), Effect.fail(new Declined({ reason: "empty" }))))
      return Effect.gen(function*() {
        const executionId = yield* startSuspended(Pay, { id: "a" })
        yield* answer(Answer, { workflow: Pay, executionId }, "unasked")
        yield* settle
        yield* awaitSuspended(Pay, executionId)
        assert.strictEqual(log.count("pass"), 1)
      }).pipe(serving(engine, layer))
    })

    it.effect("interrupt ends a run that SuspendOnFailure suspended and compensates it", () => {
      const log = new Log()
      const Pay = Workflow.make("Pay", { ...keyed, error: Declined }).annotate(Workflow.SuspendOnFailure, true)
      const layer = Pay.toLayer(() =>
        Activity.make({ name: "book", execute: Effect.void }).pipe(
          Pay.withCompensation(() => log.add("undo")),
          Effect.andThen(Effect.fail(new Declined({ reason: "empty" })))
        )
      )
      return Effect.gen(function*() {
        const executionId = yield* startSuspended(Pay, { id: "a" })
        assert.strictEqual(log.count("undo"), 0)
        yield* Pay.interrupt(executionId)
        assert.isTrue(Exit.isFailure(yield* awaitExit(Pay, executionId)))
        assert.strictEqual(log.count("undo"), 1)
      }).pipe(serving(engine, layer))
    })
  })
