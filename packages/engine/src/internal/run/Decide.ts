/**
 * What becomes of a happening: which entries are written, by what the journal
 * says and this pass has asked. Pure.
 */
import type { Cut } from "@fermata/core/AfterCrash"
import * as DurableTime from "@fermata/core/DurableTime"
import type * as JournalEntry from "@fermata/core/JournalEntry"
import type { Cost, StopItem } from "./Happening.ts"
import type { Kept } from "./Kept.ts"
import type { AskedStep, Pass } from "./Pass.ts"

type EntryBody = JournalEntry.EntryBody
type EntryOf<T extends JournalEntry.Tag> = JournalEntry.EntryOf<T>
type Success = Extract<JournalEntry.ExitJson, { readonly _tag: "Success" }>

// ----------------------------------------------------------------------------
// steps
// ----------------------------------------------------------------------------

/** What became of the latest attempt of a step that an earlier owner had in flight; `dropped`: that owner let it go since the store had failed. */
export const endOf = ({ definition, record }: AskedStep, dropped: boolean): Cut["end"] => {
  // A request that only a probe could answer, which the code no longer has, begins nothing.
  if (record.notStarted && !(record.entry.probe === true && definition.probe === undefined)) return "not started"
  if (record.retryAt !== undefined) return { failed: { retryAt: record.retryAt } }
  return record.released ? "released" : dropped ? "dropped" : "died"
}

/** An attempt that came to no outcome, for the rules for crashes. */
export const cutOf = ({ definition, record }: AskedStep, end: Cut["end"]): Cut => ({
  onCrash: definition.onCrash,
  hasProbe: definition.probe !== undefined,
  probing: record.entry.probe === true,
  probeFailed: record.probeFailure !== undefined,
  doubted: record.doubt !== undefined,
  recovery: record.entry.recovery ?? 0,
  end
})

/** The request of a further attempt, or of the same one again; `recovery` counts how often it was cut short. */
export const repeated = (
  { definition, record }: AskedStep,
  attempt: number,
  recovery: number,
  probe: boolean
): EntryBody => {
  const {
    at: _at,
    blobs: _blobs,
    epoch: _epoch,
    probe: _probe,
    recovery: _recovery,
    refused: _refused,
    reserved: _reserved,
    seq: _seq,
    ...rest
  } = record.entry
  const reserved = probe ? undefined : definition.reserved
  return {
    ...rest,
    attempt,
    onCrash: definition.onCrash,
    ...(reserved === undefined ? {} : { reserved }),
    ...(recovery > 0 ? { recovery } : {}),
    ...(probe ? { probe } : {})
  }
}

/** A step has succeeded. */
export const completed = (
  { record }: AskedStep,
  { value }: Success,
  cost: Cost = {},
  kept?: Kept
): EntryBody & { readonly _tag: "StepCompleted" } => ({
  _tag: "StepCompleted",
  key: record.key,
  attempt: record.entry.attempt,
  ...(value === undefined ? {} : { output: value }),
  ...cost,
  ...(kept === undefined ? {} : { artifacts: kept.artifacts })
})

/** An attempt has failed: with a `delay` (ms from `now`), another one follows. */
export const failed = (
  { definition, record }: AskedStep,
  cause: unknown,
  delay: number | undefined,
  now: number,
  cost: Cost = {},
  kept?: Kept
): EntryBody => ({
  _tag: "StepFailed",
  key: record.key,
  attempt: record.entry.attempt,
  cause,
  ...(delay !== undefined
    ? { retryAt: Math.min(DurableTime.after(now, delay), DurableTime.never) }
    : definition.parkOnFailure
    ? { parked: true }
    : {}),
  ...cost,
  ...(kept === undefined ? {} : { artifacts: kept.artifacts })
})

/** A body has not ended at its timeout. */
export const letGo = ({ record }: AskedStep, millis: number): EntryBody => ({
  _tag: "BodyLetGo",
  key: record.key,
  text:
    `attempt ${record.entry.attempt} of step "${record.key}" did not end within its timeout of ${millis} ms, nor when it was told to: `
    + `its body was let go, and may still act`
})

// ----------------------------------------------------------------------------
// stops and ends
// ----------------------------------------------------------------------------

/**
 * What becomes of an order to stop: `known` when there is one already, `after
 * grace` when bodies of `ask` steps may finish first.
 */
export const stop = (
  { open, stop: inForce }: Pass,
  pending: StopItem | undefined,
  { kind }: StopItem
): "known" | "now" | "after grace" => {
  if (inForce !== undefined || pending !== undefined) return "known"
  return kind !== "limit" && asking(open) ? "after grace" : "now"
}

/** Whether a body of an `ask` step runs that may finish first. */
export const asking = (open: Pass["open"]): boolean => {
  for (const { definition, phase } of open) {
    if (phase === "running" && definition.onCrash === "ask" && definition.stopsAtOnce !== true) return true
  }
  return false
}

/** How a run ends whose code has come to this. A run that a limit has stopped has failed, and so has one that went on by itself. */
export const end = (
  exit: JournalEntry.ExitJson,
  stopped: EntryOf<"StopRequested"> | undefined,
  causeOf: (defect: { readonly name: string; readonly message: string }) => unknown
): { readonly status: "completed" | "failed" | "cancelled"; readonly entry: EntryBody } => {
  if (exit._tag === "Success") {
    const { value } = exit
    return { status: "completed", entry: { _tag: "RunCompleted", ...(value === undefined ? {} : { output: value }) } }
  }
  switch (stopped?.kind) {
    case undefined:
      return { status: "failed", entry: { _tag: "RunFailed", cause: exit.cause } }
    case "foreign":
      return {
        status: "failed",
        entry: { _tag: "RunFailed", cause: causeOf({ name: "ForeignWork", message: stopped!.reason }) }
      }
    case "orphan":
      return {
        status: "failed",
        entry: { _tag: "RunFailed", cause: causeOf({ name: "Orphaned", message: stopped!.reason }) }
      }
    case "limit": {
      const message = `The run went past a limit: ${stopped!.reason}`
      return { status: "failed", entry: { _tag: "RunFailed", cause: causeOf({ name: "LimitExceeded", message }) } }
    }
    default: {
      const { by, reason } = stopped!
      return { status: "cancelled", entry: { _tag: "RunCancelled", by, reason, cause: exit.cause } }
    }
  }
}
