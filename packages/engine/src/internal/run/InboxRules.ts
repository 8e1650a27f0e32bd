/**
 * What the owner of a run does with each kind of message from its inbox: which
 * entries are written, and what is done besides. Pure.
 */
import * as ApprovalRule from "@fermata/core/ApprovalRule"
import type { EntryBody, EntryOf } from "@fermata/core/JournalEntry"
import { budgetSignal } from "@fermata/core/RunSpending"
import * as StoredJson from "@fermata/core/StoredJson"
import type { Kind, Message } from "../../InboxMessage.ts"
import * as Handover from "../Handover.ts"
import type { StopItem } from "./Happening.ts"
import type { Pass } from "./Pass.ts"

/** A row of the inbox, but for its message. */
interface Row {
  readonly id: string
  readonly kind: string
  /** ms since the epoch. */
  readonly at: number
}

export interface Decision {
  /** Whether the row is taken with the next commit; what is done besides may take it later. */
  readonly take: boolean
  readonly entries: ReadonlyArray<EntryBody>
  readonly act?: Act
}

export type Act =
  /** An order to stop: it may wait for bodies to finish. */
  | { readonly _tag: "Stop"; readonly kind: StopItem["kind"]; readonly by: string; readonly reason: string }
  /** A run that suspended on its failure is stopped by a pass that begins for that. */
  | { readonly _tag: "RestartForStop"; readonly stop: Omit<EntryOf<"StopRequested">, "seq" | "at" | "epoch" | "blobs"> }
  | { readonly _tag: "Resume"; readonly by: string }
  | { readonly _tag: "Confirm"; readonly by: string }
  | { readonly _tag: "Settle"; readonly message: Message<"settle"> }
  | { readonly _tag: "EventsCame"; readonly event: string }
  /** The code does not take an edit: the store hears of it first, and then the entry is written and the row taken. */
  | {
    readonly _tag: "RefuseEdit"
    readonly edit: { readonly key: string; readonly hash: string; readonly problem: string }
    readonly refused: EntryBody
  }

const nothing: Decision = { take: true, entries: [] }
const entries = (...list: ReadonlyArray<EntryBody>): Decision => ({ take: true, entries: list })

const rules: { readonly [K in Kind]: (pass: Pass, message: Message<K>, row: Row) => Decision } = {
  signal: ({ ledger }, message, row) => {
    if (ledger.signalIds.has(row.id)) return nothing
    const payload = StoredJson.ofParsed(message.payload)
    if (payload._tag === "Failure") {
      const text = `signal "${message.name}" (${row.id}) cannot be stored: ${payload.failure.reason}`
      return entries(refused(row, { why: "refused", text }))
    }
    return entries({ _tag: "SignalReceived", id: row.id, ...message, payload: payload.success })
  },
  deferred: ({ deferreds }, { exit, name }) =>
    deferreds.has(name) ? nothing : entries({
      _tag: "DeferredCompleted",
      name,
      exit: Handover.received(`completion of "${name}"`, exit),
      inside: false
    }),
  answer: ({ approvals, ledger }, message, row) => {
    const approval = ledger.approvals.get(message.key)
    // A run that is suspended on its failure has asked nothing yet in this pass, and takes answers for the next.
    const asked = approvals.get(message.key)
    if (
      approval === undefined || approval.decided !== undefined || (asked !== undefined && asked.waiter === undefined)
    ) {
      const decided = approval?.decided === undefined ? "withdrawn" : "answered"
      const text = `${answerText(message)} came when the question had been ${decided}`
      return entries(refused(row, { why: "late", text, message }))
    }
    const refusal = (problem: string) =>
      refused(row, { why: "refused", text: `${answerText(message)} is not taken: ${problem}`, problem, message })
    const { choices, editable, hash } = approval.entry
    const problem = message.edit === undefined || message.decision !== "approve"
      ? undefined
      : editable
      ? asked?.problemOf?.(message.edit)
      : "the arguments may not be edited"
    if (problem !== undefined && message.hash !== undefined && hash !== undefined) {
      const edit = { key: message.key, hash: message.hash, problem }
      return { take: false, entries: [], act: { _tag: "RefuseEdit", edit, refused: refusal(problem) } }
    }
    if (problem !== undefined) return entries(refusal(problem))
    if (message.choice !== undefined && !choices.includes(message.choice)) {
      return entries(refusal(choices.length === 0 ? "there is no choice" : `the choices are ${choices.join(", ")}`))
    }
    // Written past the desk where answers are judged: then it is about what was asked.
    const isUnjudged = message.hash === undefined && message.decision !== "timeout" && hash !== undefined
    if (isUnjudged && message.edit !== undefined) return entries(refusal("an edit names its hash"))
    const answer = { id: row.id, ...message, ...(isUnjudged ? { hash } : {}) }
    const { status } = ApprovalRule.standing(approval.question, [...approval.given, { at: row.at, ...answer }])
    return entries({ _tag: "ApprovalAnswered", ...answer, ...(status === "open" ? { open: true } : {}) })
  },
  routing: ({ approvals, ledger }, { key, routed: { at: _, ...routed } }, row) => {
    const approval = ledger.approvals.get(key)
    const asked = approvals.get(key)
    if (
      approval === undefined || approval.decided !== undefined || (asked !== undefined && asked.waiter === undefined)
    ) {
      if (routed.kind !== "delegate") return nothing
      const ended = approval?.decided === undefined ? "withdrawn" : "answered"
      const text = `that ${routed.by} hands question "${key}" on to ${routed.to} came when it had been ${ended}`
      return entries(refused(row, { why: "late", text, message: { key, routed } }))
    }
    switch (routed.kind) {
      case "delegate": {
        const { kind: _, ...delegation } = routed
        return entries({ _tag: "ApprovalDelegated", key, ...delegation })
      }
      case "escalate": {
        const { kind: _, ...escalation } = routed
        return entries({ _tag: "ApprovalEscalated", key, ...escalation })
      }
      case "remind": {
        const { kind: _, ...reminder } = routed
        return entries({ _tag: "ApprovalReminded", key, ...reminder })
      }
    }
  },
  cancel: ({ held }, message, row) =>
    held === undefined
      ? { take: false, entries: [], act: { _tag: "Stop", ...message } }
      : {
        take: true,
        entries: [],
        act: { _tag: "RestartForStop", stop: { _tag: "StopRequested", id: row.id, ...message } }
      },
  pause: ({ held, ledger }, { by }, { id }) =>
    ledger.paused || held !== undefined ? nothing : entries({ _tag: "PauseRequested", id, by }),
  resume: (_, { by }) => ({ take: true, entries: [], act: { _tag: "Resume", by } }),
  confirm: ({ ledger }, { by, knows }, row) =>
    isOfBefore(ledger, knows)
      ? entries(refused(row, { why: "late", text: `the confirmation by ${by} ${before}` }))
      : { take: true, entries: [], act: { _tag: "Confirm", by } },
  // That it was done, or that nobody wants it, stays true; that it was not may not.
  settle: ({ ledger }, message, row) =>
    message.action._tag === "retry" && isOfBefore(ledger, message.knows)
      ? entries(
        refused(row, { why: "late", text: `the word of ${message.by} to retry step "${message.key}" ${before}` })
      )
      : { take: true, entries: [], act: { _tag: "Settle", message } },
  child: ({ ledger }, { exit, spent }, row) => {
    const child = row.id.replace(/^child:/, "")
    const state = ledger.children.get(child)
    return state === undefined || state.exit !== undefined ? nothing : entries({
      _tag: "ChildFinished",
      child,
      exit: Handover.received(`end of child run ${child}`, exit),
      ...(spent === undefined ? {} : { spent })
    })
  },
  event: (_, { event }) => ({ take: false, entries: [], act: { _tag: "EventsCame", event } })
}

/** What is done with a row; one whose message cannot be read is taken and refused, so that it does not stop the run. */
export const decide = (pass: Pass, row: Row, message: Message<Kind> | undefined): Decision =>
  message === undefined
    ? entries(refused(row, { why: "unreadable", text: `inbox row ${row.id} of kind "${row.kind}" cannot be read` }))
    : (rules[row.kind as Kind] as (pass: Pass, message: unknown, row: Row) => Decision)(pass, message, row)

/**
 * What is written about a row that came when the code had ended. Somebody was
 * told that it is recorded, so the journal says what became of it; the end of a
 * child, the coming of an event, an escalation and a reminder are nobody's word to this run.
 */
export const late = ({ ledger }: Pass, row: Row, message: Message<Kind> | undefined): EntryBody | undefined => {
  if (row.kind === "child" || row.kind === "event" || (row.kind === "signal" && ledger.signalIds.has(row.id))) {
    return undefined
  }
  if (row.kind === "routing" && (message as Message<"routing"> | undefined)?.routed.kind !== "delegate") {
    return undefined
  }
  const what = message === undefined
    ? `inbox row ${row.id}`
    : (texts[row.kind as Kind] as (message: unknown) => string)(message)
  return refused(row, {
    why: "late",
    text: `${what} came when the run had ended`,
    ...(message === undefined ? {} : { message })
  })
}

/** The journal says what became of a row that changes nothing. */
export const refused = (
  { id, kind }: Pick<Row, "id" | "kind">,
  more: Pick<EntryOf<"MessageRefused">, "why" | "text" | "problem" | "message">
): EntryBody => ({ _tag: "MessageRefused", id, kind, ...more })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** Whether somebody who knew of these restores has said it before the latest, by which the run is in doubt. */
const isOfBefore = ({ restored }: Pass["ledger"], knows: ReadonlyArray<string> = []): boolean =>
  restored !== undefined && !knows.includes(restored.id)

const before = "was given before the store was put back, and says nothing of what was done since the backup"

const answerText = ({ by, decision, key }: Message<"answer">): string =>
  `the ${decision === "approve" ? "approval" : decision === "deny" ? "denial" : "end of the deadline"} ${
    decision === "timeout" ? "" : `by ${by} `
  }of question "${key}"`

/** What people have sent, in words. */
const texts: { readonly [K in Kind]: (message: Message<K>) => string } = {
  signal: ({ by, name }) => name === budgetSignal ? `the raise of the budget by ${by}` : `signal "${name}"`,
  deferred: ({ name }) => `the exit of "${name}"`,
  answer: answerText,
  routing: ({ key, routed }) =>
    routed.kind === "delegate" ? `that ${routed.by} hands question "${key}" on to ${routed.to}` : `question "${key}"`,
  cancel: ({ by, reason }) => `the cancel by ${by} (${reason})`,
  pause: ({ by }) => `the pause by ${by}`,
  resume: ({ by }) => `the resume by ${by}`,
  confirm: ({ by }) => `the confirmation by ${by}`,
  settle: ({ by, key }) => `what ${by} said of step "${key}"`,
  child: () => "the end of a child",
  event: ({ event }) => `an event "${event}"`
}
