/**
 * Who wants each run, by what was acknowledged: whether a run that a leaving
 * parent has stopped was nobody else's, and whether one that was nobody's was
 * stopped. Kept apart from the store that is under examination.
 */
import type { JournalEntry } from "@fermata/core/JournalEntry"
import type { InboxRow, LeaveOp, StartOp } from "@fermata/engine/Backend"

interface Wants {
  /** The run that started it; null once somebody wants it who never leaves. */
  keeper: string | null
  keeperLeft: boolean
  readonly listeners: Set<string>
}

export class Wanted {
  private readonly runs = new Map<string, Wants>()
  private readonly isOpen: (run: string) => boolean
  private readonly isSent: (message: string) => boolean
  private readonly find: (problem: string) => void

  /** `isSent`: whether this message of the outbox has not been delivered. */
  constructor(isOpen: Wanted["isOpen"], isSent: Wanted["isSent"], find: Wanted["find"]) {
    this.isOpen = isOpen
    this.isSent = isSent
    this.find = find
  }

  forget(): void {
    this.runs.clear()
  }

  started({ listener, message, run }: StartOp): void {
    const wants = this.runs.get(run.id)
    if (wants === undefined) {
      this.runs.set(run.id, {
        keeper: listener,
        keeperLeft: false,
        listeners: new Set(listener === null ? [] : [listener])
      })
    } else if (message !== undefined && !this.isSent(message)) return
    else if (listener === null) wants.keeper = null
    else if (this.isOpen(run.id)) wants.listeners.add(listener)
  }

  left({ listener, message, row }: LeaveOp, stopped: boolean): void {
    const wants = this.runs.get(row.run)
    if (wants === undefined || (message !== undefined && !this.isSent(message)) || !wants.listeners.delete(listener)) {
      if (stopped) this.find(`run ${row.run} was stopped for ${listener}, which did not listen to it`)
      return
    }
    if (wants.keeper === listener) wants.keeperLeft = true
    const others = [...wants.listeners].filter(this.isOpen)
    const abandoned = wants.keeper !== null && wants.keeperLeft && others.length === 0
    if (stopped && !abandoned) {
      const owner = wants.keeper === null
        ? "somebody who never leaves"
        : others.length > 0
        ? others.join(", ")
        : wants.keeper
      this.find(`run ${row.run} was stopped when ${listener} left it, and ${owner} wants it`)
    }
    if (!stopped && abandoned && this.isOpen(row.run)) {
      this.find(`run ${row.run} goes on although ${listener}, the last to want it, has left it`)
    }
  }

  /** The run leaves all that it listens to, but for these. Answers what that stops. */
  leftAll(listener: string, except: ReadonlyArray<string>): ReadonlyArray<string> {
    const stopped: Array<string> = []
    for (const [run, wants] of this.runs) {
      if (except.includes(run) || !wants.listeners.delete(listener)) continue
      if (wants.keeper === listener) wants.keeperLeft = true
      if (wants.keeper !== null && wants.keeperLeft && this.isOpen(run) && ![...wants.listeners].some(this.isOpen)) {
        stopped.push(run)
      }
    }
    return stopped
  }

  /** A run that was told to stop has ended: what it asked for before has been left by it, or has told it its end. */
  ended(run: string, entries: ReadonlyArray<JournalEntry>): void {
    const stop = entries.findIndex((entry) => entry._tag === "StopRequested")
    if (stop < 0) return
    const told = new Set(entries.map((entry) => entry._tag === "ChildFinished" ? entry.child : undefined))
    for (const entry of entries.slice(0, stop)) {
      if (entry._tag !== "ChildStarted" || !entry.linked || told.has(entry.child)) continue
      if (this.runs.get(entry.child)?.listeners.has(run) !== false) {
        this.find(`run ${run} was told to stop, and has not left its child ${entry.child}`)
      }
    }
  }

  /** A row for a run came some other way than by its being left. */
  told({ kind, payload, run }: InboxRow): void {
    if (kind === "cancel" && payload.includes(`"kind":"parent"`)) {
      this.find(`run ${run} was stopped by a parent that has not left it: ${payload}`)
    }
  }
}
