/** Compensations, finalizers and the scope of a run. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Activity from "effect/workflow/Activity"
import * as DurableDeferred from "effect/workflow/DurableDeferred"
import * as Workflow from "effect/workflow/Workflow"
import {
  answer,
  assertDeclined,
  awaitExit,
  Declined,
  type Engine,
  keyed,
  Log,
  serving,
  settle,
  startSuspended
} from "./Harness.ts"

class Ledger extends Context.Service<Ledger, string>()("@fermata/testing/Ledger") {}

const Approval = DurableDeferred.make("Approval", { success: Schema.String, error: Declined })
const empty = new Declined({ reason: "empty" })

/** Registers the tests of compensations, finalizers and scopes. */
export const compensations = (engine: Engine) =>
  describe("compensations", () => {
    it.effect("a compensation runs with the value and the cause when the run fails, and the run keeps its error", () => {
      const seen: Array<readonly [number, Cause.Cause<Declined>]> = []
      const Pay = Workflow.make("Pay", { ...keyed, error: Declined })
      const layer = Pay.toLayer(() =>
        Activity.make({ name: "reserve", success: Schema.Int, execute: Effect.succeed(3) }).pipe(
          Pay.withCompensation((value, cause) => Effect.sync(() => void seen.push([value, cause]))),
          Effect.andThen(Effect.fail(empty))
        )
      )
      return Effect.gen(function*() {
        assertDeclined(yield* Effect.exit(Pay.execute({ id: "a" })))
        assert.strictEqual(seen.length, 1)
        const [value, cause] = seen[0]!
        assert.strictEqual(value, 3)
        assertDeclined(cause)
      }).pipe(serving(engine, layer))
    })

    it.effect("a compensation runs when the run ends with a defect", () => {
      const log = new Log()
      const Pay = Workflow.make("Pay", keyed)
      const layer = Pay.toLayer(() =>
        Effect.void.pipe(Pay.withCompensation(() => log.add("undo")), Effect.andThen(Effect.die("boom")))
      )
      return Effect.gen(function*() {
        assert.isTrue(Exit.isFailure(yield* Effect.exit(Pay.execute({ id: "a" }))))
        assert.strictEqual(log.count("undo"), 1)
      }).pipe(serving(engine, layer))
    })

    it.effect("a compensation does not run when the run succeeds", () => {
      const log = new Log()
      const Pay = Workflow.make("Pay", { ...keyed, success: Schema.String })
      const layer = Pay.toLayer(() => Effect.succeed("paid").pipe(Pay.withCompensation(() => log.add("undo"))))
      return Effect.gen(function*() {
        assert.strictEqual(yield* Pay.execute({ id: "a" }), "paid")
        yield* settle
        assert.strictEqual(log.count("undo"), 0)
      }).pipe(serving(engine, layer))
    })

    it.effect("an effect that failed is not compensated", () => {
      const log = new Log()
      const Pay = Workflow.make("Pay", { ...keyed, error: Declined })
      const layer = Pay.toLayer(() =>
        log.add("first").pipe(
          Pay.withCompensation(() => log.add("undo first")),
          Effect.andThen(Effect.fail(empty).pipe(Pay.withCompensation(() => log.add("undo second"))))
        )
      )
      return Effect.gen(function*() {
        yield* Effect.flip(Pay.execute({ id: "a" }))
        assert.deepStrictEqual(log.entries, ["first", "undo first"])
      }).pipe(serving(engine, layer))
    })

    it.effect("an error that the handler recovers from compensates nothing", () => {
      const log = new Log()
      const Pay = Workflow.make("Pay", { ...keyed, success: Schema.String })
      const layer = Pay.toLayer(() =>
        Effect.void.pipe(
          Pay.withCompensation(() => log.add("undo")),
          Effect.andThen(Effect.fail(empty)),
          Effect.catchTag("Declined", () => Effect.succeed("recovered"))
        )
      )
      return Effect.gen(function*() {
        assert.strictEqual(yield* Pay.execute({ id: "a" }), "recovered")
        assert.strictEqual(log.count("undo"), 0)
      }).pipe(serving(engine, layer))
    })

    it.effect("compensations run in reverse, an outer one before the one it wraps", () => {
      const log = new Log()
      const Trip = Workflow.make("Trip", { ...keyed, error: Declined })
      const layer = Trip.toLayer(() =>
        Effect.succeed("seat").pipe(
          Trip.withCompensation((seat) => log.add(`undo ${seat}`)),
          Effect.andThen(Effect.succeed("flight")),
          Trip.withCompensation((flight) => log.add(`undo ${flight}`)),
          Effect.andThen(Effect.succeed("hotel")),
          Workflow.withCompensation((hotel) => log.add(`undo ${hotel}`)),
          Effect.andThen(Effect.fail(empty))
        )
      )
      return Effect.gen(function*() {
        yield* Effect.flip(Trip.execute({ id: "a" }))
        assert.deepStrictEqual(log.entries, ["undo hotel", "undo flight", "undo seat"])
      }).pipe(serving(engine, layer))
    })

    it.effect("a compensation registered before a wait runs once, after the run fails", () => {
      const log = new Log()
      const Pay = Workflow.make("Pay", { ...keyed, success: Schema.String, error: Declined })
      const layer = Pay.toLayer(() =>
        Activity.make({ name: "reserve", execute: log.add("reserve") }).pipe(
          Pay.withCompensation(() => log.add("release")),
          Effect.andThen(DurableDeferred.await(Approval))
        )
      )
      return Effect.gen(function*() {
        const executionId = yield* startSuspended(Pay, { id: "a" })
        yield* settle
        assert.deepStrictEqual(log.entries, ["reserve"])
        yield* DurableDeferred.fail(Approval, {
          token: DurableDeferred.tokenFromExecutionId(Approval, { workflow: Pay, executionId }),
          error: empty
        })
        assert.isTrue(Exit.isFailure(yield* awaitExit(Pay, executionId)))
        yield* settle
        assert.deepStrictEqual(log.entries, ["reserve", "release"])
      }).pipe(serving(engine, layer))
    })

    it.effect("a compensation sees the services of the handler's layer", () => {
      const log = new Log()
      const Pay = Workflow.make("Pay", { ...keyed, error: Declined })
      const layer = Pay.toLayer(() =>
        Effect.void.pipe(
          Pay.withCompensation(() => Effect.flatMap(Ledger, log.add)),
          Effect.andThen(Effect.fail(empty))
        )
      ).pipe(Layer.provide(Layer.succeed(Ledger, "main ledger")))
      return Effect.gen(function*() {
        yield* Effect.flip(Pay.execute({ id: "a" }))
        assert.deepStrictEqual(log.entries, ["main ledger"])
      }).pipe(serving(engine, layer))
    })

    it.effect("finalizers run in reverse with the exit of a successful run", () => {
      const exits: Array<readonly [string, Exit.Exit<unknown, unknown>]> = []
      const Greet = Workflow.make("Greet", { ...keyed, success: Schema.String })
      const record = (name: string) => Workflow.addFinalizer((exit) => Effect.sync(() => void exits.push([name, exit])))
      const layer = Greet.toLayer(() => record("first").pipe(Effect.andThen(record("second")), Effect.as("hello")))
      return Effect.gen(function*() {
        yield* Greet.execute({ id: "a" })
        assert.deepStrictEqual(exits, [["second", Exit.succeed("hello")], ["first", Exit.succeed("hello")]])
      }).pipe(serving(engine, layer))
    })

    it.effect("a finalizer runs with the exit of a failed run", () => {
      const exits: Array<Exit.Exit<unknown, unknown>> = []
      const Pay = Workflow.make("Pay", { ...keyed, error: Declined })
      const layer = Pay.toLayer(() =>
        Effect.andThen(
          Workflow.addFinalizer((exit) => Effect.sync(() => void exits.push(exit))),
          Effect.fail(empty)
        )
      )
      return Effect.gen(function*() {
        yield* Effect.flip(Pay.execute({ id: "a" }))
        assert.strictEqual(exits.length, 1)
        assertDeclined(exits[0]!)
      }).pipe(serving(engine, layer))
    })

    it.effect("a finalizer does not run while the run waits, and then observes its end", () => {
      const log = new Log()
      const Ask = Workflow.make("Ask", { ...keyed, success: Schema.String, error: Declined })
      const layer = Ask.toLayer(() =>
        Effect.andThen(
          Workflow.addFinalizer((exit) => log.add(`end ${exit._tag} ${Exit.isSuccess(exit) ? exit.value : ""}`)),
          DurableDeferred.await(Approval)
        )
      )
      return Effect.gen(function*() {
        const executionId = yield* startSuspended(Ask, { id: "a" })
        yield* settle
        assert.deepStrictEqual(log.entries, [])
        yield* answer(Approval, { workflow: Ask, executionId }, "yes")
        yield* awaitExit(Ask, executionId)
        assert.strictEqual(log.count("end Success yes"), 1)
      }).pipe(serving(engine, layer))
    })

    it.effect("a finalizer observes the interrupt of a suspended run", () => {
      const interrupted: Array<boolean> = []
      const Ask = Workflow.make("Ask", { ...keyed, success: Schema.String, error: Declined })
      const layer = Ask.toLayer(() =>
        Effect.andThen(
          Workflow.addFinalizer((exit) =>
            Effect.sync(() => void interrupted.push(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)))
          ),
          DurableDeferred.await(Approval)
        )
      )
      return Effect.gen(function*() {
        const executionId = yield* startSuspended(Ask, { id: "a" })
        yield* Ask.interrupt(executionId)
        yield* awaitExit(Ask, executionId)
        assert.include(interrupted, true)
      }).pipe(serving(engine, layer))
    })

    it.effect("a resource of provideScope is released at the end of the run, not at the end of the effect", () => {
      const log = new Log()
      const Use = Workflow.make("Use", keyed)
      const layer = Use.toLayer(() =>
        Effect.acquireRelease(log.add("acquire"), () => log.add("release")).pipe(
          Workflow.provideScope,
          Effect.andThen(log.add("work")),
          Effect.andThen(Workflow.addFinalizer(() => log.add("finalizer")))
        )
      )
      return Effect.gen(function*() {
        yield* Use.execute({ id: "a" })
        assert.deepStrictEqual(log.entries, ["acquire", "work", "finalizer", "release"])
      }).pipe(serving(engine, layer))
    })

    it.effect("a resource of provideScope stays open while the run waits", () => {
      const log = new Log()
      const Use = Workflow.make("Use", { ...keyed, success: Schema.String, error: Declined })
      const layer = Use.toLayer(() =>
        Effect.acquireRelease(log.add("acquire"), () => log.add("release")).pipe(
          Workflow.provideScope,
          Effect.andThen(DurableDeferred.await(Approval))
        )
      )
      return Effect.gen(function*() {
        const executionId = yield* startSuspended(Use, { id: "a" })
        yield* settle
        assert.strictEqual(log.count("release"), 0)
        yield* answer(Approval, { workflow: Use, executionId }, "yes")
        yield* awaitExit(Use, executionId)
        assert.strictEqual(log.count("release"), log.count("acquire"))
      }).pipe(serving(engine, layer))
    })

    it.effect("Workflow.scope closes with the exit of the run", () => {
      const exits: Array<Exit.Exit<unknown, unknown>> = []
      const Pay = Workflow.make("Pay", { ...keyed, error: Declined })
      const layer = Pay.toLayer(() =>
        Workflow.scope.pipe(
          Effect.flatMap((scope) => Scope.addFinalizerExit(scope, (exit) => Effect.sync(() => void exits.push(exit)))),
          Effect.andThen(Effect.fail(empty))
        )
      )
      return Effect.gen(function*() {
        yield* Effect.flip(Pay.execute({ id: "a" }))
        assert.strictEqual(exits.length, 1)
        assertDeclined(exits[0]!)
      }).pipe(serving(engine, layer))
    })
  })
