/**
 * Entries as a replay counts from them, names them and compares them.
 */
import * as EntryRole from "@fermata/core/EntryRole"
import type * as JournalEntry from "@fermata/core/JournalEntry"
import * as Handover from "./Handover.ts"

type Entry = JournalEntry.JournalEntry

/** Whether the operations of the body are counted from this entry on. */
export const isCountedFrom = (entry: Entry): boolean =>
  entry._tag === "RunStarted" || EntryRole.roleOf(entry) === "delivery"

/** An order to stop that was taken while the body computed. */
export interface StopAmidst {
  readonly index: number
  /** Operations of the body before it, and the entry from which they count. */
  readonly operations: number
  readonly after: Entry | undefined
}

/** The one of this journal, if there is one; not every order that it holds is handed to the body. */
export const stopAmidst = (
  history: ReadonlyArray<Entry>,
  isHandedOver: (entry: Entry) => boolean
): StopAmidst | undefined => {
  for (const [index, entry] of history.entries()) {
    if (entry._tag !== "StopRequested" || entry.operations === undefined || !isHandedOver(entry)) continue
    return { index, operations: entry.operations, after: history.slice(0, index).findLast(isCountedFrom) }
  }
  return undefined
}

/** An entry named for people. */
export const describe = (entry: Entry): string =>
  "key" in entry ? `${entry._tag} "${entry.key}"` : "name" in entry ? `${entry._tag} "${entry.name}"` : entry._tag

/** The recorded body of an entry: without its place, time and epoch. */
export const bodyJson = (entry: Entry): unknown => {
  const { at: _at, blobs: _blobs, epoch: _epoch, seq: _seq, ...body } = entry
  return Handover.plain(body)
}
