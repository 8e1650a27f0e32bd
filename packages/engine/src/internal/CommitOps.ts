/**
 * Commits as operations of the storage seam.
 */
import type { DayRefusal } from "@fermata/core/DayRefusal"
import type * as JournalEntry from "@fermata/core/JournalEntry"
import * as SpentByDay from "@fermata/core/SpentByDay"
import type { CommitOp, OutboxRow, RunRow, SpendingChange } from "../Backend.ts"
import { encodeNow } from "../Store.ts"
import type { Claim, MakeEntry, PendingCommit } from "./run/RunHost.ts"

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
    certain,
    claims,
    consumed,
    ended,
    entries,
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
  ...(certain === undefined ? {} : { certain }),
  ...(spending === undefined
    ? {}
    : { spending: claims === undefined ? spending : { ...spending, claims: claimsOf(entries, claims) } })
})

/** The request as it is once its day had no room for what it was to reserve. It is one entry for all who have it. */
export const refuse = (
  entry: Mutable<JournalEntry.EntryOf<"StepRequested">>,
  refused: DayRefusal
): JournalEntry.EntryOf<"StepRequested"> => {
  delete entry.reserved
  return Object.assign(entry, { refused })
}

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

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

type Mutable<A> = { -readonly [K in keyof A]: A[K] }

const claimsOf = (entries: Entries, claims: ReadonlyArray<Claim>): NonNullable<SpendingChange["claims"]> =>
  claims.map(({ amount, entry, limit }) => ({
    row: entries.indexOf(entry),
    day: SpentByDay.dayOf(entry.at),
    amount,
    limit,
    otherwise: (refusal) => encodeNow([refuse({ ...entry }, refusal)]).rows[0]!
  }))
