/**
 * What the engine tells of its own runs, as events.
 */
import * as EngineEvent from "@fermata/core/EngineEvent"
import * as EventName from "@fermata/core/EventName"
import type * as JournalEntry from "@fermata/core/JournalEntry"
import * as RunView from "@fermata/core/RunView"
import { suspensions } from "@fermata/core/Suspension"
import * as Tenant from "@fermata/core/Tenant"
import * as Effect from "effect/Effect"
import type { StorageFailed } from "../Backend.ts"
import { type Change, type EntriesChange, hasEntries, hasEvent, type StandChange } from "../ChangeLog.ts"
import type { Committed, ToldRun } from "../Extension.ts"
import { engineSource, type EventMessage } from "../StartRequest.ts"
import type { Store } from "../Store.ts"
import { standOf } from "./RunStand.ts"

/** The events of an entry, where they are others than those of a program's entry; undefined where they are the same. */
export type Tell = (run: ToldRun, entry: JournalEntry.JournalEntry) => ReadonlyArray<EventMessage> | undefined

/** The events of an entry; `before` is the view of the run before it. */
export const ofEntry = (
  tell: Tell,
  run: ToldRun,
  entry: JournalEntry.JournalEntry,
  before?: RunView.RunView
): ReadonlyArray<EventMessage> => tell(run, entry) ?? EngineEvent.of(run.id, run.workflow, entry, before).map(toMessage)

/** Whether what is told about an entry cannot be told from the entry alone: the end of a deadline means what is in the journal before it. */
export const needsJournal = (entry: JournalEntry.JournalEntry): boolean =>
  entry._tag === "ApprovalAnswered" && entry.decision === "timeout"

/** The events of a commit, without those of entries that need the journal. */
export const ofCommitting = (
  tell: Tell,
  { entries, unrecorded, run }: Omit<Committed, "status">
): ReadonlyArray<EventMessage> => [
  ...entries.flatMap((entry) => needsJournal(entry) ? [] : ofEntry(tell, run, entry)),
  ...(unrecorded === undefined
    ? []
    : [toMessage(EngineEvent.ofUnrecordedSuspension(run, { ...unrecorded, epoch: run.epoch }))])
]

/** The events of a commit, in order. */
export const ofCommitted = (
  tell: Tell,
  store: Store["Service"],
  committed: Committed
): Effect.Effect<ReadonlyArray<EventMessage>> =>
  Effect.map(
    timedOf(tell, store, committed.run, committed.entries),
    (events) => [...events.map(({ event }) => event), ...ofCommitting(tell, { ...committed, entries: [] })]
  )

/** An event, and when what it tells happened, or it was handed on (ms since the epoch). */
export interface TimedEvent {
  readonly event: EventMessage
  readonly at: number
}

/**
 * What the store tells of a change: the event that was published, or those of
 * the engine. An entry that cannot be read tells nothing.
 */
export const ofChange = (
  tell: Tell,
  store: Store["Service"],
  change: Change
): Effect.Effect<ReadonlyArray<TimedEvent>, StorageFailed> => {
  if (hasEntries(change)) {
    return Effect.flatMap(readable(store, change), (entries) => timedOf(tell, store, toldOf(change), entries))
  }
  if (!hasEvent(change)) return Effect.succeed(ofStand(change).map((event) => ({ event, at: change.at })))
  const { at, correlation, id, name: stored, payload, source } = change.event
  const tenant = Tenant.of(stored)
  const name = Tenant.local(stored)
  // What the engine told of an entry, and published for those who listen, is told by that entry.
  return Effect.succeed(
    EventName.isReserved(name) ? [] : [{
      at,
      event: {
        id,
        name,
        payload: JSON.parse(payload),
        ...(correlation === null ? {} : { correlationId: correlation }),
        ...(source === null ? {} : { source }),
        ...(tenant === undefined ? {} : { tenant })
      }
    }]
  )
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** An event of a run is one of the tenant of that run, and so are those of the engine. */
const toMessage = ({ correlationId, id, name, payload }: EngineEvent.EngineEvent): EventMessage => {
  const tenant = Tenant.of(correlationId)
  return {
    id,
    name,
    payload,
    correlationId,
    source: engineSource,
    ...(tenant === undefined ? {} : { tenant })
  }
}

const timedOf = (
  tell: Tell,
  store: Store["Service"],
  run: ToldRun,
  entries: ReadonlyArray<JournalEntry.JournalEntry>
): Effect.Effect<ReadonlyArray<TimedEvent>> =>
  Effect.map(
    Effect.forEach(entries, (entry) =>
      Effect.map(
        needsJournal(entry)
          ? Effect.map(viewBefore(store, run, entry.seq), (before) => ofEntry(tell, run, entry, before))
          : Effect.succeed(ofEntry(tell, run, entry)),
        (events) => events.map((event): TimedEvent => ({ event, at: entry.at }))
      )),
    (events) => events.flat()
  )

const toldOf = ({ kind, run, workflow }: EntriesChange | StandChange): ToldRun => ({ id: run, workflow, kind })

/** A suspension that a person has to end has an entry, or is told here. */
const ofStand = (change: StandChange): ReadonlyArray<EventMessage> => {
  const { reason, waits } = standOf(change)
  return reason !== undefined && suspensions[reason].event === "engine.run.suspended"
    ? [toMessage(EngineEvent.ofUnrecordedSuspension(toldOf(change), { at: change.at, epoch: change.epoch, waits }))]
    : []
}

/** The entries of a change that can be read. */
const readable = (store: Store["Service"], { entries, first, run }: EntriesChange) =>
  Effect.map(
    Effect.forEach(entries, (entry, index) =>
      Effect.catchTag(store.read(run, first + index, [entry]), "EntryCorrupt", (corrupt) =>
        Effect.as(Effect.logWarning(`an entry tells nothing to those who hear events: ${corrupt.message}`), []))),
    (read) =>
      read.flat()
  )

/** The run as it stood before an entry; undefined when its journal cannot be read. */
const viewBefore = (
  store: Store["Service"],
  run: ToldRun,
  seq: number
): Effect.Effect<RunView.RunView | undefined> =>
  Effect.orElseSucceed(
    Effect.map(store.journal(run.id), (entries) => RunView.foldAll(RunView.empty(run.id), entries.slice(0, seq))),
    () => undefined
  )
