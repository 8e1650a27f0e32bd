import type * as JournalEntry from "@fermata/core/JournalEntry"
import type { RunView } from "@fermata/core/RunView"

/** A run as its answers tell it. */
export interface Seen {
  readonly id: string
  /** The program that it is a run of, as `name@version`, or the hash of its contract. */
  readonly code: string
  readonly createdAt: number
  epoch: number
  owner: string | null
  /** Where the engine says that the run stands, in its latest commit that says so; `waits` as they are stored. */
  standing: { readonly status: string; readonly reason: string | null; readonly waits: string | null }
  ended: boolean
  readonly rows: Array<string>
  readonly entries: Array<JournalEntry.JournalEntry>
  /** What the journal of the run says. */
  view: RunView
  /** Steps with an outcome that stands. */
  readonly outcomes: Set<string>
  /** By the key of a step: how often its body was requested, and how often it began. */
  readonly requests: Map<string, number>
  readonly starts: Map<string, number>
  /** The latest attempt whose body was let go at its timeout, and how often that was. */
  readonly letGo: Map<string, { readonly attempt: number; readonly count: number }>
  readonly timers: Map<number, number>
  /** Keys of decisions. */
  readonly decisions: Set<string>
  readonly signals: Set<string>
}
