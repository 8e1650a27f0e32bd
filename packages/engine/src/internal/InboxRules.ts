/**
 * What the owner of a run does with each kind of inbox row.
 */
import * as ExitJson from "@fermata/core/ExitJson"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { InboxRow } from "../Backend.ts"
import { type Kind, type Message, messages } from "../InboxMessage.ts"
import * as Handover from "./Handover.ts"
import type { RunExecutor } from "./RunExecutor.ts"

const decoders = Object.fromEntries(
  Object.entries(messages).map(([kind, schema]) => [kind, Schema.decodeUnknownExit(Schema.fromJsonString(schema as Schema.Codec<unknown>))])
) as { readonly [kind: string]: ((text: string) => Exit.Exit<unknown, unknown>) | undefined }

const rules: { readonly [K in Kind]: (run: RunExecutor, message: Message<K>, row: InboxRow) => void } = {
  signal: (run, message, row) => {
    if (run.records.signalIds.has(row.id)) return
    const payload = StoredJson.ofParsed(message.payload)
    if (Result.isFailure(payload)) return run.remark("inbox-refused", `signal "${message.name}" (${row.id}) cannot be stored: ${payload.failure.reason}`)
    run.deliver(run.append({ _tag: "SignalReceived", id: row.id, ...message, payload: payload.success }))
  },
  deferred: (run, message) => {
    if (run.records.deferreds.has(message.name)) return
    run.deliver(run.append({ _tag: "DeferredCompleted", name: message.name, exit: Handover.received(`completion of "${message.name}"`, message.exit), inside: false }))
  },
  answer: (run, message, row) => {
    const approval = run.records.approvals.get(message.key)
    if (approval === undefined || approval.result !== undefined || !approval.asked) return
    const { choices, editable } = approval.entry
    if (message.edit !== undefined && !(editable && approval.accepts?.(message.edit) === true)) {
      return run.remark("answer-refused", `the edit of the arguments by ${message.by} does not fit approval "${message.key}"`)
    }
    if (message.choice !== undefined && !choices.includes(message.choice)) {
      return run.remark(
        "answer-refused",
        `approval "${message.key}" offers ${choices.length === 0 ? "no choice" : choices.join(", ")}, and ${message.by} chose "${message.choice}"`
      )
    }
    run.deliver(run.append({ _tag: "ApprovalAnswered", id: row.id, ...message }))
  },
  cancel: (run, message, row) => {
    if (run.records.held === undefined) return run.push({ _tag: "Stop", id: row.id, ...message, row })
    run.consume(row)
    run.restartForStop({ id: row.id, ...message })
  },
  pause: (run, message, row) => {
    if (run.records.paused || run.records.held !== undefined) return
    run.deliver(run.append({ _tag: "PauseRequested", id: row.id, by: message.by }))
  },
  resume: (run, message) => run.resume(message.by),
  settle: (run, message) => {
    const problem = run.settleStep(
      message.key,
      message.by,
      message.action._tag === "fail"
        ? { _tag: "fail", cause: ExitJson.causeToJson(Cause.die({ name: "SettledAsFailed", message: message.action.message })) }
        : message.action
    )
    if (problem !== undefined) run.remark("settle-refused", problem)
  },
  child: (run, message, row) => {
    const child = row.id.replace(/^child:/, "")
    const state = run.records.children.get(child)
    if (state === undefined || state.exit !== undefined) return
    run.deliver(run.append({ _tag: "ChildFinished", child, exit: Handover.received(`end of child run ${child}`, message.exit) }))
  }
}

/** Acts on a row and marks it as taken. A row that cannot be read is taken with a note, so that it does not stop the run. */
export const acceptInbox = (run: RunExecutor, row: InboxRow): void => {
  // A cancel may wait for bodies to finish, and must not be lost meanwhile.
  if (row.kind !== "cancel") run.consume(row)
  const message = decoders[row.kind]?.(row.payload)
  if (message === undefined || Exit.isFailure(message)) {
    if (row.kind === "cancel") run.consume(row)
    run.remark("inbox-refused", `inbox row ${row.id} of kind "${row.kind}" cannot be read`)
    return
  }
  ;(rules[row.kind as Kind] as (run: RunExecutor, message: unknown, row: InboxRow) => void)(run, message.value, row)
}
