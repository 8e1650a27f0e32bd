/**
 * Where a pass of the code is in the journal that was recorded before it, and
 * where the two part.
 */
import * as EntryRole from "@fermata/core/EntryRole"
import type * as JournalEntry from "@fermata/core/JournalEntry"
import * as SameJson from "@fermata/core/SameJson"
import * as StoredJson from "@fermata/core/StoredJson"
import * as EntryKinds from "../EntryKinds.ts"
import * as NoteKinds from "../NoteKinds.ts"
import type { At, Diverged } from "./Answer.ts"
import * as Ledger from "./Ledger.ts"
import * as Pass from "./Pass.ts"

type Entry = JournalEntry.JournalEntry

export class Replayer implements At {
  /** All that was recorded has been handed over. */
  isOver: boolean
  /** Where the code and the journal part. */
  problem: Diverged | undefined
  /** An order to stop that was taken while the body computed. */
  readonly stop: EntryKinds.StopAmidst | undefined
  private readonly pass: Pass.Pass
  private readonly sameText: SameJson.SameText | undefined
  private history: ReadonlyArray<Entry>
  /** Index of the recorded entry that comes next. */
  private cursor = 0
  /** Index of the last recorded delivery; -1 for none. */
  private lastDelivery: number
  /** Notes of the code that the journal has and this pass has not made; there once the code has made one. */
  private notes: Array<Entry> | undefined

  /** `sameText` compares texts where those of other runs stand for the run's own. */
  constructor(pass: Pass.Pass, history: ReadonlyArray<Entry>, sameText: SameJson.SameText | undefined) {
    this.pass = pass
    this.history = history
    this.sameText = sameText
    const isDelivery = (entry: Entry) => Ledger.roleOf(pass.ledger, entry) === "delivery"
    this.lastDelivery = history.findLastIndex(isDelivery)
    this.stop = EntryKinds.stopAmidst(history, isDelivery)
    // Of a run that is held, no code is run.
    if (pass.held !== undefined) this.cursor = history.length
    this.isOver = this.cursor >= history.length
  }

  /** Number of recorded entries that have been handed over so far. */
  get reached(): number {
    return this.cursor
  }

  /** Takes the next recorded entry, or finds that the code has not come to it. */
  next(): Entry | undefined {
    const entry = this.history[this.cursor]!
    const role = Ledger.roleOf(this.pass.ledger, entry)
    const missed = role === "command" && !Pass.wasAsked(this.pass, entry)
      ? "is in the journal, and the code did not ask for it"
      : role === "delivery" && !Pass.canDeliver(this.pass, entry)
      ? "is an outcome that the code did not ask for"
      : undefined
    if (missed !== undefined) {
      const detail = `entry ${entry.seq} (${EntryKinds.describe(entry)}) ${missed}`
      this.problem = { key: EntryRole.subjectOf(entry), detail }
      return undefined
    }
    this.isOver = ++this.cursor >= this.history.length
    return entry
  }

  /** The journal is over: from here on the code writes it. */
  end(): void {
    this.history = []
    this.isOver = true
    this.lastDelivery = -1
  }

  /** The code has ended: what the journal still holds for it is where the two part. */
  endOfCode(): void {
    const left = this.firstNews(Infinity)
    if (left === undefined) return
    this.problem = {
      key: EntryRole.subjectOf(left),
      detail: `the code has ended, and the journal goes on with entry ${left.seq} (${EntryKinds.describe(left)})`
    }
  }

  isBehind(seq: number): boolean {
    return this.firstNews(seq) !== undefined
  }

  isPast(entry: Entry): boolean {
    const next = this.history[this.cursor]
    return next === undefined || entry.seq < next.seq
  }

  get nextDelivery(): Entry | undefined {
    if (this.cursor > this.lastDelivery) return undefined
    return this.history.find((entry, index) => index >= this.cursor && EntryRole.roleOf(entry) === "delivery")
  }

  same(recorded: unknown, asked: unknown, json: unknown = StoredJson.read(asked)): boolean {
    if (
      recorded instanceof StoredJson.StoredJson && asked instanceof StoredJson.StoredJson &&
      recorded.text === asked.text
    ) return true
    return SameJson.same(StoredJson.read(recorded), json, this.sameText)
  }

  /** Whether the journal has such a note that this pass has not made. */
  claimNote(kind: string, text: string): boolean {
    this.notes ??= this.history.filter((entry) => entry._tag === "Note" && !NoteKinds.isOwn(entry.kind))
    const index = this.notes.findIndex((note) => note._tag === "Note" && note.kind === kind && note.text === text)
    if (index >= 0) this.notes.splice(index, 1)
    return index >= 0
  }

  /** The first entry before this place that the code has yet to ask for or to be told. */
  private firstNews(seq: number): Entry | undefined {
    for (let index = this.cursor; index < this.history.length && this.history[index]!.seq < seq; index++) {
      const entry = this.history[index]!
      const role = Ledger.roleOf(this.pass.ledger, entry)
      if (role === "delivery" || (role === "command" && !Pass.wasAsked(this.pass, entry))) return entry
    }
    return undefined
  }
}
