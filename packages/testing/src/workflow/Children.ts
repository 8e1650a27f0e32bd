/** Child runs: results, linkage and interrupts. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as Activity from "effect/workflow/Activity"
import * as DurableDeferred from "effect/workflow/DurableDeferred"
import * as Workflow from "effect/workflow/Workflow"
import {
  answer,
  assertDied,
  assertInterrupted,
  awaitExit,
  awaitSuspended,
  date,
  Declined,
  type Engine,
  keyed,
  Log,
  Receipt,
  serving,
  settle,
  startSuspended
} from "./Harness.ts"

const Answer = DurableDeferred.make("Answer", { success: Schema.String })
const Hold = DurableDeferred.make("Hold", { success: Schema.String })

/** A child that waits for an answer. */
class Child extends Workflow.make("Child", { ...keyed, success: Schema.String, error: Declined }) {}
const childLayer = Child.toLayer(() => DurableDeferred.await(Answer))
class Parent extends Workflow.make("Parent", { ...keyed, success: Schema.String, error: Declined }) {}

const answerChild = (id: string, value: string) =>
  Effect.flatMap(Child.executionId({ id }), (executionId) => answer(Answer, { workflow: Child, executionId }, value))

/** Registers the tests of child runs. */
export const children = (engine: Engine) =>
  describe("children", () => {
    it.effect("a parent returns the result of its child", () => {
      const Charge = Workflow.make("Charge", { ...keyed, success: Receipt })
      const Order = Workflow.make("Order", { ...keyed, success: Receipt })
      const receipt = new Receipt({ at: date(86_400_000), cents: 3n })
      return Effect.gen(function*() {
        const result = yield* Order.execute({ id: "a" })
        assert.instanceOf(result, Receipt)
        assert.deepStrictEqual(result, receipt)
      }).pipe(serving(
        engine,
        Charge.toLayer(() => Effect.succeed(receipt)),
        Order.toLayer(({ id }) => Charge.execute({ id: `${id}/charge` }))
      ))
    })

    it.effect("a parent is suspended while its child waits and completes after it", () =>
      Effect.gen(function*() {
        const executionId = yield* startSuspended(Parent, { id: "a" })
        yield* awaitSuspended(Child, yield* Child.executionId({ id: "a/child" }))
        yield* answerChild("a/child", "yes")
        assert.deepStrictEqual(yield* awaitExit(Parent, executionId), Exit.succeed("yes"))
      }).pipe(serving(engine, childLayer, Parent.toLayer(({ id }) => Child.execute({ id: `${id}/child` })))))

    it.effect("the work of a child and of its parent is done once", () => {
      const log = new Log()
      const Worker = Workflow.make("Worker", { ...keyed, success: Schema.String })
      const workerLayer = Worker.toLayer(() =>
        Effect.andThen(Activity.make({ name: "child work", execute: log.add("child") }), DurableDeferred.await(Answer))
      )
      const layer = Parent.toLayer(({ id }) =>
        Activity.make({ name: "before", execute: log.add("before") }).pipe(
          Effect.andThen(Worker.execute({ id })),
          Effect.tap(Activity.make({ name: "after", execute: log.add("after") }))
        )
      )
      return Effect.gen(function*() {
        const executionId = yield* startSuspended(Parent, { id: "a" })
        yield* answer(Answer, { workflow: Worker, executionId: yield* Worker.executionId({ id: "a" }) }, "yes")
        assert.deepStrictEqual(yield* awaitExit(Parent, executionId), Exit.succeed("yes"))
        assert.deepStrictEqual(log.entries, ["before", "child", "after"])
      }).pipe(serving(engine, workerLayer, layer))
    })

    it.effect("a parent can catch the typed error of its child", () => {
      const Failing = Workflow.make("Failing", { ...keyed, error: Declined })
      const failingLayer = Failing.toLayer(() => Effect.fail(new Declined({ reason: "empty" })))
      const layer = Parent.toLayer(({ id }) =>
        Failing.execute({ id }).pipe(
          Effect.as("paid"),
          Effect.catchTag("Declined", (error) => Effect.succeed(`declined: ${error.reason}`))
        )
      )
      return Effect.gen(function*() {
        assert.strictEqual(yield* Parent.execute({ id: "a" }), "declined: empty")
      }).pipe(serving(engine, failingLayer, layer))
    })

    it.effect("an uncaught error of a child is the error of its parent", () => {
      const Failing = Workflow.make("Failing", { ...keyed, success: Schema.String, error: Declined })
      const failingLayer = Failing.toLayer(() => Effect.fail(new Declined({ reason: "empty" })))
      return Effect.gen(function*() {
        const error = yield* Effect.flip(Parent.execute({ id: "a" }))
        assert.instanceOf(error, Declined)
        assert.strictEqual(error.reason, "empty")
      }).pipe(serving(engine, failingLayer, Parent.toLayer(({ id }) => Failing.execute({ id }))))
    })

    it.effect("a defect of a child is a defect of its parent", () => {
      const Crash = Workflow.make("Crash", { ...keyed, success: Schema.String })
      return Effect.gen(function*() {
        const exit = yield* Effect.exit(Parent.execute({ id: "a" }))
        assertDied(exit, "boom")
      }).pipe(serving(
        engine,
        Crash.toLayer(() => Effect.die(new Error("boom"))),
        Parent.toLayer(({ id }) => Crash.execute({ id }))
      ))
    })

    it.effect("a failing parent compensates what it did before its child failed", () => {
      const log = new Log()
      const Failing = Workflow.make("Failing", { ...keyed, success: Schema.String, error: Declined })
      const failingLayer = Failing.toLayer(() =>
        Effect.andThen(DurableDeferred.await(Answer), Effect.fail(new Declined({ reason: "empty" })))
      )
      const layer = Parent.toLayer(({ id }) =>
        Activity.make({ name: "book", execute: log.add("book") }).pipe(
          Parent.withCompensation(() => log.add("undo")),
          Effect.andThen(Failing.execute({ id }))
        )
      )
      return Effect.gen(function*() {
        const executionId = yield* startSuspended(Parent, { id: "a" })
        yield* answer(Answer, { workflow: Failing, executionId: yield* Failing.executionId({ id: "a" }) }, "go")
        assert.isTrue(Exit.isFailure(yield* awaitExit(Parent, executionId)))
        assert.deepStrictEqual(log.entries, ["book", "undo"])
      }).pipe(serving(engine, failingLayer, layer))
    })

    it.effect("a parent ends before the child that it discarded", () =>
      Effect.gen(function*() {
        const childId = yield* Parent.execute({ id: "a" })
        assert.strictEqual(childId, yield* Child.executionId({ id: "a/child" }))
        yield* awaitSuspended(Child, childId)
        yield* answerChild("a/child", "later")
        assert.deepStrictEqual(yield* awaitExit(Child, childId), Exit.succeed("later"))
      }).pipe(serving(
        engine,
        childLayer,
        Parent.toLayer(({ id }) => Child.execute({ id: `${id}/child` }, { discard: true }))
      )))

    it.effect("a parent may discard a child and wait for it later", () =>
      Effect.gen(function*() {
        const executionId = yield* startSuspended(Parent, { id: "a" })
        yield* answerChild("a/child", "yes")
        assert.deepStrictEqual(yield* awaitExit(Parent, executionId), Exit.succeed("yes"))
      }).pipe(serving(
        engine,
        childLayer,
        Parent.toLayer(({ id }) =>
          Effect.andThen(
            Child.execute({ id: `${id}/child` }, { discard: true }),
            Child.execute({ id: `${id}/child` })
          )
        )
      )))

    it.effect("executing a completed child again returns its recorded result", () => {
      const log = new Log()
      const Count = Workflow.make("Count", { ...keyed, success: Schema.String })
      const countLayer = Count.toLayer(() => Effect.as(log.add("count"), "counted"))
      return Effect.gen(function*() {
        assert.strictEqual(yield* Count.execute({ id: "c" }), "counted")
        assert.strictEqual(yield* Parent.execute({ id: "a" }), "counted counted")
        assert.strictEqual(log.count("count"), 1)
      }).pipe(serving(
        engine,
        countLayer,
        Parent.toLayer(() =>
          Effect.map(Effect.all([Count.execute({ id: "c" }), Count.execute({ id: "c" })]), (all) => all.join(" "))
        )
      ))
    })

    it.effect("interrupting a parent interrupts the child that it waits for, and both compensate, the child once", () => {
      const log = new Log()
      const compensating = Child.toLayer(() =>
        Activity.make({ name: "book", execute: log.add("book") }).pipe(
          Child.withCompensation(() => log.add("undo child")),
          Effect.andThen(DurableDeferred.await(Answer))
        )
      )
      const layer = Parent.toLayer(({ id }) =>
        Effect.void.pipe(
          Parent.withCompensation(() => log.add("undo parent")),
          Effect.andThen(Child.execute({ id: `${id}/child` }))
        )
      )
      return Effect.gen(function*() {
        const executionId = yield* startSuspended(Parent, { id: "a" })
        const childId = yield* Child.executionId({ id: "a/child" })
        yield* awaitSuspended(Child, childId)
        yield* Parent.interrupt(executionId)
        for (const exit of [yield* awaitExit(Parent, executionId), yield* awaitExit(Child, childId)]) {
          assertInterrupted(exit)
        }
        yield* settle
        assert.deepStrictEqual([...log.entries].sort(), ["book", "undo child", "undo parent"])
      }).pipe(serving(engine, compensating, layer))
    })

    it.effect("interrupting a parent interrupts a child that it discarded", () =>
      Effect.gen(function*() {
        const executionId = yield* startSuspended(Parent, { id: "a" })
        const childId = yield* Child.executionId({ id: "a/child" })
        yield* awaitSuspended(Child, childId)
        yield* Parent.interrupt(executionId)
        const exit = yield* awaitExit(Child, childId)
        assertInterrupted(exit)
      }).pipe(serving(
        engine,
        childLayer,
        Parent.toLayer(({ id }) =>
          Effect.andThen(Child.execute({ id: `${id}/child` }, { discard: true }), DurableDeferred.await(Hold))
        )
      )))

    it.effect("interrupting a parent leaves a detached child alone", () =>
      Effect.gen(function*() {
        const executionId = yield* startSuspended(Parent, { id: "a" })
        const childId = yield* Child.executionId({ id: "a/child" })
        yield* awaitSuspended(Child, childId)
        yield* Parent.interrupt(executionId)
        const exit = yield* awaitExit(Parent, executionId)
        assertInterrupted(exit)
        yield* settle
        yield* awaitSuspended(Child, childId)
        yield* answerChild("a/child", "alone")
        assert.deepStrictEqual(yield* awaitExit(Child, childId), Exit.succeed("alone"))
      }).pipe(serving(
        engine,
        childLayer,
        Parent.toLayer(({ id }) =>
          Effect.andThen(
            Child.execute({ id: `${id}/child` }, { discard: true, detached: true }),
            DurableDeferred.await(Hold)
          )
        )
      )))

    it.effect("a parent sees the interrupt of its child as a cause", () =>
      Effect.gen(function*() {
        const executionId = yield* startSuspended(Parent, { id: "a" })
        const childId = yield* Child.executionId({ id: "a/child" })
        yield* awaitSuspended(Child, childId)
        yield* Child.interrupt(childId)
        assert.deepStrictEqual(yield* awaitExit(Parent, executionId), Exit.succeed("interrupted"))
      }).pipe(serving(
        engine,
        childLayer,
        Parent.toLayer(({ id }) =>
          Effect.catchCause(
            Child.execute({ id: `${id}/child` }),
            (cause) => Cause.hasInterruptsOnly(cause) ? Effect.succeed("interrupted") : Effect.failCause(cause)
          )
        )
      )))

    it.effect("a parent goes on when its child, suspended by SuspendOnFailure, is resumed and completes", () => {
      let repaired = false
      const Fragile = Workflow.make("Fragile", { ...keyed, success: Schema.String, error: Declined })
        .annotate(Workflow.SuspendOnFailure, true)
      const fragileLayer = Fragile.toLayer(() =>
        Effect.suspend(() => repaired ? Effect.succeed("whole") : Effect.fail(new Declined({ reason: "broken" })))
      )
      return Effect.gen(function*() {
        const executionId = yield* startSuspended(Parent, { id: "a" })
        repaired = true
        yield* Fragile.resume(yield* Fragile.executionId({ id: "a" }))
        assert.deepStrictEqual(yield* awaitExit(Parent, executionId), Exit.succeed("whole"))
      }).pipe(serving(engine, fragileLayer, Parent.toLayer(({ id }) => Fragile.execute({ id }))))
    })

    it.effect("an activity may wait for a child", () =>
      Effect.gen(function*() {
        const executionId = yield* startSuspended(Parent, { id: "a" })
        yield* awaitSuspended(Child, yield* Child.executionId({ id: "a/child" }))
        yield* answerChild("a/child", "inside")
        assert.deepStrictEqual(yield* awaitExit(Parent, executionId), Exit.succeed("inside"))
      }).pipe(serving(
        engine,
        childLayer,
        Parent.toLayer(({ id }) =>
          Activity.make({
            name: "delegate",
            success: Schema.String,
            error: Declined,
            execute: Child.execute({ id: `${id}/child` })
          })
        )
      )))
  })
