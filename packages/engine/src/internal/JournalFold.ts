/** How the engine takes journals in, for laws over all journals. */
import type { JournalEntry } from "@fermata/core/JournalEntry"
import * as Ledger from "./run/Ledger.ts"
import type { Lookup, Members } from "./Sparse.ts"

/** What the engine makes of a journal, as far as others may compare it with what they make of it. */
export interface Recorded {
  /** Steps without an outcome. `retryAt` is ms since the epoch. */
  readonly open: Members<{
    readonly key: string
    readonly entry: { readonly attempt: number }
    readonly retryAt: number | undefined
  }>
  /** Questions, by their keys: decided when there is something. */
  readonly approvals: Lookup<string, { readonly decided: unknown }>
  /** Child runs, by their ids: ended when there is an exit. */
  readonly children: Lookup<string, { readonly exit: unknown }>
  /** Told to start no further step. */
  readonly paused: boolean
}

/** A way to take journals in: all that is there at once, and what is appended entry by entry. */
export interface Fold<State extends Recorded> {
  readonly load: (history: ReadonlyArray<JournalEntry>) => State
  readonly apply: (state: State, entry: JournalEntry) => void
}

/** The engine's own. */
export const journals: Fold<Recorded> = {
  load: Ledger.load,
  apply: (ledger, entry) => Ledger.apply(ledger as Ledger.Ledger, entry)
}
