/**
 * A host for tests: memory, the test's own clock, and a host clock that stands
 * still until it is moved.
 */
import type { Backend, StorageFailed } from "@fermata/engine/Backend"
import { Bulk } from "@fermata/engine/Bulk"
import { Engine } from "@fermata/engine/Engine"
import { EngineOptions } from "@fermata/engine/EngineOptions"
import { HostClock, type ManualHostClock } from "@fermata/engine/HostClock"
import * as MemoryBackend from "@fermata/engine/MemoryBackend"
import { byChoice, byClock, CurrentPace } from "@fermata/engine/Pace"
import { Schedules } from "@fermata/engine/Schedules"
import { Store } from "@fermata/engine/Store"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import type { WorkflowEngine } from "effect/workflow/WorkflowEngine"

/** After so many operations a body that computes gives way to the event loop. */
const operationsPerTurn = 2_000

/** Moves the host's own clock, by which leases end and other processes are noticed. */
export class TestHost extends Context.Service<TestHost, {
  /** Moves the host clock by this many ms and waits until the engine has nothing on its way. */
  readonly adjustHost: (millis: number) => Effect.Effect<void>
  /** Moves the test clock, and waits until nothing is on its way. */
  readonly adjust: (duration: Duration.Input) => Effect.Effect<void>
  /** Waits until nothing is on its way. */
  readonly settled: Effect.Effect<void>
}>()("@fermata/testing/TestHost") {
  /**
   * A host over this backend, so that several hosts, one after another or at
   * once, share one store. `hostClock` is a clock of `HostClock.makeManual`
   * that they share too; without it the host has one of its own.
   */
  static readonly layerOf = (
    backend: Backend,
    options: Partial<EngineOptions> = {},
    hostClock?: ManualHostClock
  ): Layer.Layer<TestHost | Engine | Store | HostClock | WorkflowEngine, StorageFailed> => {
    const store = Store.layer(backend)
    return Layer.unwrap(Effect.gen(function*() {
      const defaults = yield* EngineOptions
      const given = yield* CurrentPace
      // The host's clock stands still, so that what counts is how much a body does.
      const pace = given === byClock ? byChoice(() => operationsPerTurn) : given
      const { advance, clock } = hostClock ?? HostClock.makeManual()
      const base = Layer.mergeAll(store, Layer.succeed(HostClock, clock))
      const engine = Layer.merge(Bulk.served, Schedules.served).pipe(
        Layer.provideMerge(Engine.layer),
        Layer.provideMerge(base),
        Layer.provide(
          Layer.mergeAll(Layer.succeed(EngineOptions, { ...defaults, ...options }), Layer.succeed(CurrentPace, pace))
        )
      )
      const host = Layer.effect(
        TestHost,
        Effect.map(Engine, (engine) =>
          TestHost.of({
            adjustHost: (millis) => Effect.andThen(advance(millis), engine.settled),
            adjust: (duration) => Effect.andThen(TestClock.adjust(duration), engine.settled),
            settled: engine.settled
          }))
      )
      return Layer.provideMerge(host, engine)
    }))
  }

  /** A host with a store of its own. */
  static readonly layer: Layer.Layer<TestHost | Engine | Store | HostClock | WorkflowEngine, StorageFailed> = Layer
    .unwrap(Effect.sync(() => TestHost.layerOf(MemoryBackend.make(MemoryBackend.makeStore()))))
}
