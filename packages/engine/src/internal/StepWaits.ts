/**
 * What a step without an outcome waits for, and how people are told.
 */
import * as DurableTime from "@fermata/core/DurableTime"
import * as FailureText from "@fermata/core/FailureText"
import * as StoredJson from "@fermata/core/StoredJson"
import { runKey } from "@fermata/core/Suspension"
import * as TimeText from "@fermata/core/TimeText"
import type { Wait } from "@fermata/core/Wait"

/** A step without an outcome, as far as it says what it waits for. */
export interface OpenStep {
  readonly record: {
    readonly key: string
    readonly entry: { readonly attempt: number; readonly recovery?: number }
    readonly retryAt: number | undefined
    readonly letGo: boolean
    readonly probeFailure: unknown
    readonly doubt: { readonly from: number } | undefined
  }
  readonly phase: string
  readonly bodyWaits: ReadonlyArray<Wait>
}

/** Whether the next attempt of a step in backoff is never to begin by itself. */
export const isNever = (retryAt: number | undefined): boolean => retryAt !== undefined && retryAt >= DurableTime.never

export const of = ({ bodyWaits, phase, record }: OpenStep): ReadonlyArray<Wait> => {
  const { entry, key, retryAt } = record
  switch (phase) {
    case "unknown":
      return [{
        reason: "outcome-unknown",
        key,
        detail: unknown(record),
        ...(record.doubt === undefined ? {} : { restored: record.doubt.from })
      }]
    case "exhausted":
      return [{ reason: "recovery", key, ...(key === runKey ? { step: true } : {}), detail: exhausted(record) }]
    case "backoff":
      return isNever(retryAt)
        ? []
        : [{ reason: "timer", key, until: retryAt!, detail: `attempt ${entry.attempt + 1} of step "${key}"` }]
    case "running":
      return bodyWaits
    default:
      return []
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const unknown = ({ doubt, key, letGo, probeFailure }: OpenStep["record"]): string =>
  doubt !== undefined
    ? `the store was put back from a backup of ${
      TimeText.time(doubt.from)
    }, and nobody knows whether step "${key}" has been done since${
      probeFailure === undefined ? "" : `; its probe failed: ${FailureText.ofCause(StoredJson.read(probeFailure))}`
    }`
    : probeFailure !== undefined
    ? `step "${key}" was cut short, and its probe failed: ${FailureText.ofCause(StoredJson.read(probeFailure))}`
    : letGo
    ? `step "${key}" took longer than its timeout, and its body could not be stopped`
    : `a process died before the outcome of step "${key}" was recorded`

/** An outcome is recorded with what the code asks for next, so no journal tells a death in the body from one behind it. */
const exhausted = ({ entry, key, letGo }: OpenStep["record"]): string => {
  const times = (entry.recovery ?? 0) + 1
  return letGo
    ? `the body of step "${key}" was cut short ${times} times, and the last time it could not be stopped at its timeout`
    : `a process died ${times} times before the outcome of step "${key}" was recorded: in its body, or in other code of the process`
}
