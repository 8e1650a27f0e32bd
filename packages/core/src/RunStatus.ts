/**
 * Where a run stands, and why a suspended one is suspended. Without schemas, so
 * that a page may use it. What a run waits for is a `Wait`,
 * and what is true of each reason is `Suspension`.
 */

/** All statuses of a run. */
export const runStatuses = ["queued", "running", "suspended", "completed", "failed", "cancelled"] as const

/** Status of a run. `completed`, `failed` and `cancelled` are final. */
export type RunStatus = (typeof runStatuses)[number]

/**
 * Why a run is suspended, most urgent first. A run with several waits is
 * reported under the first of these that any wait has.
 */
export const suspendReasons = [
  "corrupt",
  "diverged",
  "recovery",
  "outcome-unknown",
  "budget",
  "operator",
  "approval",
  "signal",
  "child",
  "handoff",
  "timer"
] as const
/** Why a run is suspended. */
export type SuspendReason = (typeof suspendReasons)[number]

/** The key of the wait of a run that waits for ever: only an operator ends it, by a cancel. */
export const neverKey = "never"

/** The reason under which a run with these waits is reported. */
export const reasonOf = (waits: ReadonlyArray<{ readonly reason: SuspendReason }>): SuspendReason | undefined =>
  suspendReasons.find((reason) => waits.some((wait) => wait.reason === reason))

/** Whether a run with this status will never change again. */
export const isFinal = (status: RunStatus): boolean =>
  status === "completed" || status === "failed" || status === "cancelled"
