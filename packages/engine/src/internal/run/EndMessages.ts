/** What the end of a run tells those who have started it and are no run. */
import type * as JournalEntry from "@fermata/core/JournalEntry"
import { type OutboxRow, scheduleEndMessage as endMessage } from "../../Backend.ts"

/** The messages with the end of the run whose first entry this is. They leave in its commit. */
export const of = (run: string, first: JournalEntry.JournalEntry): ReadonlyArray<OutboxRow> => {
  const schedule = first._tag === "RunRequested" ? first.trigger?.schedule : undefined
  return schedule === undefined ? none : [endMessage(schedule.name, run)]
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const none: ReadonlyArray<OutboxRow> = []
