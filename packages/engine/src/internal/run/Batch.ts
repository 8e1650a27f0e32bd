/**
 * What the next commit of a run carries.
 */
import type * as JournalEntry from "@fermata/core/JournalEntry"
import type { ApprovalRow, BlobRow, InboxRow, OutboxRow } from "../../Backend.ts"
import type { EventWaitChanges } from "../../EventLog.ts"
import type { PendingCommit } from "./RunHost.ts"

type Entry = JournalEntry.JournalEntry

/** How much of each there was. */
type Mark = Readonly<
  Record<"entries" | "blobs" | "consumed" | "outbox" | "opened" | "closed" | "waits" | "ended", number>
>

/** What one commit carries of what a run has done. */
export type Contents =
  & Pick<
    PendingCommit,
    "entries" | "blobs" | "expected" | "consumed" | "outbox" | "approvalsOpened" | "approvalsClosed" | "awaits"
  >
  & { readonly offered?: Mark }

export class Batch {
  /** Number of entries of the run, written or not. */
  length: number
  entries: Array<Entry> = []
  /** What entries name that are not in the text of one. */
  private blobs = noBlobs
  /** Ids of the inbox rows that are taken. */
  private consumed: Array<string> = []
  private outbox: Array<OutboxRow> = []
  private approvals = noQuestions()
  private awaits = noChanges()
  /** What there was when the end was offered to the code; it is gone once that is written. */
  offered: Mark | undefined

  constructor(length: number) {
    this.length = length
  }

  /** Whether there is nothing that must be written. */
  get isEmpty(): boolean {
    const { closed, opened } = this.awaits
    return this.entries.length === 0 && this.consumed.length === 0 && this.outbox.length === 0 &&
      closed.length + opened.length === 0
  }

  /** An entry at the end of the journal. */
  append(body: JournalEntry.EntryBody, at: number, epoch: number, blobs = noBlobs): Entry {
    const entry = { seq: this.length++, at, epoch, ...body } as Entry
    this.entries.push(entry)
    if (blobs.length > 0) this.blobs = [...this.blobs, ...blobs]
    return entry
  }

  /** Takes the last entry back. */
  withdraw(): void {
    this.entries.pop()
    this.length--
  }

  /** Takes all entries back. */
  discard(): void {
    this.length -= this.entries.length
    this.entries = []
    this.blobs = noBlobs
    this.offered = undefined
  }

  /** The code is told to end: what it does from here on may be taken back. */
  offerEnd(): void {
    this.offered ??= {
      entries: this.entries.length,
      blobs: this.blobs.length,
      consumed: this.consumed.length,
      outbox: this.outbox.length,
      opened: this.approvals.opened.length,
      closed: this.approvals.closed.length,
      waits: this.awaits.opened.length,
      ended: this.awaits.closed.length
    }
  }

  /** Takes back all that there has been since the code was told to end, and that it was. */
  takeBack(): void {
    const { offered } = this
    if (offered === undefined) return
    this.length -= this.entries.length - offered.entries
    this.entries.splice(offered.entries)
    this.blobs = this.blobs.slice(0, offered.blobs)
    this.consumed.splice(offered.consumed)
    this.outbox.splice(offered.outbox)
    this.approvals.opened.splice(offered.opened)
    this.approvals.closed.splice(offered.closed)
    this.awaits.opened.splice(offered.waits)
    this.awaits.closed.splice(offered.ended)
    this.offered = undefined
  }

  /** An entry is in the store that was made inside its commit: those that were asked for meanwhile come behind it. */
  letFirst(): void {
    this.length++
    this.entries = this.entries.map((later) => Object.assign(later, { seq: later.seq + 1 }))
  }

  /** The inbox row is taken. */
  consume(row: InboxRow): void {
    this.consumed.push(row.id)
  }

  /** The message leaves for another run. */
  send(row: OutboxRow): void {
    this.outbox.push(row)
  }

  openApproval(row: ApprovalRow): void {
    this.approvals.opened.push(row)
  }

  closeApproval(key: string): void {
    this.approvals.closed.push(key)
  }

  openWait(wait: EventWaitChanges["opened"][number]): void {
    this.awaits.opened.push(wait)
  }

  /** The row of the wait goes; `anew` when it may have been written for this very commit. */
  closeWait(key: string, anew: boolean): void {
    if (anew) this.awaits.opened = this.awaits.opened.filter((opened) => opened.key !== key)
    this.awaits.closed.push(key)
  }

  /** Hands over all that there is to write. */
  take(): Contents {
    const contents: Contents = {
      entries: this.entries,
      blobs: this.blobs,
      expected: this.length - this.entries.length,
      consumed: this.consumed,
      outbox: this.outbox,
      approvalsOpened: this.approvals.opened,
      approvalsClosed: this.approvals.closed,
      awaits: this.awaits.closed.length + this.awaits.opened.length > 0 ? this.awaits : undefined,
      ...(this.offered === undefined ? {} : { offered: this.offered })
    }
    this.offered = undefined
    this.entries = []
    this.blobs = noBlobs
    this.consumed = []
    this.outbox = []
    this.approvals = noQuestions()
    this.awaits = noChanges()
    return contents
  }

  /** What was taken has not been written, and comes before what there has been since. */
  putBack(contents: Contents): void {
    this.entries = [...contents.entries, ...this.entries]
    this.blobs = [...contents.blobs, ...this.blobs]
    this.consumed = [...contents.consumed, ...this.consumed]
    this.outbox = [...contents.outbox, ...this.outbox]
    this.approvals.opened.unshift(...contents.approvalsOpened)
    this.approvals.closed.unshift(...contents.approvalsClosed)
    this.awaits.closed.unshift(...contents.awaits?.closed ?? [])
    this.awaits.opened.unshift(...contents.awaits?.opened ?? [])
    this.offered = contents.offered
  }

  /** A commit that carries none of it. */
  get nothing(): Contents {
    return {
      entries: [],
      blobs: noBlobs,
      expected: this.length - this.entries.length,
      consumed: [],
      outbox: [],
      approvalsOpened: [],
      approvalsClosed: [],
      awaits: undefined
    }
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const noBlobs: ReadonlyArray<BlobRow> = []

/** What becomes of questions. */
const noQuestions = () => ({ opened: [] as Array<ApprovalRow>, closed: [] as Array<string> })

/** What becomes of waits for events. */
const noChanges = () => ({ closed: [] as Array<string>, opened: [] as Array<EventWaitChanges["opened"][number]> })
