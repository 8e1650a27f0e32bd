/**
 * What comes next for an attempt of a step that has no outcome: the rules for
 * crashes as one table. Pure.
 */
import type { CrashRule } from "./CrashRule.ts"

/** An attempt of a step that was requested and has no outcome. */
export interface Cut {
  /** The rule for crashes of the code at hand. */
  readonly onCrash: CrashRule
  /** Whether the code at hand has a probe for the step. */
  readonly hasProbe: boolean
  /** The latest request asks the probe, and not the body. */
  readonly probing: boolean
  /** The probe was asked, and could not tell. */
  readonly probeFailed: boolean
  /** The store was put back from a backup: nobody knows whether it has been done since, here or in a later attempt. */
  readonly doubted: boolean
  /** How often the attempt was cut short before. */
  readonly recovery: number
  /**
   * What became of it.
   * - `not started`: its body, or its probe, has certainly not begun.
   * - `failed`: it failed, and another attempt follows at `retryAt` (ms since the epoch).
   * - `released`: it was interrupted on purpose, as by an orderly end of its process. It may have acted.
   * - `dropped`: its process let it go because the store had failed. It may have acted.
   * - `died`: its process died. It may have acted.
   * - `let go`: it did not end at its timeout. It may have acted, and may still act.
   */
  readonly end:
    | "not started"
    | "released"
    | "dropped"
    | "died"
    | "let go"
    | { readonly failed: { readonly retryAt: number } }
}

/**
 * - `Start`: it begins, as it was requested.
 * - `Backoff`: the next attempt follows at its time.
 * - `Repeat`: it is requested again, as the probe's when there is one; `recovery` counts how often it was cut short.
 * - `Unknown`: nobody knows its outcome, and an operator settles it.
 * - `Exhausted`: it was cut short too often, and an operator settles it.
 */
export type Next =
  | { readonly _tag: "Start" }
  | { readonly _tag: "Backoff"; readonly retryAt: number }
  | { readonly _tag: "Repeat"; readonly recovery: number; readonly probe: boolean }
  | { readonly _tag: "Unknown" }
  | { readonly _tag: "Exhausted" }

/** What comes next; at most `maxRecoveries` times an attempt that was cut short is repeated. */
export const afterCrash = (cut: Cut, { maxRecoveries }: { readonly maxRecoveries: number }): Next => {
  const { doubted, end, hasProbe, onCrash, probeFailed, probing } = cut
  if (doubted) {
    if (onCrash === "ask" || (hasProbe && probeFailed)) return { _tag: "Unknown" }
    if (hasProbe) return { _tag: "Repeat", recovery: cut.recovery, probe: true }
  }
  if (typeof end === "object") return { _tag: "Backoff", retryAt: end.failed.retryAt }
  if (end === "not started") return { _tag: "Start" }
  // What was released has been told to stop, which a body that asks has had the time to do.
  const isUnknown = onCrash === "ask" ? probing || end !== "released" : hasProbe && probeFailed
  if (isUnknown) return { _tag: "Unknown" }
  const recovery = cut.recovery + (end === "released" || end === "dropped" ? 0 : 1)
  return recovery > maxRecoveries ? { _tag: "Exhausted" } : { _tag: "Repeat", recovery, probe: hasProbe }
}
