/**
 * What the tests of contracts share: documents with the least in them, a host
 * that serves them, and how their runs stand.
 */
import { assert } from "@effect/vitest"
import type * as JournalEntry from "@fermata/core/JournalEntry"
import type { Backend, StorageFailed } from "@fermata/engine/Backend"
import { type EmitOptions, Events } from "@fermata/engine/Events"
import * as MemoryBackend from "@fermata/engine/MemoryBackend"
import { Runs } from "@fermata/engine/Runs"
import type { EventMessage } from "@fermata/engine/StartRequest"
import { Store } from "@fermata/engine/Store"
import { TestHost } from "@fermata/testing/TestHost"
import { type Duration, Effect, Fiber, Layer, type Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import { Contracts } from "../../src/Contracts.ts"
import { Llm, type Rule } from "../../src/Llm.ts"
import type { StandardKind } from "../../src/StandardShapes.ts"
import { TaskRuntime } from "../../src/TaskRuntime.ts"

/** A step of a document: `name` is its id. */
export const step = (kind: StandardKind, id: string, next: string | null, fields: object = {}) => ({
  id,
  name: id,
  kind,
  ...(kind === "branch" || kind === "approval" ? {} : { next }),
  ...fields
})

/** A document that may do everything and begins with its first step. */
export const document = (steps: ReadonlyArray<{ readonly id: string }>, more: object = {}) => ({
  schemaVersion: "fermata.contract.v1",
  id: "sample",
  version: "1.0.0",
  title: "Sample",
  permissions: [{ kind: "event:emit", pattern: "**" }, { kind: "llm:invoke" }, { kind: "task:run" }, {
    kind: "workflow:call"
  }],
  entryStepId: steps[0]!.id,
  steps,
  ...more
})

export interface Agency {
  readonly backend?: Backend
  readonly tasks?: Layer.Layer<TaskRuntime>
  readonly rules?: ReadonlyArray<Rule>
  readonly llm?: Layer.Layer<Llm>
}

/** Contracts and what they need, for a host. */
export const serving = ({ llm, rules, tasks }: Agency = {}) =>
  Runs.layer.pipe(
    Layer.provideMerge(Contracts.layer),
    Layer.provideMerge(Layer.mergeAll(
      Events.layer,
      tasks ?? TaskRuntime.layerNone,
      llm ?? (rules === undefined ? Llm.layerNone : Llm.layerScripted(rules))
    ))
  )

/** A test host that serves contracts. */
export const layer = ({ backend, ...agency }: Agency = {}) =>
  serving(agency).pipe(
    Layer.provideMerge(
      Layer.unwrap(Effect.sync(() => TestHost.layerOf(backend ?? MemoryBackend.make(MemoryBackend.makeStore()))))
    )
  )

/** What a host that serves contracts has. */
export type Services = Layer.Success<ReturnType<typeof layer>>

/** Runs an effect on a host of its own that shares this store with those before and after it. */
export const onHostOf =
  (store: MemoryBackend.MemoryStore, agency: Agency = {}) => <A, E>(effect: Effect.Effect<A, E, Services>) =>
    Effect.provide(Effect.tap(effect, () => settled), layer({ ...agency, backend: MemoryBackend.make(store) }))

/** Waits until nothing is on its way. */
export const settled = Effect.flatMap(TestHost, (host) => host.settled)

/** Starts a run of a document and lets it go as far as it can by itself. */
export const begin = Effect.fnUntraced(
  function*(contract: string | object, more: { readonly input?: Schema.Json; readonly key?: string } = {}) {
    const contracts = yield* Contracts
    const { runId } = yield* contracts.start({ contract, ...more })
    yield* settled
    return runId
  }
)

/** Publishes an event and lets it have its effect. */
export const publish = Effect.fnUntraced(
  function*(name: string, payload: Schema.Json, options?: EmitOptions) {
    const events = yield* Events
    const id = yield* events.emit(name, payload, options)
    yield* settled
    return id
  }
)

/** Moves the test clock and lets what comes due happen. */
export const pass = (duration: Duration.Input) =>
  settled.pipe(Effect.andThen(TestClock.adjust(duration)), Effect.andThen(settled))

export const journal = (runId: string): Effect.Effect<ReadonlyArray<JournalEntry.JournalEntry>, StorageFailed, Store> =>
  Effect.flatMap(Store, (store) => Effect.orDie(store.journal(runId)))

/** How the run stands: its status, and its output or error. */
export const end = Effect.fnUntraced(function*(runId: string) {
  const runs = yield* Runs
  const { error, output, reason, status } = yield* runs.show(runId)
  return {
    status,
    ...(reason === undefined ? {} : { reason }),
    ...(output === undefined ? {} : { output }),
    ...(error === undefined ? {} : { error: error.message })
  }
})

/** Asserts that the run has completed with this output. */
export const assertOutput = Effect.fnUntraced(function*(runId: string, expected: unknown) {
  assert.deepStrictEqual<unknown>(yield* end(runId), { status: "completed", output: expected })
})

/** Ids of the runs of a contract, the first started first. */
export const runsOf = (workflow: string) =>
  Effect.flatMap(Runs, (runs) => Effect.map(runs.list({ workflow }), (rows) => rows.map(({ id }) => id).toReversed()))

/** Collects the events that match while an effect runs. */
export const hearing = Effect.fnUntraced(function*<A, E, R>(pattern: string, effect: Effect.Effect<A, E, R>) {
  const events = yield* Events
  const heard: Array<EventMessage> = []
  const listener = yield* events.subscribe(pattern).pipe(
    Stream.runForEach((event) => Effect.sync(() => void heard.push(event))),
    Effect.forkChild({ startImmediately: true })
  )
  yield* settled
  const result = yield* effect
  yield* settled
  for (let turn = 0; turn < 50; turn++) yield* Effect.yieldNow
  yield* Fiber.interrupt(listener)
  return { heard, result }
})
