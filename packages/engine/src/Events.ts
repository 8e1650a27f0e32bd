/**
 * Events: facts that are published by name, and what the engine tells about its
 * own runs.
 *
 * A published event travels through the outbox, so it is in the store before
 * anybody hears of it, and starts runs and reaches waiting ones at least once.
 * Whoever receives it goes by its id. What is published in a tenant stays there.
 */
import * as EngineEvent from "@fermata/core/EngineEvent"
import * as EntryRole from "@fermata/core/EntryRole"
import * as EventName from "@fermata/core/EventName"
import { EventRefused } from "@fermata/core/EventRefused"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Tenant from "@fermata/core/Tenant"
import * as Context from "effect/Context"
import { WebCrypto } from "effect/crypto/WebCrypto"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { CurrentActor } from "./Actor.ts"
import type { StorageFailed } from "./Backend.ts"
import { type Change, hasEvent } from "./ChangeLog.ts"
import * as CurrentTenant from "./CurrentTenant.ts"
import { Engine } from "./Engine.ts"
import type { EventFilter, EventRow } from "./EventLog.ts"
import * as Acting from "./internal/Acting.ts"
import { isAnswer } from "./internal/AnswerEvents.ts"
import * as CurrentRuntime from "./internal/CurrentRuntime.ts"
import * as EngineEvents from "./internal/EngineEvents.ts"
import * as EventReach from "./internal/EventReach.ts"
import * as FeedFollower from "./internal/FeedFollower.ts"
import * as FeedReader from "./internal/FeedReader.ts"
import { CurrentRun } from "./internal/run/RunPort.ts"
import { type EventMessage, outboxRow } from "./StartRequest.ts"
import { Store } from "./Store.ts"

/** Longest payload of an event, in characters of JSON. */
export const maxPayload = 1024 * 1024

/**
 * The names that begin with `engine.` and may be published by anyone. They ask
 * for something; the fact of the same name is told when a run has accepted it.
 */
export const inputNames = [
  "engine.step.completed",
  "engine.step.failed",
  "engine.approval.granted",
  "engine.approval.denied"
] as const

export { EventRefused, isAnswer }

/** Under which id an event is published, and for whom. */
export interface EmitOptions {
  /** Events with one id are one event. Made up when absent; in the body of a workflow the same on every replay. */
  readonly id?: string
  /** The id of the run in a run, nothing outside, when absent. */
  readonly correlationId?: string
  /** The source of the event, for people; the workflow when a run emits it. */
  readonly source?: string
  /**
   * Whoever publishes the event: as far as nobody else did, who asked for the
   * runs that it starts. When absent, in a run whoever asked for that run, and
   * nobody outside. Whoever acts in this fiber (`CurrentActor`) comes before it.
   */
  readonly by?: string
}

/** An event in the store. */
export interface KeptEvent extends EventMessage {
  /** Its place among all events; texts of later ones are greater. */
  readonly position: string
  /** ms since the epoch, when it was handed on. */
  readonly at: number
}

/** An event, and its place among all that was committed. */
export interface ToldEvent {
  /** As of `ChangeLog`: texts of later ones are greater. */
  readonly position: string
  readonly event: EventMessage
  /** When what it tells happened, or it was handed on; ms since the epoch. */
  readonly at: number
}

/** What was told behind a position. */
export interface ToldEvents {
  readonly events: ReadonlyArray<ToldEvent>
  /** The position to go on from. */
  readonly next: string
  /** There may be more behind `next`. */
  readonly isMore: boolean
  /**
   * `reset`: the position was of another store, and `next` is that of now.
   * `unread`: the store has documents that this process cannot read, so that it
   * would not know what was told; another one does, and `next` is where it was.
   */
  readonly hindrance?: "reset" | "unread"
}

/** A run that an event has started or reached. */
export type Concerned = EventReach.Concerned

/** An event that is published, and the runs that it concerns: first those that it has started. */
export interface Published {
  readonly id: string
  readonly runs: ReadonlyArray<Concerned>
}

/** Publishes and hears events. */
export class Events extends Context.Service<Events, {
  /**
   * Publishes an event and returns its id. Success means that it is recorded:
   * in the body of a workflow with the run's next commit, once however often it
   * is replayed; elsewhere at once. A step body that may run again gives an id.
   */
  readonly emit: (
    name: string,
    payload: Schema.Json,
    options?: EmitOptions
  ) => Effect.Effect<string, EventRefused | StorageFailed>
  /**
   * Publishes an event from outside, waits until it is handed on, and tells which
   * runs it has started and which waited for it. That it is not handed on within
   * 10 s is told by fewer of them.
   */
  readonly publish: (
    name: string,
    payload: Schema.Json,
    options?: EmitOptions
  ) => Effect.Effect<Published, EventRefused | StorageFailed>
  /**
   * The events whose names match, from now on, whichever process publishes
   * them: those that are handed on, and those that the engine tells about runs,
   * each once and in the order of the commits. What this process commits is told
   * at once, and what others do at its next look (`EngineOptions.pollMs`). A
   * listener that is slow holds nothing in memory; one that is slower than events
   * are kept misses those that are dropped. Interrupted when the engine closes.
   */
  readonly subscribe: (pattern: string) => Stream.Stream<EventMessage, StorageFailed>
  /**
   * The events of a page of what was committed behind a position (`Feed.position`),
   * or from the beginning of the store where that is null: those that were
   * published, as long as they are kept, and those that the engine tells. For
   * those who go on where they have stopped, in another process or later.
   */
  readonly behind: (position: string | null) => Effect.Effect<ToldEvents, StorageFailed>
  /**
   * Events that the store has and has not dropped, the newest first: those of
   * this name when one is given, and at most `limit`. An event is kept while an
   * open run may ask for it (`EngineOptions.keepEventsMs` at most), and for a
   * shorter time where none may.
   */
  readonly kept: (filter: EventFilter) => Effect.Effect<ReadonlyArray<KeptEvent>, StorageFailed>
}>()("@fermata/engine/Events") {
  /** Events over the store and the engine of this process. */
  static readonly layer: Layer.Layer<Events, never, Engine | Store> = Layer.effect(
    Events,
    Effect.gen(function*() {
      const runtime = yield* CurrentRuntime.current
      const store = yield* Store
      const engine = yield* Engine
      // One for all who hear the same change.
      const told = new WeakMap<Change, ReadonlyArray<EventMessage>>()
      const eventsOf = (change: Change): Effect.Effect<ReadonlyArray<EventMessage>, StorageFailed> => {
        const known = told.get(change)
        return known === undefined
          ? Effect.tap(
            Effect.map(
              EngineEvents.ofChange(runtime.extensions.documents.tellOf, store, change),
              (events) => events.map(({ event }) => event)
            ),
            (events) => Effect.sync(() => told.set(change, events))
          )
          : Effect.succeed(known)
      }

      const emit = Effect.fn("Events.emit")(function*(name: string, payload: Schema.Json, options: EmitOptions = {}) {
        const stored = yield* check(name, payload)
        const tenant = yield* CurrentTenant.current
        const place = yield* CurrentRun
        const runId = place?.run.row.id
        const run = place?.step === undefined ? place?.run : undefined
        const id = Tenant.qualify(
          tenant,
          options.id ?? (run === undefined ? (yield* WebCrypto).randomUUID() : `${runId}:emit:${run.acts.nextEmit()}`)
        )
        const correlationId = options.correlationId ?? runId
        const source = options.source ?? place?.run.row.workflow
        const by = place === undefined ? (yield* CurrentActor)?.who ?? options.by : options.by ?? place.run.by
        const row = outboxRow({
          id,
          name,
          payload: stored,
          ...(correlationId === undefined ? {} : { correlationId }),
          ...(source === undefined ? {} : { source }),
          ...(tenant === undefined ? {} : { tenant }),
          ...(by === undefined ? {} : { by })
        })
        if (run !== undefined) {
          run.acts.record(
            EntryRole.acts.emit(id),
            `event "${name}"`,
            { _tag: "EventEmitted", id, name, payload: stored },
            [row]
          )
        } else {
          const act = yield* Acting.of(
            runtime.host.now,
            { action: "event.emit", target: id, by: by ?? source, detail: { name } },
            () => ({ id }),
            true
          )
          yield* runtime.messages.publish([row], act)
        }
        return id
      })

      const publish = Effect.fn("Events.publish")(
        function*(name: string, payload: Schema.Json, options: EmitOptions = {}) {
          const { backend } = store
          const isInput = inputNames.some((known) => known === name)
          const tenant = yield* CurrentTenant.current
          const waiting = yield* EventReach.waitingFor(backend, name, payload, isInput, tenant)
          const id = yield* emit(name, payload, options)
          yield* Effect.raceFirst(
            EventReach.handedOn(runtime, backend, engine.settled, `event:${id}`),
            runtime.host.hostSleep(handOnMs)
          )
          return { id, runs: [...(yield* EventReach.startedBy(backend, id, tenant)), ...waiting] }
        }
      )

      return Events.of({
        emit,
        publish,
        behind: Effect.fn("Events.behind")(function*(position: string | null) {
          const { documents } = runtime.extensions
          if (!(yield* documents.hasEvery(store.backend))) {
            const next = position ?? (yield* store.backend.changes(null, 0)).next
            return { events: [], next, isMore: false, hindrance: "unread" }
          }
          const { next, reset, rows } = yield* store.backend.changes(position, FeedReader.pageSize)
          const events = yield* Effect.forEach(rows, (change) =>
            Effect.map(
              EngineEvents.ofChange(documents.tellOf, store, change),
              (events) => events.map((timed): ToldEvent => ({ ...timed, position: change.position }))
            ))
          return {
            events: events.flat(),
            next,
            isMore: rows.length === FeedReader.pageSize,
            ...(reset === true ? { hindrance: "reset" } as const : {})
          }
        }),
        kept: Effect.fn("Events.kept")(function*({ name, ...filter }: EventFilter) {
          const tenant = yield* CurrentTenant.current
          const rows = yield* store.backend.events({
            ...filter,
            tenant: tenant ?? filter.tenant,
            name: name === undefined ? undefined : Tenant.qualify(tenant ?? filter.tenant, name)
          })
          return rows.map(toKept)
        }),
        subscribe: (pattern) =>
          Stream.unwrap(Effect.map(CurrentTenant.current, (tenant) => {
            const wantsEngine = EngineEvent.names.some((name) => EventName.matches(pattern, name))
            return FeedFollower.follow(runtime, wantsEngine ? {} : { events: true, wants: hasEvent }).pipe(
              Stream.mapEffect(({ rows }) => Effect.map(Effect.forEach(rows, eventsOf), (events) => events.flat())),
              Stream.flattenIterable,
              Stream.filter((event) =>
                (tenant === undefined || event.tenant === tenant) && EventName.matches(pattern, event.name)
              )
            )
          }))
      })
    })
  )
}

/** The payload as text; fails when an event of this name and payload cannot be published. */
export const check = (name: string, payload: Schema.Json): Effect.Effect<StoredJson.StoredJson, EventRefused> =>
  Effect.suspend(() => {
    const refuse = (reason: EventRefused["reason"], detail: string) =>
      Effect.fail(new EventRefused({ event: name, reason, detail }))
    if (!isName(name)) return refuse("name", "a name is words of letters, digits, _ and - joined by dots")
    if (EventName.isReserved(name) && !inputNames.some((known) => known === name)) {
      return refuse("reserved", "names that begin with engine. are told by the engine alone")
    }
    const stored = StoredJson.of(payload)
    if (Result.isFailure(stored)) return refuse("payload", `its payload cannot be stored: ${stored.failure.reason}`)
    const { length } = stored.success.text
    return length > maxPayload
      ? refuse("payload", `its payload of ${length} characters is longer than ${maxPayload}`)
      : Effect.succeed(stored.success)
  })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** So long (ms) an event that is published is waited for until it is handed on. */
const handOnMs = 10_000

const toKept = ({ at, correlation, id, name, payload, position, source }: EventRow): KeptEvent => {
  const tenant = Tenant.of(name)
  return {
    position,
    at,
    id,
    name: Tenant.local(name),
    payload: JSON.parse(payload),
    ...(correlation === null ? {} : { correlationId: correlation }),
    ...(source === null ? {} : { source }),
    ...(tenant === undefined ? {} : { tenant })
  }
}

const isName = Schema.is(EventName.EventName)
