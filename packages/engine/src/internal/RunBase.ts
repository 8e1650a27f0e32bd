/**
 * What a run's executor keeps: its place in the journal, what it has yet to
 * write, and the timers it has armed.
 */
import type * as JournalEntry from "@fermata/core/JournalEntry"
import type { Giver } from "@fermata/core/ValueRefused"
import type * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import { WorkflowInstance } from "effect/workflow/WorkflowEngine"
import type { ApprovalRow, InboxRow, OutboxRow, RunRow, Within } from "../Backend.ts"
import type { EventWaitChanges } from "../EventLog.ts"
import type { Signal } from "../SignalDeclaration.ts"
import * as Leaving from "./Leaving.ts"
import type { NoteKind } from "./NoteKinds.ts"
import { OutsideWaits } from "./OutsideWaits.ts"
import { OwnAnswers } from "./OwnAnswers.ts"
import type { Timer } from "./process/TimerQueue.ts"
import type { ReadyItem, StopItem } from "./run/Happening.ts"
import * as Ledger from "./run/Ledger.ts"
import * as Pass from "./run/Pass.ts"
import type { ExecutorHost, Registration } from "./run/RunHost.ts"
import type { Document } from "./run/RunPort.ts"

type Entry = JournalEntry.JournalEntry

export abstract class RunBase {
  readonly row: RunRow
  readonly registration: Registration
  readonly host: ExecutorHost
  /** What the journal says, with what is yet to be written. */
  readonly ledger: Ledger.Ledger
  /** What the code has asked for and been told. */
  readonly pass: Pass.Pass
  readonly instance: WorkflowInstance["Service"]

  /** ms since the epoch, of the last delivered entry. */
  protected time: number
  /** The run as errors name it. */
  readonly giver: Giver
  /** The person who asked for the run, if that is known. */
  readonly by: string | undefined
  /** What random numbers and ids of the body follow from. */
  seed: string
  /** Number of entries, written or not. */
  protected length: number
  protected buffer: Array<Entry> = []
  protected consumed: Array<string> = []
  protected outbox: Array<OutboxRow> = []
  protected approvalsOpened: Array<ApprovalRow> = []
  protected approvalsClosed: Array<string> = []
  protected awaits = noChanges()

  /** Live happenings that have not been journaled yet. */
  protected ready: Array<ReadyItem> = []
  /** Requested steps whose bodies start after the next commit. */
  protected toStart: Array<string> = []
  protected readonly armed = new Map<string, Timer>()
  protected committing = false
  /** An entry is made inside its commit: until it has its place, nothing else is delivered. */
  protected holding = false
  /** Inbox rows that were handed over and are still in the store. */
  protected readonly seenInbox = new Set<string>()
  /** A stop is written with the next commit. */
  protected leaving = false
  readonly ownAnswers = new OwnAnswers(this)
  /** A cancel that waits for bodies of `ask` steps to finish. */
  protected pendingStop: StopItem | undefined

  /** Evicted while it waited: whatever its fibers do after that must be done again by the next owner. */
  protected evicted = false

  /** This process dropped the run because the store had failed elsewhere: no step of the run has crashed. */
  droppedByStoreFailure = false

  live = false
  /** Dropped: this executor delivers and writes nothing any more. */
  stopped = false
  /** Its end is in the store. */
  protected over = false

  /** What step bodies wait for outside of the run. */
  protected readonly outsideWaits: OutsideWaits

  constructor(host: ExecutorHost, registration: Registration, row: RunRow, history: ReadonlyArray<Entry>) {
    this.host = host
    this.outsideWaits = new OutsideWaits(host.fork)
    this.registration = registration
    this.row = row
    this.giver = { runId: row.id, workflow: row.workflow }
    this.length = history.length
    this.time = history[0]!.at
    this.ledger = Ledger.load(history)
    this.pass = Pass.make(this.ledger)
    const first = history[0]!
    this.by = first._tag === "RunRequested" ? first.by : undefined
    this.seed = first._tag === "RunRequested" && first.seed !== undefined ? first.seed : row.id
    this.instance = WorkflowInstance.initial(registration.workflow, row.id)
  }

  /** Sees to it that the loop runs again. */
  protected abstract wake(): void
  abstract deliver(entry: Entry): void
  abstract drop(): void
  /** Another process owns the run now. */
  protected abstract deposed(): void

  get runId(): string {
    return this.row.id
  }

  /** ms since the epoch, of the last delivered entry. */
  get now(): number {
    return this.time
  }

  /** When a wait that is asked for begins: never later than now, should the clock have gone back since the last delivery. */
  protected get from(): number {
    return Math.min(Math.max(this.time, this.ledger.forkedAt), this.host.now())
  }

  get replaying(): boolean {
    return !this.live
  }

  /** Whether the workflow has been told to stop. */
  get stopping(): boolean {
    return this.pass.stop !== undefined
  }

  get paused(): boolean {
    return this.ledger.paused || this.pendingStop !== undefined
  }

  get canCommitTogether(): boolean {
    return this.host.together
  }

  get finalizing(): boolean {
    return this.instance.interrupted
  }

  declare(signal: Signal<Schema.Top>): void {
    this.registration.signals.set(signal.name, signal)
  }

  number(counter: string, name: string): string {
    return Pass.number(this.pass, counter, name)
  }

  nextEmit(): number {
    return ++this.pass.emitCount
  }

  document(name: string): Document | undefined {
    return this.pass.documents.get(name)
  }

  keepDocument(name: string, document: Document): void {
    this.pass.documents.set(name, document)
  }

  awaitOutside<A, E>(happens: Effect.Effect<A, E>): Effect.Effect<A, E> {
    return this.outsideWaits.until(happens)
  }

  push(item: ReadyItem): void {
    if (this.stopped) return
    this.ready.push(item)
    this.wake()
  }

  /** The inbox rows that were handed over and not taken: code that has ended takes them no more. */
  protected late(): ReadonlyArray<InboxRow> {
    const rows = this.ready.flatMap((item) => item._tag === "Inbox" || item._tag === "Stop" ? item.row ?? [] : [])
    if (this.pendingStop?.row !== undefined) rows.push(this.pendingStop.row)
    this.pendingStop = undefined
    this.ready = this.ready.filter(({ _tag }) => _tag !== "Inbox" && _tag !== "Stop" && _tag !== "EditRefused")
    return [...rows, ...this.ownAnswers.withdraw()]
  }

  /** Delivers the item at this time; a timer of the same name is replaced. */
  protected arm(name: string, due: number, item: ReadyItem): void {
    this.disarm(name)
    const timer = this.host.timers.set(due, () => {
      if (this.armed.get(name) !== timer) return
      this.armed.delete(name)
      this.push(item)
    })
    this.armed.set(name, timer)
  }

  protected disarm(name: string): void {
    const timer = this.armed.get(name)
    if (timer === undefined) return
    this.armed.delete(name)
    this.host.timers.cancel(timer)
  }

  protected nextDue(): number | null {
    let due = this.ownAnswers.due
    for (const timer of this.armed.values()) due = Math.min(due, timer.at)
    return Number.isFinite(due) ? due : null
  }

  append(body: JournalEntry.EntryBody): Entry {
    const entry = { seq: this.length++, at: this.host.now(), epoch: this.row.epoch, ...body } as Entry
    this.buffer.push(entry)
    Ledger.apply(this.ledger, entry)
    return entry
  }

  /** Marks a row of the inbox as taken with the next commit. */
  consume(row: InboxRow): void {
    this.consumed.push(row.id)
  }

  /** Notes for people what the engine did about something odd. */
  remark(kind: NoteKind, text: string, data?: unknown): void {
    this.append({ _tag: "Note", kind, text, ...(data === undefined ? {} : { data }) })
  }

  /** Whether it is told to stop, and waits for this step no more. */
  hasLeft(step: string): boolean {
    if (!this.stopping) return false
    return this.stopped ? this.over : this.pass.steps.get(step)?.phase === "abandoned"
  }

  /** As it leaves the runs that it has asked for. */
  get leaver(): Leaving.Leaver {
    return { runId: this.row.id, reason: this.pass.stop?.reason ?? "interrupted" }
  }

  /** The children that the code still holds, now that it is told to stop: it leaves each of them by itself, or waits for it in spite of that. */
  private stillHeld(): ReadonlyArray<string> {
    const held: Array<string> = []
    for (const [id, { entry }] of this.ledger.children) {
      const child = this.pass.children.get(id)
      if (child === undefined ? entry.linked : child.listening && child.exit === undefined) held.push(id)
    }
    for (const step of this.pass.open) {
      if (step.phase === "running") {
        for (const wait of step.bodyWaits) if (wait.reason === "child") held.push(wait.key)
      }
    }
    return held
  }

  /** Sends a row to another run's inbox with the next commit. Repeated on replay, so its id must be the same then. */
  send(row: OutboxRow): void {
    if (this.stopped || !this.live) return
    this.outbox.push(row)
    this.wake()
  }

  protected get hasAwaits(): boolean {
    return this.awaits.closed.length + this.awaits.opened.length > 0
  }

  protected emptyCommit() {
    return {
      entries: [] as ReadonlyArray<Entry>,
      expected: this.length - this.buffer.length,
      status: undefined,
      consumed: [],
      outbox: [],
      approvalsOpened: [],
      approvalsClosed: [],
      awaits: undefined,
      ended: undefined,
      release: undefined
    } as const
  }

  protected commit(
    status: { status: string; reason: string | null; waits: string | null } | undefined,
    ended: { readonly payload: string } | undefined,
    release: { readonly dueAt: number | null } | undefined,
    done: (ok: boolean, unseen?: boolean) => void
  ): void {
    const pending = {
      entries: this.buffer,
      expected: this.length - this.buffer.length,
      status,
      consumed: this.consumed,
      outbox: this.outbox,
      approvalsOpened: this.approvalsOpened,
      approvalsClosed: this.approvalsClosed,
      awaits: this.hasAwaits ? this.awaits : undefined,
      ended,
      release,
      ...(this.leaving ? { leaves: Leaving.all(this.leaver, this.stillHeld()) } : {})
    }
    this.leaving = false
    this.buffer = []
    this.consumed = []
    this.outbox = []
    this.approvalsOpened = []
    this.approvalsClosed = []
    this.awaits = noChanges()
    this.committing = true
    this.host.commit(this.row, pending, (ok, unseen) => {
      this.committing = false
      if (unseen === true && !this.stopped) {
        this.buffer = [...pending.entries, ...this.buffer]
        this.consumed = [...pending.consumed, ...this.consumed]
        this.outbox = [...pending.outbox, ...this.outbox]
        this.approvalsOpened = [...pending.approvalsOpened, ...this.approvalsOpened]
        this.approvalsClosed = [...pending.approvalsClosed, ...this.approvalsClosed]
        this.leaving ||= pending.leaves !== undefined
        this.awaits.closed.unshift(...pending.awaits?.closed ?? [])
        this.awaits.opened.unshift(...pending.awaits?.opened ?? [])
        return done(false, true)
      }
      for (const id of pending.consumed) this.seenInbox.delete(id)
      if (this.stopped) return done(false)
      if (!ok) {
        this.drop()
        this.deposed()
      }
      done(ok)
    })
  }

  /**
   * Commits one entry that is made inside the transaction; nothing else may
   * wait to be written. Nothing is delivered until that is over, and what step
   * bodies ask for meanwhile comes behind it.
   */
  protected commitTogether(
    make: (within: Within) => JournalEntry.EntryBody | undefined,
    done: (entry: Entry | undefined) => void
  ): void {
    const place = { seq: this.length, at: this.host.now(), epoch: this.row.epoch }
    let entry: Entry | undefined
    this.committing = true
    this.holding = true
    this.host.commitTogether(this.row, place.seq, (within) => {
      const body = this.stopped ? undefined : make(within)
      return entry = body === undefined ? undefined : { ...place, ...body } as Entry
    }, (how) => {
      this.committing = false
      this.holding = false
      if (this.stopped) return
      if (how === "refused") {
        this.drop()
        return this.deposed()
      }
      if (how === "done") {
        this.length++
        Ledger.apply(this.ledger, entry!)
        this.buffer = this.buffer.map((later) => Object.assign(later, { seq: later.seq + 1 }))
      }
      done(how === "done" ? entry : undefined)
    })
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** What becomes of waits for events with the next commit. */
const noChanges = () => ({ closed: [] as Array<string>, opened: [] as Array<EventWaitChanges["opened"][number]> })
