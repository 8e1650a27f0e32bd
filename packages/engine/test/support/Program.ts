/**
 * What the engine's tests share: small programs, what they did, and how their
 * runs stand.
 */
import { assert } from "@effect/vitest"
import type { Host } from "@fermata/testing/CrashHost"
import { type Context, type Duration, Effect, Exit, Option, Schema } from "effect"
import { TestClock } from "effect/testing"
import { Workflow, type WorkflowEngine } from "effect/workflow"
import * as CurrentRuntime from "../../src/internal/CurrentRuntime.ts"
import * as Step from "../../src/Step.ts"

/** What happened outside the engine, in order. */
export class Log {
  readonly entries: Array<string> = []
  readonly add = (entry: string) => Effect.sync(() => void this.entries.push(entry))
  readonly count = (entry: string) => this.entries.filter((other) => other === entry).length
}

/** A business error. */
export class Declined extends Schema.TaggedError<Declined>()("Declined", { reason: Schema.String }) {}

/** A step that logs that its body ran, and gives its input back. */
export const echo = (log: Log, name = "echo") =>
  Step.make(name, {
    input: Schema.String,
    success: Schema.String,
    onCrash: "rerun",
    run: (text) => Effect.as(log.add(`${name} ${text}`), text)
  })

/** A step whose body logs that it began and then never ends. */
export const stuck = (log: Log, name: string, onCrash: "rerun" | "rerun-keyed" | "ask") =>
  Step.make(name, {
    success: Schema.String,
    onCrash,
    run: (_, { attempt, idempotencyKey }) =>
      Effect.andThen(log.add(`${name} begins ${attempt} ${idempotencyKey}`), Effect.never)
  })

interface Options<A extends Schema.Top, E extends Schema.Top> {
  readonly success?: A
  readonly error?: E
  readonly annotate?: (annotations: Context.Context<never>) => Context.Context<never>
}

/** A workflow with the payload `{ id }`, keyed by it. */
export const define = <
  const Name extends string,
  A extends Schema.Top = typeof Schema.Unknown,
  E extends Schema.Top = typeof Declined
>(
  name: Name,
  options: Options<A, E> = {}
) =>
  Workflow.make(name, {
    payload: { id: Schema.String },
    success: (options.success ?? Schema.Unknown) as A,
    error: (options.error ?? Declined) as unknown as E,
    idempotencyKey: ({ id }) => id
  })

interface Definition<A, E> {
  readonly execute: (
    payload: { readonly id: string },
    options: { readonly discard: true }
  ) => Effect.Effect<string, never, WorkflowEngine.WorkflowEngine>
  readonly poll: (
    id: string
  ) => Effect.Effect<Option.Option<Workflow.Result<A, E>>, never, WorkflowEngine.WorkflowEngine>
}

/** Starts a run on this host, lets it go as far as it can by itself, and returns its id. */
export const begin = (host: Host, workflow: Definition<unknown, unknown>, id = "1"): Effect.Effect<string> =>
  Effect.tap(host.use(workflow.execute({ id }, { discard: true })), host.settled)

/** Starts the run of this id of workflow `W` with the payload `{ id }`, without the time that it takes to make an id of a payload. */
export const startAs = (id: string) =>
  Effect.flatMap(CurrentRuntime.current, (runtime) =>
    runtime.starts.start({
      id,
      workflow: "W",
      version: "1",
      kind: "program",
      definition: null,
      root: id,
      parent: null,
      listener: null,
      payload: { id },
      subscriptions: []
    }))

/** How the run ended, or undefined. */
export const exitOf = <A, E>(
  host: Host,
  workflow: Pick<Definition<A, E>, "poll">,
  id: string
): Effect.Effect<Exit.Exit<A, E> | undefined> =>
  Effect.map(
    Effect.exit(host.use(workflow.poll(id))),
    (polled) => {
      if (Exit.isFailure(polled)) return Exit.failCause(polled.cause)
      return Option.isSome(polled.value) && polled.value.value._tag === "Complete" ? polled.value.value.exit : undefined
    }
  )

/** Asserts that the run has completed with this value. */
export const assertOutput = Effect.fnUntraced(
  function*<A, E>(host: Host, workflow: Definition<A, E>, id: string, expected: A) {
    assert.deepStrictEqual(yield* exitOf(host, workflow, id), Exit.succeed(expected))
  }
)

/** Gives way to other fibers for a bounded time, for tests of what must come to rest by itself. */
export const giveWay = Effect.fnUntraced(function*(turns = 2_000) {
  for (let turn = 0; turn < turns; turn++) yield* Effect.yieldNow
})

/** Moves the test clock and lets the host act on what came due. */
export const pass = (host: Host, duration: Duration.Input) =>
  host.settled.pipe(Effect.andThen(TestClock.adjust(duration)), Effect.andThen(host.settled))

/** Ends when the host is killed, for a race with what a killed host never ends. */
export const untilKilled = (host: Host) =>
  Effect.gen(function*() {
    while (!host.killed()) yield* Effect.yieldNow
  })
