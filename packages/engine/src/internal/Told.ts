/** What others are told of a commit. */
import type * as JournalEntry from "@fermata/core/JournalEntry"
import type { RunRow } from "../Backend.ts"
import type { Committed } from "../Extension.ts"
import type { GivenUp } from "./ExecutorTypes.ts"
import * as Handover from "./Handover.ts"

/** A commit whose values are made from their text when somebody looks, and are nobody else's. */
export class Told implements Committed {
  readonly run: RunRow
  readonly status: string
  readonly givenUp: GivenUp | undefined
  private readonly made: ReadonlyArray<JournalEntry.JournalEntry>
  private read: ReadonlyArray<JournalEntry.JournalEntry> | undefined

  constructor(run: RunRow, made: ReadonlyArray<JournalEntry.JournalEntry>, status: string, givenUp?: GivenUp) {
    this.run = run
    this.made = made
    this.status = status
    this.givenUp = givenUp
  }

  get entries(): ReadonlyArray<JournalEntry.JournalEntry> {
    return this.read ??= this.made.map(Handover.plain)
  }
}
