/** Where the engine says that a run stands, against what the journal of the run says to people. */
import * as SameJson from "@fermata/core/SameJson"
import type { Seen } from "./Seen.ts"

/** Suspensions that the store alone knows of: the journal says where the run stood before. */
const unrecorded = new Set(["corrupt", "diverged", "recovery"])

/** In what the two differ, after a commit; undefined when they agree. */
export const difference = ({ id, standing, view }: Seen): string | undefined => {
  const { reason, status } = standing
  if (reason !== null && unrecorded.has(reason)) return undefined
  const waits: unknown = standing.waits === null ? [] : JSON.parse(standing.waits)
  return status === view.status && reason === (view.reason ?? null) && SameJson.same(waits, view.waits)
    ? undefined
    : `run ${id} is ${text(status, reason, waits)} by the store, and ${
      text(view.status, view.reason ?? null, view.waits)
    } by its journal`
}

const text = (status: string, reason: string | null, waits: unknown): string =>
  reason === null ? status : `${status} (${reason}: ${JSON.stringify(waits)})`
