/**
 * What the engine tells of its own runs, as events.
 */
import * as EngineEvent from "@fermata/core/EngineEvent"
import type * as JournalEntry from "@fermata/core/JournalEntry"
import * as RunView from "@fermata/core/RunView"
import * as Effect from "effect/Effect"
import type { RunRow } from "../Backend.ts"
import type { Committed } from "../Extension.ts"
import { engineSource, type EventMessage } from "../StartRequest.ts"
import type { Store } from "../Store.ts"

/** The events of an entry, where they are others than those of a program's entry; undefined where they are the same. */
export type Tell = (run: RunRow, entry: JournalEntry.JournalEntry) => ReadonlyArray<EventMessage> | undefined

/** The events of an entry; `before` is the view of the run before it. */
export const ofEntry = (
  tell: Tell,
  run: RunRow,
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
    Effect.forEach(committed.entries, (entry) =>
      needsJournal(entry)
        ? Effect.map(viewBefore(store, committed, entry.seq), (before) => ofEntry(tell, committed.run, entry, before))
        : Effect.succeed(ofEntry(tell, committed.run, entry))),
    (events) => [...events.flat(), ...ofCommitting(tell, { ...committed, entries: [] })]
  )

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const toMessage = ({ correlationId, id, name, payload }: EngineEvent.EngineEvent): EventMessage => ({
  id,
  name,
  payload,
  correlationId,
  source: engineSource
})

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
