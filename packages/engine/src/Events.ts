/**
 * Events: facts that are published by name, and what the engine tells about its
 * own runs.
 *
 * A published event travels through the outbox, so it is in the store before
 * anybody hears of it, and starts runs and reaches waiting ones at least once.
 * Whoever receives it goes by its id.
 */
import * as EngineEvent from "@fermata/core/EngineEvent"
import * as EntryRole from "@fermata/core/EntryRole"
import * as EventName from "@fermata/core/EventName"
import * as FailureText from "@fermata/core/FailureText"
import type * as JournalEntry from "@fermata/core/JournalEntry"
import * as RunView from "@fermata/core/RunView"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Context from "effect/Context"
import { WebCrypto } from "effect/crypto/WebCrypto"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { OutboxRow, StorageFailed } from "./Backend.ts"
import { Completion, isSubmission, stepOfSignal } from "./contract/Submission.ts"
import type { EventFilter, EventRow } from "./EventLog.ts"
import { Core } from "./internal/Core.ts"
import type { Committed, Route } from "./internal/EngineCore.ts"
import { CurrentRun } from "./internal/ExecutorTypes.ts"
import { engineSource, type EventMessage } from "./StartRequest.ts"
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

/** An event cannot be published: its name is none, belongs to the engine, or its payload is no JSON or too long. */
export class EventRefused extends Schema.TaggedError<EventRefused>()("EventRefused", {
  event: Schema.String,
  reason: Schema.Literals(["name", "reserved", "payload"]),
  detail: Schema.String
}, { httpApiStatus: 400 }) {
  override get message(): string {
    return `The event ${StoredJson.quote(this.event)} cannot be published: ${this.detail}`
  }
}

export interface EmitOptions {
  /** Events with one id are one event. Made up when absent; in the body of a workflow the same on every replay. */
  readonly id?: string
  /** The id of the run in a run, nothing outside, when absent. */
  readonly correlationId?: string
  /** Who says so, for people; the workflow inside a run. */
  readonly source?: string
}

/** An event in the store. */
export interface KeptEvent extends EventMessage {
  /** Its place among all events; texts of later ones are greater. */
  readonly position: string
  /** ms since the epoch, when it was handed on. */
  readonly at: number
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
   * The events whose names match, from now on: those that this process hands
   * on, and those that the engine tells about the runs of this process. A
   * listener that is slow holds them in memory. Interrupted when the engine
   * closes, behind the last of them.
   */
  readonly subscribe: (pattern: string) => Stream.Stream<EventMessage>
  /**
   * Events that the store has and has not dropped, the newest first: those of
   * this name when one is given, and at most `limit`. An event is kept while an
   * open run may ask for it (`EngineOptions.keepEventsMs` at most), and for a
   * shorter time where none may.
   */
  readonly kept: (filter: EventFilter) => Effect.Effect<ReadonlyArray<KeptEvent>, StorageFailed>
}>()("@fermata/engine/Events") {
  /** Events over the store and the engine of this process. */
  static readonly layer: Layer.Layer<Events, never, Core | Store> = Layer.effect(
    Events,
    Effect.gen(function*() {
      const core = yield* Core
      const store = yield* Store
      const hearers = new Set<(told: Told) => void>()
      const tell = (told: Told) => {
        for (const hear of hearers) hear(told)
      }
      const starts = new Set<string>()
      const onCommit = (committed: Committed) => {
        if (hearers.size > 0) tell({ committed, unannounced: isUnannounced(starts, committed) })
      }
      const onRoute: Route = (event) =>
        Effect.sync(() => {
          if (!EventName.isReserved(event.name)) tell({ event })
          return []
        })
      yield* Effect.acquireRelease(
        Effect.sync(() => {
          core.listeners.add(onCommit)
          core.routes.push(onRoute)
        }),
        () =>
          Effect.sync(() => {
            core.listeners.delete(onCommit)
            core.routes.splice(core.routes.indexOf(onRoute), 1)
          })
      )

      const emit = Effect.fn("Events.emit")(function*(name: string, payload: Schema.Json, options: EmitOptions = {}) {
        const stored = yield* check(name, payload)
        const place = yield* CurrentRun
        const runId = place?.executor.row.id
        const executor = place?.step === undefined ? place?.executor : undefined
        const id = options.id ??
          (executor === undefined ? (yield* WebCrypto).randomUUID() : `${runId}:emit:${++executor.records.emitCount}`)
        const correlationId = options.correlationId ?? runId
        const source = options.source ?? place?.executor.row.workflow
        const row = outboxRow({
          id,
          name,
          payload: stored,
          ...(correlationId === undefined ? {} : { correlationId }),
          ...(source === undefined ? {} : { source })
        })
        if (executor !== undefined) {
          executor.act(
            EntryRole.acts.emit(id),
            `event "${name}"`,
            { _tag: "EventEmitted", id, name, payload: stored },
            row
          )
        } else {
          yield* core.publish([row])
        }
        return id
      })

      const heard = (told: Told): Effect.Effect<ReadonlyArray<EventMessage>> => {
        if ("event" in told) return Effect.succeed([told.event])
        const { committed, unannounced } = told
        const events = engineEvents(store, committed)
        if (!unannounced) return events
        const first = Effect.map(
          Effect.orElseSucceed(store.journal(committed.run.id), () => []),
          (entries) => entries.slice(0, 1).flatMap((entry) => eventOf(committed.run, entry))
        )
        return Effect.zipWith(first, events, (before, after) => [...before, ...after])
      }

      return Events.of({
        emit,
        kept: (filter) => Effect.map(store.backend.events(filter), (rows) => rows.map(toKept)),
        subscribe: (pattern) => {
          const wantsEngine = EngineEvent.names.some((name) => EventName.matches(pattern, name))
          return Stream.callback<Told>((queue) => {
            const hear = (told: Told) => {
              if ("event" in told || wantsEngine) Queue.offerUnsafe(queue, told)
            }
            return Effect.andThen(
              core.waiters.interruptStream(queue),
              Effect.acquireRelease(Effect.sync(() => hearers.add(hear)), () => Effect.sync(() => hearers.delete(hear)))
            )
          }).pipe(
            Stream.mapEffect(heard),
            Stream.flattenIterable,
            Stream.filter(({ name }) => EventName.matches(pattern, name))
          )
        }
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

/** The row of the outbox in which an event travels. */
export const outboxRow = (event: EventMessage): OutboxRow => ({
  id: `event:${event.id}`,
  kind: "event",
  payload: StoredJson.compose({ ...event }).text
})

/** What the engine tells about entries, but for the end of a deadline, whose meaning is in the journal before it. */
export const engineEventsOf = ({ entries, givenUp, run }: Omit<Committed, "status">): ReadonlyArray<EventMessage> => [
  ...entries.flatMap((entry) => needsJournal(entry) ? [] : eventOf(run, entry)),
  ...(givenUp === undefined ? [] : [toMessage(EngineEvent.ofGivenUp(run, { ...givenUp, epoch: run.epoch }))])
]

/** Whether what the engine tells about an entry cannot be told from the entry alone. */
export const needsJournal = (entry: JournalEntry.JournalEntry): boolean =>
  entry._tag === "ApprovalAnswered" && entry.decision === "timeout"

/** What the engine tells about a commit, in order. */
export const engineEvents = (
  store: Store["Service"],
  committed: Committed
): Effect.Effect<ReadonlyArray<EventMessage>> =>
  Effect.map(
    Effect.forEach(committed.entries, (entry) =>
      needsJournal(entry)
        ? Effect.map(viewBefore(store, committed, entry.seq), (before) => eventOf(committed.run, entry, before))
        : Effect.succeed(eventOf(committed.run, entry))),
    (events) => [...events.flat(), ...engineEventsOf({ ...committed, entries: [] })]
  )

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

type Told =
  | { readonly event: EventMessage }
  | { readonly committed: Committed; readonly unannounced: boolean }

const toKept = ({ at, correlation, id, name, payload, position, source }: EventRow): KeptEvent => ({
  position,
  at,
  id,
  name,
  payload: JSON.parse(payload),
  ...(correlation === null ? {} : { correlationId: correlation }),
  ...(source === null ? {} : { source })
})

const isName = Schema.is(EventName.EventName)
const decodeCompletion = Schema.decodeUnknownExit(Completion)

/** Runs of which the request was told and not yet the start. More are not remembered, and then a request is told twice. */
const mostStarts = 10_000

/** Whether a run begins here whose request was written by a routed event or by another process, so that nobody has told it. */
const isUnannounced = (starts: Set<string>, { entries, run }: Committed): boolean => {
  if (entries[0]?._tag === "RunRequested") {
    if (starts.size >= mostStarts) starts.clear()
    starts.add(run.id)
    return false
  }
  return entries.some((entry) => entry._tag === "RunStarted") && !starts.delete(run.id)
}

/** The run as it stood before an entry; undefined when its journal cannot be read. */
const viewBefore = (
  store: Store["Service"],
  { run }: Committed,
  seq: number
): Effect.Effect<RunView.RunView | undefined> =>
  Effect.orElseSucceed(
    Effect.map(store.journal(run.id), (entries) => RunView.foldAll(RunView.empty(run.id), entries.slice(0, seq))),
    () => undefined
  )

const eventOf = (
  run: Committed["run"],
  entry: JournalEntry.JournalEntry,
  before?: RunView.RunView
): ReadonlyArray<EventMessage> => {
  if (run.kind === "contract") {
    // A task that runs elsewhere is not complete when it has been handed over, but when its completion arrives.
    if (entry._tag === "StepCompleted" && isSubmission(entry.output)) return []
    if (entry._tag === "SignalReceived") return completionOf(run, entry)
  }
  return EngineEvent.of(run.id, run.workflow, entry, before).map(toMessage)
}

const toMessage = ({ correlationId, id, name, payload }: EngineEvent.EngineEvent): EventMessage => ({
  id,
  name,
  payload,
  correlationId,
  source: engineSource
})

const completionOf = (
  run: Committed["run"],
  entry: JournalEntry.EntryOf<"SignalReceived">
): ReadonlyArray<EventMessage> => {
  const stepId = stepOfSignal(entry.name)
  const completion = stepId === undefined ? undefined : decodeCompletion(entry.payload)
  if (completion === undefined || Exit.isFailure(completion)) return []
  const { error, output } = completion.value
  const told = error === undefined
    ? { name: "engine.step.completed", outcome: { output: output ?? null } }
    : {
      name: "engine.step.failed",
      outcome: { error: FailureText.ofCause([{ _tag: "Fail", error }]), cause: [{ _tag: "Fail", error }] }
    }
  return [{
    id: `${run.id}:${entry.seq}`,
    name: told.name,
    payload: { runId: run.id, workflow: run.workflow, stepId, ...told.outcome },
    correlationId: run.id,
    source: engineSource
  }]
}
