/**
 * Schedules: what is to be started at which times. They are rows of the store,
 * and any process that works fires them; two that find one due at once fire it
 * once. In a tenant (`CurrentTenant`) there are the schedules of that tenant
 * alone, and what they start is of it too.
 */
import type {
  BackfillRequest,
  BackfillStarted,
  Firing,
  ProducerTaken,
  ScheduleNotFound,
  ScheduleOptions,
  ScheduleRefused,
  ScheduleView,
  Ticked
} from "@fermata/core/Schedule"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { StorageFailed } from "./Backend.ts"
import { CurrentTenant } from "./CurrentTenant.ts"
import type { Engine } from "./Engine.ts"
import * as CurrentRuntime from "./internal/CurrentRuntime.ts"
import { ScheduleLoop } from "./internal/process/ScheduleLoop.ts"
import * as ScheduleActs from "./internal/schedule/ScheduleActs.ts"
import * as ScheduleLooks from "./internal/schedule/ScheduleLooks.ts"

/** A schedule as it was put: `same` where all of it was said before, and nothing was written. */
export interface Put {
  readonly schedule: ScheduleView
  readonly result: "created" | "changed" | "same"
}

/** There is no such schedule. */
export type FindError = ScheduleNotFound | StorageFailed

/** Puts, steers and shows schedules. */
export class Schedules extends Context.Service<Schedules, {
  /**
   * Makes a schedule of this name, or has it be as is said here in place of what
   * was said before. How it stands is kept: what it has started, whether it is
   * paused, and, where its times are the same, its next slot.
   */
  readonly put: (
    name: string,
    options: ScheduleOptions,
    act: { readonly by: string }
  ) => Effect.Effect<Put, ScheduleRefused | ProducerTaken | StorageFailed>
  /** Forgets a schedule, its firings, and what waits at it. What it has started goes on. */
  readonly remove: (name: string, act: { readonly by: string }) => Effect.Effect<ScheduleView, FindError>
  /** Schedules by name, behind the one called `after`; at most `limit`. */
  readonly list: (
    filter?: { readonly after?: string | undefined; readonly limit?: number | undefined }
  ) => Effect.Effect<ReadonlyArray<ScheduleView>, StorageFailed>
  readonly show: (name: string) => Effect.Effect<ScheduleView, FindError>
  /** Fires nothing until it is resumed; what falls due meanwhile is left out. What it has started goes on. */
  readonly pause: (name: string, act: { readonly by: string }) => Effect.Effect<ScheduleView, FindError>
  /** Goes on with the first slot that is yet to come, and with what waited when it was paused. */
  readonly resume: (name: string, act: { readonly by: string }) => Effect.Effect<ScheduleView, FindError>
  /** Fires now, whether it is paused or not, as its overlap says: what became of that is told. */
  readonly runNow: (name: string, act: { readonly by: string }) => Effect.Effect<Firing, FindError | ScheduleRefused>
  /**
   * Fires the slots of a span that has passed, as if they came due now: one after
   * another, or as the overlap says that is given here. Success means that it is
   * recorded; workers do it, a page at a time. A slot whose run was started before
   * is passed over.
   */
  readonly backfill: (
    name: string,
    request: BackfillRequest,
    act: { readonly by: string }
  ) => Effect.Effect<BackfillStarted, FindError | ScheduleRefused>
  /** What became of its last slots, the newest first; at most 200 are kept. Those before the one with the id `before`, when it is given. */
  readonly firings: (
    name: string,
    page?: { readonly limit?: number | undefined; readonly before?: string | undefined }
  ) => Effect.Effect<ReadonlyArray<Firing>, FindError>
  /** The next slots, at most 100 (5 when nothing is said), and when each is fired. They come also while it is paused. */
  readonly next: (
    name: string,
    count?: number
  ) => Effect.Effect<ReadonlyArray<{ readonly slot: number; readonly at: number }>, FindError>
  /** Fires what is due now, without waiting for a worker to do it. */
  readonly tick: Effect.Effect<Ticked, StorageFailed>
}>()("@fermata/engine/Schedules") {
  /** Has this process fire schedules, if it is a worker. Part of every host. */
  static readonly served: Layer.Layer<never, never, Engine> = Layer.effectDiscard(
    Effect.gen(function*() {
      const runtime = yield* CurrentRuntime.current
      if (!runtime.options.worker || !runtime.ownership.writes) return
      const loop = new ScheduleLoop(runtime)
      runtime.scheduleBell.answeredBy(loop)
      yield* Effect.addFinalizer(() => Effect.sync(() => runtime.scheduleBell.answeredBy(undefined)))
      // A schedule says itself whose it is.
      yield* Effect.forkScoped(Effect.provideService(loop.run, CurrentTenant, undefined))
    })
  )

  /** The schedules of the store of this process. */
  static readonly layer: Layer.Layer<Schedules, never, Engine> = Layer.effect(
    Schedules,
    Effect.suspend(() => Schedules.make)
  )

  /** The same, for services that say schedules themselves. */
  static readonly make: Effect.Effect<Schedules["Service"], never, Engine> = Effect.map(
    CurrentRuntime.current,
    (runtime) => Schedules.of({ ...ScheduleActs.make(runtime), ...ScheduleLooks.make(runtime) })
  )

  /**
   * Says a schedule whenever a process starts: with the same words it is left as
   * it is, so that a deployment moves no interval. A schedule that cannot be is
   * the failure of the layer.
   */
  static readonly saying = (
    name: string,
    options: ScheduleOptions,
    act: { readonly by: string } = { by: "program" }
  ): Layer.Layer<never, ScheduleRefused | ProducerTaken | StorageFailed, Engine> =>
    Layer.effectDiscard(Effect.flatMap(Schedules.make, (schedules) => schedules.put(name, options, act)))
}
