/**
 * Commits as operations of the storage seam.
 */
import type * as JournalEntry from "@fermata/core/JournalEntry"
import type { CommitOp, OutboxRow, RunRow } from "../Backend.ts"
import { encodeNow } from "../Store.ts"
import type { MakeEntry, PendingCommit } from "./run/RunHost.ts"

type Entries = ReadonlyArray<JournalEntry.JournalEntry>

/** A commit of a run that changes nothing. */
export const empty = (run: RunRow, expected: number, at: number): CommitOp => ({
  op: "commit",
  run: run.id,
  epoch: run.epoch,
  expected,
  rows: [],
  blobs: [],
  at,
  consumed: [],
  outbox: [],
  approvalsOpened: [],
  approvalsClosed: []
})

/** What a run has to write, in its stored form. */
export const of = (
  run: RunRow,
  {
    approvalsClosed,
    approvalsOpened,
    awaits,
    blobs,
    consumed,
    ended,
    expected,
    leaves,
    outbox,
    release,
    spending,
    status
  }: PendingCommit,
  encoded: Pick<CommitOp, "rows" | "blobs">,
  at: number,
  projected: ReadonlyArray<OutboxRow>
): CommitOp => ({
  ...empty(run, expected, at),
  rows: encoded.rows,
  blobs: blobs.length === 0 ? encoded.blobs : [...encoded.blobs, ...blobs],
  consumed,
  outbox: projected.length === 0 ? outbox : [...outbox, ...projected],
  approvalsOpened,
  approvalsClosed,
  ...(awaits === undefined ? {} : { awaits }),
  ...(status === undefined ? {} : { status }),
  ...(ended === undefined ? {} : { ended }),
  ...(release === undefined ? {} : { release }),
  ...(leaves === undefined ? {} : { leaves }),
  ...(spending === undefined ? {} : { spending })
})

/** A commit of the one entry that `make` makes inside the transaction; `entries` are those of its last call. */
export const together = (
  run: RunRow,
  expected: number,
  at: number,
  make: MakeEntry,
  projected: (entries: Entries) => ReadonlyArray<OutboxRow>
): { readonly op: CommitOp; readonly entries: () => Entries } => {
  let entries: Entries = []
  return {
    op: {
      ...empty(run, expected, at),
      together: (within) => {
        const made = make(within)
        entries = made === undefined ? [] : [made.entry]
        if (made === undefined) return null
        const { blobs, rows } = encodeNow(entries)
        return {
          rows,
          blobs: [...blobs, ...made.blobs ?? []],
          outbox: projected(entries),
          ...(made.spending === undefined ? {} : { spending: made.spending })
        }
      }
    },
    entries: () => entries
  }
}
