/**
 * How a run that is told to stop leaves the runs that it has asked for. Whether
 * that stops one of them is decided where it is known who else wants it: in the
 * store, by `LeaveOp`.
 */
import * as StoredJson from "@fermata/core/StoredJson"
import type { CommitOp, InboxRow, LeaveOp, OutboxRow } from "../Backend.ts"
import type { LeaveRequest } from "../StartRequest.ts"

/** The run that leaves, and why it was told to stop. */
export interface Leaver {
  readonly runId: string
  readonly reason: string
}

/** What stops a run that nobody wants any more. */
const stopRow = ({ reason, runId }: Leaver): Pick<InboxRow, "id" | "kind" | "payload"> => ({
  id: `stop:${runId}`,
  kind: "cancel",
  payload: StoredJson.textOf({ kind: "parent", by: runId, reason })
})

/** Leaves one run, `at` ms since the epoch. */
export const op = (leaver: Leaver, run: string, at: number): LeaveOp => ({
  op: "leave",
  listener: leaver.runId,
  row: { ...stopRow(leaver), run, at }
})

/** The same with the next commit of the one that leaves; `time` counts how often it has. */
export const message = (leaver: Leaver, run: string, time: number): OutboxRow => {
  const request: LeaveRequest = { listener: leaver.runId, run, ...stopRow(leaver) }
  return { id: numbered(`leave:${leaver.runId}:${run}`, time), kind: "leave", payload: StoredJson.textOf(request) }
}

/** Leaves every run that it has asked for, whichever body and process did, but for these. */
export const all = (leaver: Leaver, except: ReadonlyArray<string>): NonNullable<CommitOp["leaves"]> => ({
  except,
  row: stopRow(leaver)
})

/** The id of a message that may be sent more than once. */
export const numbered = (id: string, time: number): string => time === 1 ? id : `${id}~${time}`
