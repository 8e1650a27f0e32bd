/** Where the engine says that a run stands, against what the journal of the run says to people. */
import * as SameJson from "@fermata/core/SameJson"
import { isOfRun } from "@fermata/core/Suspension"
import { readWaits, type Wait } from "@fermata/core/Wait"
import * as Option from "effect/Option"
import type { Seen } from "./Seen.ts"

/** Suspensions that the store alone knows of: the journal says where the run stood before. */
const isUnrecorded = (wait: Wait) => wait.reason === "corrupt" || wait.reason === "diverged" || isOfRun(wait)

/** In what the two differ, after a commit; undefined when they agree. */
export const difference = ({ id, standing, view }: Seen): string | undefined => {
  const { reason, status } = standing
  const waits = Option.getOrElse(readWaits(standing.waits), () => [])
  if (waits.some(isUnrecorded)) return undefined
  return status === view.status && reason === (view.reason ?? null) && SameJson.same(waits, view.waits)
    ? undefined
    : `run ${id} is ${text(status, reason, waits)} by the store, and ${
      text(view.status, view.reason ?? null, view.waits)
    } by its journal`
}

const text = (status: string, reason: string | null, waits: unknown): string =>
  reason === null ? status : `${status} (${reason}: ${JSON.stringify(waits)})`
