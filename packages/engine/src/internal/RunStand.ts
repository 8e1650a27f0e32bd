/**
 * How a run stands, as its row says it.
 */
import { type RunStatus, runStatuses, type SuspendReason, suspendReasons } from "@fermata/core/RunStatus"
import { readWaits, type Wait } from "@fermata/core/Wait"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { RunRow } from "../Backend.ts"

/** The waits in the row of a run. Where they cannot be read, the one wait is for an operator who looks at the row. */
export const waitsOf = (row: Pick<RunRow, "waits">): ReadonlyArray<Wait> =>
  Option.getOrElse(readWaits(row.waits), () => [unreadableWaits])

const unreadableWaits: Wait = { reason: "corrupt", key: "waits", detail: "what it waits for cannot be read" }

/** Status, reason and waits of a row: what cannot be read is corrupt, and not the reader's end. */
export const standOf = (
  row: Pick<RunRow, "status" | "reason" | "waits">
): { readonly status: RunStatus; readonly reason?: SuspendReason; readonly waits: ReadonlyArray<Wait> } => {
  const status = readStatus(row.status)
  if (Option.isNone(status)) {
    const wait: Wait = {
      reason: "corrupt",
      key: "status",
      detail: `its status "${row.status}" is none that this build knows`
    }
    return { status: "suspended", reason: "corrupt", waits: [wait] }
  }
  const waits = waitsOf(row)
  if (waits[0] === unreadableWaits) return { status: status.value, reason: "corrupt", waits }
  const reason = readReason(row.reason)
  return { status: status.value, ...(Option.isSome(reason) ? { reason: reason.value } : {}), waits }
}

const readStatus = Schema.decodeUnknownOption(Schema.Literals(runStatuses))
const readReason = Schema.decodeUnknownOption(Schema.Literals(suspendReasons))
