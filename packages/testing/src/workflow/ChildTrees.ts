/** Several children, children of children, and children that parents share. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as Activity from "effect/workflow/Activity"
import * as DurableDeferred from "effect/workflow/DurableDeferred"
import * as Workflow from "effect/workflow/Workflow"
import {
  answer,
  awaitExit,
  awaitSuspended,
  Declined,
  type Engine,
  eventually,
  keyed,
  Log,
  serving,
  settle,
  startSuspended
} from "./Harness.ts"

const Answer = DurableDeferred.make("Answer", { success: Schema.String })

/** A child that waits for an answer. */
class Child extends Workflow.make("Child", { ...keyed, success: Schema.String, error: Declined }) {}
const childLayer = Child.toLayer(() => DurableDeferred.await(Answer))
class Parent extends Workflow.make("Parent", { ...keyed, success: Schema.String, error: Declined }) {}

const answerChild = (id: string, value: string) =>
  Effect.flatMap(Child.executionId({ id }), (executionId) => answer(Answer, { workflow: Child, executionId }, value))

/** Registers the tests of fans and trees of child runs. */
export const childTrees = (engine: Engine) =>
  describe("child trees", () => {
    it.effect("children in a fan-out return their results in order", () => {
      const gates = ["x", "y", "z"].map((id) => [id, Deferred.makeUnsafe<void>()] as const)
      const gateOf = new Map(gates)
      let working = 0
      const Leaf = Workflow.make("Leaf", { ...keyed, success: Schema.String })
      const leafLayer = Leaf.toLayer(({ id }) =>
        Activity.make({
          name: "leaf",
          success: Schema.String,
          execute: Effect.suspend(() => {
            working++
            return Effect.as(Deferred.await(gateOf.get(id)!), id.toUpperCase())
          })
        })
      )
      const Fan = Workflow.make("Fan", { ...keyed, success: Schema.Array(Schema.String) })
      return Effect.gen(function*() {
        const executionId = yield* Fan.execute({ id: "a" }, { discard: true })
        yield* eventually("all children work", Effect.sync(() => working === gates.length))
        for (const [, gate] of [...gates].reverse()) yield* Deferred.succeed(gate, undefined)
        assert.deepStrictEqual(yield* awaitExit(Fan, executionId), Exit.succeed(["X", "Y", "Z"]))
      }).pipe(serving(
        engine,
        leafLayer,
        Fan.toLayer(() => Effect.forEach(gates, ([id]) => Leaf.execute({ id }), { concurrency: "unbounded" }))
      ))
    })

    it.effect("waiting children in a fan-out are answered in any order", () => {
      const ids = ["x", "y", "z"]
      const Fan = Workflow.make("Fan", { ...keyed, success: Schema.Array(Schema.String), error: Declined })
      return Effect.gen(function*() {
        const executionId = yield* startSuspended(Fan, { id: "a" })
        for (const id of ["z", "x", "y"]) {
          yield* awaitSuspended(Child, yield* Child.executionId({ id }))
          yield* awaitSuspended(Fan, executionId)
          yield* answerChild(id, id.toUpperCase())
          yield* settle
        }
        assert.deepStrictEqual(yield* awaitExit(Fan, executionId), Exit.succeed(["X", "Y", "Z"]))
      }).pipe(serving(
        engine,
        childLayer,
        Fan.toLayer(() => Effect.forEach(ids, (id) => Child.execute({ id }), { concurrency: "unbounded" }))
      ))
    })

    it.effect("an activity in flight runs once when a child beside it completes", () => {
      const log = new Log()
      const gate = Deferred.makeUnsafe<void>()
      const Both = Workflow.make("Both", { ...keyed, success: Schema.Array(Schema.String), error: Declined })
      const work = Activity.make({
        name: "work",
        success: Schema.String,
        execute: log.add("working").pipe(Effect.andThen(Deferred.await(gate)), Effect.as("worked"))
      })
      const layer = Both.toLayer(({ id }) => Effect.all([Child.execute({ id }), work], { concurrency: "unbounded" }))
      return Effect.gen(function*() {
        const executionId = yield* Both.execute({ id: "a" }, { discard: true })
        yield* log.reached("working")
        yield* awaitSuspended(Child, yield* Child.executionId({ id: "a" }))
        yield* answerChild("a", "yes")
        yield* settle
        yield* Deferred.succeed(gate, undefined)
        assert.deepStrictEqual(yield* awaitExit(Both, executionId), Exit.succeed(["yes", "worked"]))
        assert.strictEqual(log.count("working"), 1)
      }).pipe(serving(engine, childLayer, layer))
    })

    it.effect("a child of a child wakes every run above it", () => {
      const Middle = Workflow.make("Middle", { ...keyed, success: Schema.String, error: Declined })
      const middleLayer = Middle.toLayer(({ id }) => Effect.map(Child.execute({ id }), (value) => `${value} middle`))
      const layer = Parent.toLayer(({ id }) => Effect.map(Middle.execute({ id }), (value) => `${value} parent`))
      return Effect.gen(function*() {
        const executionId = yield* startSuspended(Parent, { id: "a" })
        yield* awaitSuspended(Child, yield* Child.executionId({ id: "a" }))
        yield* answerChild("a", "child")
        assert.deepStrictEqual(yield* awaitExit(Parent, executionId), Exit.succeed("child middle parent"))
      }).pipe(serving(engine, childLayer, middleLayer, layer))
    })

    it.effect("two parents that wait for a working child share its run", () => {
      const log = new Log()
      const gate = Deferred.makeUnsafe<void>()
      const Shared = Workflow.make("Shared", { ...keyed, success: Schema.String })
      const sharedLayer = Shared.toLayer(() =>
        Activity.make({
          name: "share",
          success: Schema.String,
          execute: log.add("working").pipe(Effect.andThen(Deferred.await(gate)), Effect.as("shared"))
        })
      )
      const layer = Parent.toLayer(({ id }) => Effect.andThen(log.add(`parent ${id}`), Shared.execute({ id: "one" })))
      return Effect.gen(function*() {
        const a = yield* Parent.execute({ id: "a" }, { discard: true })
        const b = yield* Parent.execute({ id: "b" }, { discard: true })
        yield* log.reached("working")
        yield* log.reached("parent a")
        yield* log.reached("parent b")
        yield* settle
        yield* Deferred.succeed(gate, undefined)
        assert.deepStrictEqual(yield* awaitExit(Parent, a), Exit.succeed("shared"))
        assert.deepStrictEqual(yield* awaitExit(Parent, b), Exit.succeed("shared"))
        assert.strictEqual(log.count("working"), 1)
      }).pipe(serving(engine, sharedLayer, layer))
    })
  })
