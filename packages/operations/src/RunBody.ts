/**
 * What the webhook of a run is sent: how the run stands, in the shape of the
 * response of an agent (`AgentResponse`). Whoever serves agents gives theirs.
 */
import { isFinal } from "@fermata/core/RunStatus"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Tenant from "@fermata/core/Tenant"
import type { StorageFailed } from "@fermata/engine/Backend"
import type { Runs } from "@fermata/engine/Runs"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

/** Tells how a run stands, as text of JSON. */
export interface Teller {
  /** `run` is its whole id. */
  readonly of: (run: string, runs: Runs["Service"]) => Effect.Effect<string, StorageFailed>
}

/** What the webhooks of runs are sent in this process. */
export const RunBody: Context.Reference<Teller> = Context.Reference<Teller>("@fermata/operations/RunBody", {
  defaultValue: () => ({ of: plain })
})

/** How a run of any workflow stands: its output once it is done, what it waits for, and why it has failed. */
export const plain: Teller["of"] = Effect.fnUntraced(function*(run, runs) {
  const timestamp = yield* Clock.currentTimeMillis
  const view = yield* Effect.option(runs.show(run))
  if (view._tag === "None") return StoredJson.textOf({ version: 1, runId: Tenant.local(run), status: "not_found" })
  const { counts, error, output, reason, status, times, waits, workflow } = view.value
  return StoredJson.textOf({
    version: 1,
    runId: Tenant.local(run),
    status: statuses[status],
    data: output ?? null,
    meta: {
      workflow,
      entries: counts.entries,
      durationMs: (times.endedAt ?? timestamp) - times.requestedAt,
      ...(isFinal(status) || reason === undefined ? {} : { pauseReason: reason, waits })
    },
    errors: error === undefined || status === "cancelled" ? [] : [{ code: "ERR_RUN_FAILED", message: error.message }],
    timestamp
  })
})

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const statuses = {
  queued: "running",
  running: "running",
  suspended: "paused",
  completed: "done",
  failed: "failed",
  cancelled: "cancelled"
} as const
