/**
 * What the engine logs about runs.
 */
import * as EngineEvent from "@fermata/core/EngineEvent"
import type * as JournalEntry from "@fermata/core/JournalEntry"
import type { SuspendReason } from "@fermata/core/RunStatus"
import { suspensions } from "@fermata/core/Suspension"
import { readWaits } from "@fermata/core/Wait"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { RunRow } from "../Backend.ts"

/** At level `Debug` every fact of a run is a line. What a step was given or answered is for the journal, not for logs. */
export const facts = (run: RunRow, entries: ReadonlyArray<JournalEntry.JournalEntry>): Effect.Effect<void> =>
  Effect.forEach(entries.flatMap((entry) => EngineEvent.of(run.id, run.workflow, entry)), ({ name, payload }) => {
    const step = "stepId" in payload ? { stepId: payload.stepId } : {}
    return Effect.logDebug(name, { runId: run.id, workflow: run.workflow, ...step })
  }, { discard: true })

/** Whether only an operator can end this, since something is wrong. */
export const isFault = ({ reason }: { readonly reason: string | null }): boolean =>
  reason !== null && suspensions[reason as SuspendReason].isFault

/** What only an operator can end must not stay unseen: says why, such as the step and the number of crashes. */
export const suspension = (
  run: RunRow,
  { reason, waits }: { readonly reason: string | null; readonly waits: string | null }
): Effect.Effect<void> => {
  if (!isFault({ reason })) return Effect.void
  const details = Option.getOrElse(readWaits(waits), () => [])
    .flatMap((wait) => wait.reason === reason && wait.detail !== undefined ? [wait.detail] : [])
  const why = details.length === 0 ? "" : `: ${details.join("; ")}`
  return Effect.logWarning(
    `run ${run.id} of ${run.workflow}@${run.version} is suspended (${reason}) and needs an operator${why}`,
    { runId: run.id, workflow: run.workflow, reason }
  )
}
