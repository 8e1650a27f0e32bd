/**
 * The answers that the owner of a run gives itself: what becomes of a question
 * as its time passes, and that the code does not take an edit. The store puts them into one order with
 * those of people, so it hears of them first, and is asked until it has.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Answers from "../Answers.ts"
import type { InboxRow, RunRow } from "../Backend.ts"
import type { ReadyItem } from "./run/Happening.ts"
import type { Phase } from "./run/Phase.ts"
import type { ExecutorHost } from "./run/RunHost.ts"
import { SparseMap } from "./Sparse.ts"

/** What it needs of a run. */
export interface Asker {
  readonly row: Pick<RunRow, "id">
  readonly host: Pick<ExecutorHost, "desk" | "fork" | "hostSleep">
  readonly phase: Pick<Phase, "isGone">
  readonly push: (item: ReadyItem) => void
}

/** ms of the host between two tries of what the store could not do. */
const againMs = 1_000

export class OwnAnswers {
  private readonly asker: Asker
  /** Times that have come, of escalations, reminders and deadlines, by the keys of their questions, until the store has heard of them. */
  private readonly overdue = new SparseMap<string, { readonly at: number; asking: boolean }>()
  /** Inbox rows with edits that the code does not take, by their ids, until the store knows that. */
  private readonly refusing = new SparseMap<string, { readonly row: InboxRow; readonly note: () => void }>()

  /** How many of them wait for time to pass until the store is asked again. */
  private waiting = 0

  constructor(asker: Asker) {
    this.asker = asker
  }

  /** Whether the store has heard of everything. */
  get idle(): boolean {
    return this.overdue.size === 0 && this.refusing.size === 0
  }

  /** Whether nothing goes on until time passes. */
  get resting(): boolean {
    return this.overdue.size + this.refusing.size === this.waiting
  }

  /** When the run must be taken up again if it is let go before the store has heard of it; ms since the epoch. */
  get due(): number {
    let due = Infinity
    for (const { at } of this.overdue.values()) due = Math.min(due, at)
    return due
  }

  /** A time of a question has come. */
  passed(key: string, at: number): void {
    this.overdue.set(key, { at, asking: false })
  }

  /** The question is over, or its times are looked at again. */
  forget(key: string): void {
    this.overdue.delete(key)
  }

  /** Tells the store of the times. To be called when the questions themselves are in the store. */
  expireOverdue(): void {
    for (const [key, overdue] of this.overdue) {
      if (overdue.asking) continue
      overdue.asking = true
      this.insist(
        Answers.pass(this.asker.host.desk, this.asker.row.id, key),
        (outcome) => this.asker.push({ _tag: "Expired", key, outcome })
      )
    }
  }

  /** Opens a question again, since the code does not take an edit. Its row is taken, with a note, once the store knows. */
  refuse(
    row: InboxRow,
    edit: { readonly key: string; readonly hash: string; readonly problem: string },
    note: () => void
  ): void {
    this.refusing.set(row.id, { row, note })
    this.insist(
      Answers.refuse(this.asker.host.desk, this.asker.row.id, edit.key, edit.hash, edit.problem),
      () => this.asker.push({ _tag: "EditRefused", row })
    )
  }

  /** Writes the note about an edit, now that the store knows; false when that is done already. */
  noteRefused(row: InboxRow): boolean {
    const refusing = this.refusing.get(row.id)
    if (refusing === undefined) return false
    this.refusing.delete(row.id)
    refusing.note()
    return true
  }

  /** Takes back the rows that wait for the store: nobody will wait for them. */
  withdraw(): ReadonlyArray<InboxRow> {
    const rows = Array.from(this.refusing.values(), ({ row }) => row)
    this.refusing.clear()
    return rows
  }

  private insist<A>(effect: Effect.Effect<A, unknown>, done: (value: A) => void): void {
    const { asker } = this
    const pause = Effect.suspend(() => {
      this.waiting++
      return Effect.map(asker.host.hostSleep(againMs), () => void this.waiting--)
    })
    const again: Effect.Effect<A> = Effect.catch(
      effect,
      () => Effect.andThen(pause, Effect.suspend(() => asker.phase.isGone ? Effect.never : again))
    )
    asker.host.fork(again).addObserver((exit) => {
      if (Exit.isSuccess(exit)) done(exit.value)
    })
  }
}
