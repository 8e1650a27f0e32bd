/**
 * What an entry is to a replay, and what it is called.
 */
import type * as JournalEntry from "@fermata/core/JournalEntry"
import * as Handover from "./Handover.ts"

type Entry = JournalEntry.JournalEntry

/** Whether replay hands this entry to the workflow. */
export const isDelivery = (entry: Entry): boolean => {
  switch (entry._tag) {
    case "StepCompleted":
    case "TimerFired":
    case "SignalReceived":
    case "ApprovalAnswered":
    case "ChildFinished":
    case "StopRequested":
      return true
    case "StepFailed":
      return entry.retryAt === undefined
    case "DeferredCompleted":
      return !entry.inside
    default:
      return false
  }
}

/** Whether the operations of the body are counted from this entry on. */
export const isCountedFrom = (entry: Entry): boolean => entry._tag === "RunStarted" || isDelivery(entry)

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

/** The key under which a command that is done at once is recorded. */
export const commandKey = (entry: Entry): string | undefined => {
  switch (entry._tag) {
    case "DeferredCompleted":
      return entry.inside ? `deferred:${entry.name}` : undefined
    case "StateChanged":
      return `state:${entry.name}@${entry.revision}`
    case "EventEmitted":
      return `emit:${entry.id}`
    case "Note":
      return entry.kind === "workflow"
        ? `note:${entry.text}`
        : entry.kind === "patch"
        ? `patch:${entry.text}`
        : undefined
    default:
      return undefined
  }
}

/** What an entry is about, as operators name it. */
export const subjectOf = (entry: Entry): string =>
  "key" in entry
    ? entry.key
    : "timer" in entry
    ? `timer ${entry.timer}`
    : "child" in entry
    ? entry.child
    : "name" in entry
    ? entry.name
    : entry._tag === "Note"
    ? entry.text
    : entry._tag

/** An entry named for people. */
export const describe = (entry: Entry): string =>
  "key" in entry ? `${entry._tag} "${entry.key}"` : "name" in entry ? `${entry._tag} "${entry.name}"` : entry._tag

/** The recorded body of an entry: without its place, time and epoch. */
export const bodyJson = (entry: Entry): unknown => {
  const { at: _at, blobs: _blobs, epoch: _epoch, seq: _seq, ...body } = entry
  return Handover.plain(body)
}
