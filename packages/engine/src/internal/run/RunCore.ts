/**
 * What the parts of a run in memory share: where it stands, what it has yet to
 * write, and how it goes on.
 */
import type * as JournalEntry from "@fermata/core/JournalEntry"
import * as Effect from "effect/Effect"
import type { BlobRow, RunRow } from "../../Backend.ts"
import type * as Leaving from "../Leaving.ts"
import type { NoteKind } from "../NoteKinds.ts"
import * as RunSpans from "../RunSpans.ts"
import { Alarms } from "./Alarms.ts"
import type { Diverged } from "./Answer.ts"
import { Batch } from "./Batch.ts"
import type { ReadyItem, StopItem } from "./Happening.ts"
import * as Ledger from "./Ledger.ts"
import type * as Pass from "./Pass.ts"
import * as Phase from "./Phase.ts"
import { Purse } from "./Purse.ts"
import type { Replayer } from "./Replayer.ts"
import type { ExecutorHost, Registration } from "./RunHost.ts"

type Entry = JournalEntry.JournalEntry
type Resume<A> = (value: A) => void

/** The one who goes round: hands over what is there, and writes what there is to write. */
export interface Loop {
  /** Sees to it that it goes round again. */
  readonly wake: () => void
  /** Hands an entry over: to the fibers that wait for it, or into what later requests will find. */
  readonly deliver: (entry: Entry) => void
}

export class RunCore {
  readonly host: ExecutorHost
  readonly registration: Registration
  readonly row: RunRow
  /** What the journal says, with what is yet to be written. */
  readonly ledger: Ledger.Ledger
  /** What the code has asked for and been told. */
  readonly pass: Pass.Pass
  readonly replayer: Replayer
  readonly batch: Batch
  /** What the run has spent; there once an entry says something of money. */
  purse: Purse | undefined
  readonly alarms: Alarms
  phase = Phase.replaying
  /** ms since the epoch, of the last delivered entry. */
  time: number
  /** As its spans look at it. */
  readonly traced: RunSpans.Traced
  /** What random numbers and ids of the body follow from. */
  seed: string
  /** Live happenings that have not been journaled yet. */
  ready: Array<ReadyItem> = []
  /** Requested steps whose bodies start after the next commit. */
  toStart: Array<string> = []
  /** A cancel that waits for bodies of `ask` steps to finish. */
  pendingStop: StopItem | undefined
  readonly loop: Loop

  constructor(
    host: ExecutorHost,
    registration: Registration,
    row: RunRow,
    first: Entry,
    pass: Pass.Pass,
    replayer: Replayer,
    length: number,
    loop: Loop
  ) {
    this.host = host
    this.registration = registration
    this.row = row
    this.traced = { id: row.id, sampled: RunSpans.isSampled(host.shared, row, first) }
    this.seed = first._tag === "RunRequested" && first.seed !== undefined ? first.seed : row.id
    this.time = first.at
    this.ledger = pass.ledger
    this.pass = pass
    this.replayer = replayer
    this.batch = new Batch(length)
    this.alarms = new Alarms(host.timers, (item) => this.push(item))
    this.loop = loop
  }

  /** When a wait that is asked for begins: never later than now, should the clock have gone back since the last delivery. */
  get from(): number {
    return Math.min(Math.max(this.time, this.ledger.forkedAt), this.host.now())
  }

  push(item: ReadyItem): void {
    if (this.phase.isGone) return
    this.ready.push(item)
    this.loop.wake()
  }

  /** Appends an entry, with the blobs that it names. */
  append(body: JournalEntry.EntryBody, blobs?: ReadonlyArray<BlobRow>): Entry {
    const entry = this.batch.append(body, this.host.now(), this.row.epoch, blobs)
    Ledger.apply(this.ledger, entry)
    this.purse = Purse.with(this.purse, entry)
    return entry
  }

  /** Appends an entry and hands it over. */
  tell(body: JournalEntry.EntryBody, blobs?: ReadonlyArray<BlobRow>): void {
    this.loop.deliver(this.append(body, blobs))
  }

  /** Code and journal have parted. */
  diverge(problem: Diverged): void {
    this.replayer.problem ??= problem
    this.loop.wake()
  }

  /**
   * A request of a fiber, which waits until it is resumed. What `register`
   * answers is called when the fiber is interrupted before that.
   */
  ask<A>(
    register: (resume: Resume<A>, refuse: (defect: Error) => void) => void | (() => void)
  ): Effect.Effect<A> {
    return Effect.callback<A>((resume) => {
      if (this.phase.isGone || this.replayer.problem !== undefined) return this.loop.wake()
      let done = false
      const end = (effect: Effect.Effect<A>) => {
        done = true
        resume(effect)
      }
      const cleanup = register((value) => end(Effect.succeed(value)), (defect) => end(Effect.die(defect)))
      this.loop.wake()
      if (cleanup === undefined) return
      return Effect.sync(() => {
        if (done || this.phase.isGone) return
        done = true
        cleanup()
        this.loop.wake()
      })
    })
  }
}

/** Notes for people what the engine did about something odd. */
export const remark = (run: Pick<RunCore, "append">, kind: NoteKind, text: string): void =>
  void run.append({ _tag: "Note", kind, text })

/** The run as it leaves those that it has asked for. */
export const leaverOf = ({ pass, row }: Pick<RunCore, "pass" | "row">): Leaving.Leaver => ({
  runId: row.id,
  reason: pass.stop?.reason ?? "interrupted"
})
