/** Starting a run, joining it, following it and asking for its status. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Activity from "effect/workflow/Activity"
import * as DurableDeferred from "effect/workflow/DurableDeferred"
import * as Workflow from "effect/workflow/Workflow"
import { WorkflowEngine, WorkflowInstance } from "effect/workflow/WorkflowEngine"
import {
  answer,
  assertDeclined,
  assertDied,
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

class Region extends Context.Service<Region, string>()("@fermata/testing/Region") {}

const Answer = DurableDeferred.make("Answer", { success: Schema.String })

/** Registers the tests of starting, joining, following and polling runs. */
export const runs = (engine: Engine) =>
  describe("runs", () => {
    it.effect("two concurrent executions of one payload share one run", () => {
      const log = new Log()
      const Count = Workflow.make("Count", { ...keyed, success: Schema.Int })
      const layer = Count.toLayer(() =>
        Activity.make({
          name: "count",
          success: Schema.Int,
          execute: Effect.as(log.add("count"), 7)
        })
      )
      return Effect.gen(function*() {
        const results = yield* Effect.all([Count.execute({ id: "a" }), Count.execute({ id: "a" })], {
          concurrency: "unbounded"
        })
        assert.deepStrictEqual(results, [7, 7])
        assert.strictEqual(log.count("count"), 1)
      }).pipe(serving(engine, layer))
    })

    it.effect("executing a completed payload again returns the recorded result", () => {
      const log = new Log()
      const Count = Workflow.make("Count", { ...keyed, success: Schema.Int })
      const layer = Count.toLayer(() => Effect.sync(() => log.entries.push("run")))
      return Effect.gen(function*() {
        assert.strictEqual(yield* Count.execute({ id: "a" }), 1)
        assert.strictEqual(yield* Count.execute({ id: "a" }), 1)
        assert.strictEqual(yield* Count.execute({ id: "b" }), 2)
      }).pipe(serving(engine, layer))
    })

    it.effect("a payload with a known idempotency key joins the run of the first payload", () => {
      const Echo = Workflow.make("Echo", {
        payload: { id: Schema.String, text: Schema.String },
        success: Schema.String,
        idempotencyKey: ({ id }) => id
      })
      const layer = Echo.toLayer(({ text }) => Effect.succeed(text))
      return Effect.gen(function*() {
        assert.strictEqual(yield* Echo.execute({ id: "a", text: "first" }), "first")
        assert.strictEqual(yield* Echo.execute({ id: "a", text: "second" }), "first")
      }).pipe(serving(engine, layer))
    })

    it.effect("workflows with equal idempotency keys have separate runs", () => {
      const One = Workflow.make("One", { ...keyed, success: Schema.String })
      const Two = Workflow.make("Two", { ...keyed, success: Schema.String })
      return Effect.gen(function*() {
        assert.strictEqual(yield* One.execute({ id: "a" }), "one")
        assert.strictEqual(yield* Two.execute({ id: "a" }), "two")
        assert.notStrictEqual(yield* One.executionId({ id: "a" }), yield* Two.executionId({ id: "a" }))
      }).pipe(serving(engine, One.toLayer(() => Effect.succeed("one")), Two.toLayer(() => Effect.succeed("two"))))
    })

    it.effect("discard returns the execution id before the run ends", () => {
      const gate = Deferred.makeUnsafe<void>()
      const Slow = Workflow.make("Slow", { ...keyed, success: Schema.String })
      const layer = Slow.toLayer(() =>
        Activity.make({ name: "slow", success: Schema.String, execute: Effect.as(Deferred.await(gate), "done") })
      )
      return Effect.gen(function*() {
        const executionId = yield* Slow.execute({ id: "a" }, { discard: true })
        assert.strictEqual(executionId, yield* Slow.executionId({ id: "a" }))
        assert.notStrictEqual(yield* statusOf(Slow, executionId), "Complete")
        yield* Deferred.succeed(gate, undefined)
        assert.deepStrictEqual(yield* awaitExit(Slow, executionId), Exit.succeed("done"))
      }).pipe(serving(engine, layer))
    })

    it.effect("the handler receives the execution id that discard returns", () => {
      const Self = Workflow.make("Self", { ...keyed, success: Schema.String })
      const layer = Self.toLayer((_, executionId) => Effect.succeed(executionId))
      return Effect.gen(function*() {
        const executionId = yield* Self.execute({ id: "a" }, { discard: true })
        assert.strictEqual(yield* Self.execute({ id: "a" }), executionId)
      }).pipe(serving(engine, layer))
    })

    it.effect("detached without discard is a defect", () => {
      const Plain = Workflow.make("Plain", keyed)
      return Effect.gen(function*() {
        const { execute } = yield* WorkflowEngine
        const exit = yield* Effect.exit(Effect.scoped(
          execute(Plain, { executionId: "a", payload: { id: "a" }, detached: true })
        ))
        assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
      }).pipe(serving(engine, Plain.toLayer(() => Effect.void)))
    })

    it.effect("executing an unregistered workflow is a defect", () => {
      const Served = Workflow.make("Served", keyed)
      const Unserved = Workflow.make("Unserved", keyed)
      return Effect.gen(function*() {
        const exit = yield* Effect.exit(Unserved.execute({ id: "a" }))
        assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
      }).pipe(serving(engine, Served.toLayer(() => Effect.void)))
    })

    it.effect("poll is None for an unknown run, Suspended while it waits and Complete at its end", () => {
      const Ask = Workflow.make("Ask", { ...keyed, success: Schema.String })
      return Effect.gen(function*() {
        const executionId = yield* Ask.executionId({ id: "a" })
        assert.strictEqual(yield* statusOf(Ask, executionId), "None")
        yield* startSuspended(Ask, { id: "a" })
        yield* answer(Answer, { workflow: Ask, executionId }, "yes")
        assert.deepStrictEqual(yield* awaitExit(Ask, executionId), Exit.succeed("yes"))
      }).pipe(serving(engine, Ask.toLayer(() => DurableDeferred.await(Answer))))
    })

    it.effect("poll is None while a run works", () => {
      const log = new Log()
      const Work = Workflow.make("Work", keyed)
      const layer = Work.toLayer(() =>
        Activity.make({ name: "work", execute: Effect.andThen(log.add("working"), Effect.never) })
      )
      return Effect.gen(function*() {
        const executionId = yield* Work.execute({ id: "a" }, { discard: true })
        yield* log.reached("working")
        assert.strictEqual(yield* statusOf(Work, executionId), "None")
      }).pipe(serving(engine, layer))
    })

    it.effect("poll of a failed run is Complete with the typed error", () => {
      const Pay = Workflow.make("Pay", { ...keyed, error: Declined })
      const layer = Pay.toLayer(() => Effect.fail(new Declined({ reason: "empty" })))
      return Effect.gen(function*() {
        const executionId = yield* Pay.execute({ id: "a" }, { discard: true })
        assertDeclined(yield* awaitExit(Pay, executionId))
      }).pipe(serving(engine, layer))
    })

    it.effect("execute waits through a suspension and returns the result", () => {
      const Ask = Workflow.make("Ask", { ...keyed, success: Schema.String })
      return Effect.gen(function*() {
        const executionId = yield* Ask.executionId({ id: "a" })
        const caller = yield* Effect.forkChild(Ask.execute({ id: "a" }))
        yield* awaitSuspended(Ask, executionId)
        yield* answer(Answer, { workflow: Ask, executionId }, "yes")
        assert.strictEqual(yield* Fiber.join(caller), "yes")
      }).pipe(serving(engine, Ask.toLayer(() => DurableDeferred.await(Answer))))
    })

    it.effect("a completed run wakes its caller before the suspendedRetrySchedule is due", () => {
      const Ask = Workflow.make("Ask", {
        ...keyed,
        success: Schema.String,
        suspendedRetrySchedule: Schedule.spaced("1 hour")
      })
      return Effect.gen(function*() {
        const executionId = yield* Ask.executionId({ id: "a" })
        const caller = yield* Effect.forkChild(Ask.execute({ id: "a" }))
        yield* awaitSuspended(Ask, executionId)
        yield* settle
        yield* answer(Answer, { workflow: Ask, executionId }, "yes")
        assert.strictEqual(yield* Fiber.join(caller), "yes")
      }).pipe(serving(engine, Ask.toLayer(() => DurableDeferred.await(Answer))))
    })

    it.effect("execute dies when the suspendedRetrySchedule is exhausted, and the run stays suspended", () => {
      const Ask = Workflow.make("Ask", {
        ...keyed,
        success: Schema.String,
        suspendedRetrySchedule: Schedule.recurs(0)
      })
      return Effect.gen(function*() {
        const exit = yield* Effect.exit(Ask.execute({ id: "a" }))
        assertDied(exit, "suspendedRetrySchedule exhausted")
        const executionId = yield* Ask.executionId({ id: "a" })
        yield* awaitSuspended(Ask, executionId)
        yield* answer(Answer, { workflow: Ask, executionId }, "late")
        assert.deepStrictEqual(yield* awaitExit(Ask, executionId), Exit.succeed("late"))
      }).pipe(serving(engine, Ask.toLayer(() => DurableDeferred.await(Answer))))
    })

    it.effect("a run goes on when its caller is interrupted", () => {
      const log = new Log()
      const gate = Deferred.makeUnsafe<void>()
      const Work = Workflow.make("Work", { ...keyed, success: Schema.String })
      const layer = Work.toLayer(() =>
        Activity.make({
          name: "work",
          success: Schema.String,
          execute: log.add("working").pipe(Effect.andThen(Deferred.await(gate)), Effect.as("done"))
        })
      )
      return Effect.gen(function*() {
        const caller = yield* Effect.forkChild(Work.execute({ id: "a" }))
        yield* log.reached("working")
        yield* Fiber.interrupt(caller)
        yield* Deferred.succeed(gate, undefined)
        const exit = yield* awaitExit(Work, yield* Work.executionId({ id: "a" }))
        assert.deepStrictEqual(exit, Exit.succeed("done"))
        assert.strictEqual(log.count("working"), 1)
      }).pipe(serving(engine, layer))
    })

    it.effect("the handler sees the services that its layer was given", () => {
      const Where = Workflow.make("Where", { ...keyed, success: Schema.String })
      const layer = Where.toLayer(() => Region).pipe(Layer.provide(Layer.succeed(Region, "north")))
      return Effect.gen(function*() {
        assert.strictEqual(yield* Where.execute({ id: "a" }), "north")
      }).pipe(serving(engine, layer))
    })

    it.effect("a class that extends a workflow is executed, polled and served through its statics", () => {
      class Greet extends Workflow.make("Greet", { ...keyed, success: Schema.String }) {
        static readonly greeting = "Hello"
      }
      const layer = Greet.toLayer(({ id }) => Effect.succeed(`${Greet.greeting} ${id}`))
      return Effect.gen(function*() {
        assert.strictEqual(Greet._tag, "Greet")
        assert.strictEqual(yield* Greet.execute({ id: "Ada" }), "Hello Ada")
        const exit = yield* awaitExit(Greet, yield* Greet.executionId({ id: "Ada" }))
        assert.deepStrictEqual(exit, Exit.succeed("Hello Ada"))
      }).pipe(serving(engine, layer))
    })

    it.effect("the handler sees the annotations of its workflow", () => {
      const Owner = Context.Reference<string>("@fermata/testing/Owner", { defaultValue: () => "nobody" })
      const Tier = Context.Reference<number>("@fermata/testing/Tier", { defaultValue: () => 0 })
      const Who = Workflow.make("Who", { ...keyed, success: Schema.String })
        .annotate(Owner, "finance")
        .annotateMerge(Context.make(Tier, 2))
      const layer = Who.toLayer(() =>
        Effect.map(WorkflowInstance, ({ workflow }) =>
          `${Context.get(workflow.annotations, Owner)} ${Context.get(workflow.annotations, Tier)}`)
      )
      return Effect.gen(function*() {
        assert.strictEqual(yield* Who.execute({ id: "a" }), "finance 2")
      }).pipe(serving(engine, layer))
    })
  })
