/** On whose behalf an operation of a store is done. */
import type { AuditText } from "@fermata/core/AuditLine"
import type { RequestRow } from "./Rows.ts"

/**
 * On whose behalf an operation is done. Where it does something, the line is
 * kept in its transaction, as the next of the chain (`AuditChain`).
 */
export interface Act {
  readonly line: Omit<AuditText, "at" | "n">
  /** ms since the epoch. Asked inside the transaction. */
  readonly now: () => number
  /**
   * What asks for it, kept with its answer in the same transaction. Where the
   * store has a request of this caller and key, nothing is done, and the
   * operation is answered with that one.
   */
  readonly request?: Pick<RequestRow, "caller" | "hash" | "key" | "route"> & {
    /** What is kept as the answer, by what the operation has come to; null to keep none. */
    readonly answer: (answer: object) => string | null
  }
}

/** An operation that somebody may do: without an act it is the engine's own, or a program's. */
export interface Acted {
  readonly act?: Act
}
