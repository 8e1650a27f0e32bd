/** What is heard of the engine of a process beside what it commits. Nothing is called where nobody listens. */
export interface Watch {
  /** A transaction begins; what it gives is called at its end, with whether it succeeded. */
  writes?: (() => (ok: boolean) => void) | undefined
  /** A run was taken away from this process: its lease was over. */
  deposed?: (() => void) | undefined
}
