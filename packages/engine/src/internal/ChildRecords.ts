/** What a run keeps of a child that its body has asked for. */
import type * as JournalEntry from "@fermata/core/JournalEntry"

export interface ChildState {
  readonly waiters: Array<(exit: JournalEntry.ExitJson) => void>
  exit: JournalEntry.ExitJson | undefined
  /** Whether the run listens to it: it was asked for, not detached, and not left since. */
  listening: boolean
  /** Asked for so that it goes on, whatever becomes of this run. */
  detached: boolean
  /** How often it was asked for so that a message says so. */
  times: number
}

export const make = (entry: JournalEntry.EntryOf<"ChildStarted">): ChildState => ({
  waiters: [],
  exit: undefined,
  listening: entry.linked,
  detached: !entry.linked,
  times: 1
})

/** Asks for it again, to listen to it or detached. True when nobody knows that yet: it was left, or asked for only the other way. */
export const askAgain = (child: ChildState, linked: boolean): boolean => {
  const isNew = linked ? !child.listening : !child.detached
  if (linked) child.listening = true
  else child.detached = true
  if (isNew) child.times++
  return isNew
}

/** Leaves it, unless the code waits for it all the same. True when it is left by that. */
export const leave = (child: ChildState): boolean => {
  if (!child.listening || child.exit !== undefined || child.waiters.length > 0) return false
  child.listening = false
  return true
}
