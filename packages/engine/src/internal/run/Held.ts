/**
 * Why no fiber of a run runs, and none may until an operator says so.
 */
import { isOfRun } from "@fermata/core/Suspension"
import { readWaits, type Wait } from "@fermata/core/Wait"
import * as Option from "effect/Option"
import type { RunRow } from "../../Backend.ts"

/** A run that suspended on its failure, or because it never got further, only waits for an operator's word. */
export const heldBy = (
  row: Pick<RunRow, "status" | "waits">,
  parkedFailure: boolean
): Wait | undefined => {
  if (row.status === "suspended") {
    const held = Option.getOrUndefined(readWaits(row.waits))?.find(isHolding)
    if (held !== undefined && (parkedFailure || held.reason === "recovery")) return held
  }
  return parkedFailure ? { reason: "operator", key: "failure", detail: "suspended on its failure" } : undefined
}

const isHolding = (wait: Wait) => isOfRun(wait) || (wait.reason === "operator" && wait.key === "failure")
