/** What others are told of a commit. */
import type * as JournalEntry from "@fermata/core/JournalEntry"
import type { RunRow } from "../Backend.ts"
import type { Committed } from "../Extension.ts"
import * as Handover from "./Handover.ts"
import type { UnrecordedSuspension } from "./run/RunHost.ts"

/** A commit whose values are made from their text when somebody looks, and are nobody else's. */
export class CommitView implements Committed {
  readonly run: RunRow
  readonly status: string
  readonly unrecorded: UnrecordedSuspension | undefined
  private readonly made: ReadonlyArray<JournalEntry.JournalEntry>
  private read: ReadonlyArray<JournalEntry.JournalEntry> | undefined

  constructor(
    run: RunRow,
    made: ReadonlyArray<JournalEntry.JournalEntry>,
    status: string,
    unrecorded?: UnrecordedSuspension
  ) {
    this.run = run
    this.made = made
    this.status = status
    this.unrecorded = unrecorded
  }

  get entries(): ReadonlyArray<JournalEntry.JournalEntry> {
    return this.read ??= this.made.map(Handover.plain)
  }
}
