/**
 * What the groups of the workflow conformance suite share: a fresh engine per
 * test, waiting for a fact without waiting for time, and a few schemas.
 */
import { assert } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import * as DurableDeferred from "effect/workflow/DurableDeferred"
import type * as Workflow from "effect/workflow/Workflow"
import type { WorkflowEngine } from "effect/workflow/WorkflowEngine"

/** A `Date`, without asking the world for the time. */
export const date = (millis: number): Date => DateTime.toDateUtc(DateTime.makeUnsafe(millis))

/** The engine under test. Every test builds it anew; a failure to build fails the test. */
export type Engine = Layer.Layer<WorkflowEngine, unknown>

/** A business error that workflows, activities and deferreds of the suite fail with. */
export class Declined extends Schema.TaggedError<Declined>()("Declined", {
  reason: Schema.String
}) {}

/** A value whose JSON form differs from its form in memory. */
export class Receipt extends Schema.Class<Receipt>("Receipt")({
  at: Schema.Date,
  cents: Schema.BigInt
}) {}

/** The payload of most workflows of the suite, and its idempotency key. */
export const keyed = {
  payload: { id: Schema.String },
  idempotencyKey: (payload: { readonly id: string }) => payload.id
}

/** Runs a test program on a fresh engine that serves the given workflows. */
export const serving = <E>(
  engine: Engine,
  ...workflows: readonly [Layer.Layer<never, E, WorkflowEngine>, ...Array<Layer.Layer<never, E, WorkflowEngine>>]
) => Effect.provide(Layer.mergeAll(...workflows).pipe(Layer.provideMerge(engine)))

/** What happened, in order, as the test saw it from outside the engine. */
export class Log {
  readonly entries: Array<string> = []
  /** An effect that adds an entry each time it runs. */
  readonly add = (entry: string) => Effect.sync(() => void this.entries.push(entry))
  /** How often an entry was added. */
  readonly count = (entry: string) => this.entries.filter((other) => other === entry).length
  /** Waits until an entry was added at least `times` times. */
  readonly reached = (entry: string, times = 1) =>
    eventually(`"${entry}" is logged ${times} times`, Effect.sync(() => this.count(entry) >= times))
}

/** Scheduler turns that a fact may take to come true. An engine may commit on `setImmediate`. */
const maxTurns = 20_000

/** Waits, by giving way to other fibers, until a fact is true; dies with its name when it never is. */
export const eventually = Effect.fnUntraced(function*<E, R>(fact: string, holds: Effect.Effect<boolean, E, R>) {
  for (let turn = 0; turn < maxTurns; turn++) {
    if (yield* holds) return
    yield* Effect.yieldNow
  }
  return yield* Effect.die(new Error(`Not true after ${maxTurns} scheduler turns: ${fact}`))
})

/** Scheduler turns in which an engine in one process has done all that it can do by itself. */
const settleTurns = 400

/** Gives way long enough for an idle engine to do all it can do without a clock, an answer or a command. */
export const settle = Effect.gen(function*() {
  for (let turn = 0; turn < settleTurns; turn++) yield* Effect.yieldNow
})

/** Lets the engine arm its timers, moves the test clock, and lets it act on what came due. */
export const passTime = (duration: Duration.Input) =>
  settle.pipe(Effect.andThen(TestClock.adjust(duration)), Effect.andThen(settle))

interface Pollable<A, E> {
  readonly _tag: string
  readonly poll: (executionId: string) => Effect.Effect<Option.Option<Workflow.Result<A, E>>, never, WorkflowEngine>
}

/** `None`, `Suspended` or `Complete`, as `poll` says it. */
export const statusOf = <A, E>(workflow: Pollable<A, E>, executionId: string) =>
  Effect.map(workflow.poll(executionId), (result) => Option.isNone(result) ? "None" as const : result.value._tag)

/**
 * Waits until `poll` says that the run is suspended; dies at once when it has ended.
 * A run that was woken for nothing may pass once more before it is suspended again.
 */
export const awaitSuspended = <A, E>(workflow: Pollable<A, E>, executionId: string) =>
  eventually(
    `the run of ${workflow._tag} is suspended`,
    Effect.flatMap(statusOf(workflow, executionId), (status) =>
      status === "Complete"
        ? Effect.die(new Error(`The run of ${workflow._tag} has ended instead of being suspended`))
        : Effect.succeed(status === "Suspended"))
  )

/** Starts a run and waits until it is suspended. */
export const startSuspended = Effect.fnUntraced(function*<P, A, E>(
  workflow: Pollable<A, E> & {
    readonly execute: (
      payload: P,
      options: { readonly discard: true }
    ) => Effect.Effect<string, never, WorkflowEngine>
  },
  payload: P
) {
  const executionId = yield* workflow.execute(payload, { discard: true })
  yield* awaitSuspended(workflow, executionId)
  return executionId
})

/** Waits until the run has ended and returns how. */
export const awaitExit = Effect.fnUntraced(function*<A, E>(workflow: Pollable<A, E>, executionId: string) {
  let exit: Exit.Exit<A, E> | undefined
  yield* eventually(
    `the run of ${workflow._tag} is complete`,
    Effect.map(workflow.poll(executionId), (result) => {
      if (Option.isNone(result) || result.value._tag !== "Complete") return false
      exit = result.value.exit
      return true
    })
  )
  return exit!
})

/** Completes a deferred of a run with a success, from outside the run. */
export const answer = <Success extends Schema.Constraint, Error extends Schema.Constraint>(
  deferred: DurableDeferred.DurableDeferred<Success, Error>,
  run: { readonly workflow: Workflow.Any; readonly executionId: string },
  value: Success["Type"]
) =>
  DurableDeferred.succeed(deferred, {
    token: DurableDeferred.tokenFromExecutionId(deferred, run),
    value
  })

/**
 * Asserts that a run, a wait or a call failed with `Declined` and this reason.
 * Deep equality of errors would compare their messages only.
 */
export const assertDeclined = (failure: Exit.Exit<unknown, unknown> | Cause.Cause<unknown>, reason = "empty") => {
  const cause = Exit.isExit(failure) ? Exit.isFailure(failure) ? failure.cause : undefined : failure
  assert.isDefined(cause, "it failed")
  const error = Cause.squash(cause)
  assert.instanceOf(error, Declined)
  assert.strictEqual(error.reason, reason)
}

/** Asserts that it failed with a defect of this message. */
export const assertDied = (exit: Exit.Exit<unknown, unknown>, message: string) => {
  assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause), "it ended with a defect")
  if (Exit.isFailure(exit)) assert.include(messageOf(Cause.squash(exit.cause)), message)
}

/** Asserts that it ended with an interrupt and nothing else. */
export const assertInterrupted = (exit: Exit.Exit<unknown, unknown>) =>
  assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause), "it ended with an interrupt")

/** The message of a defect, whether or not it has been through JSON. */
export const messageOf = (defect: unknown): string =>
  typeof defect === "object" && defect !== null && "message" in defect ? String(defect.message) : String(defect)
