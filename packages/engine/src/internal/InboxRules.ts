/**
 * What the owner of a run does with each kind of inbox row.
 */
import * as ApprovalRule from "@fermata/core/ApprovalRule"
import * as ExitJson from "@fermata/core/ExitJson"
import type { EntryBody, EntryOf, JournalEntry } from "@fermata/core/JournalEntry"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { InboxRow } from "../Backend.ts"
import { type Kind, type Message, messages } from "../InboxMessage.ts"
import * as Handover from "./Handover.ts"
import type { OwnAnswers } from "./OwnAnswers.ts"
import type { SettleAction } from "./run/Ask.ts"
import type { ReadyItem } from "./run/Happening.ts"
import type { Pass } from "./run/Pass.ts"

/** What the rules need of the run whose inbox it is. */
export interface Addressee {
  readonly pass: Pass
  readonly ownAnswers: Pick<OwnAnswers, "refuse">
  readonly append: (body: EntryBody) => JournalEntry
  readonly deliver: (entry: JournalEntry) => void
  readonly consume: (row: InboxRow) => void
  readonly push: (item: ReadyItem) => void
  readonly resume: (by: string) => void
  readonly restartForStop: (
    stop: { readonly id: string; readonly kind: "cancel" | "parent"; readonly by: string; readonly reason: string }
  ) => void
  readonly settleStep: (key: string, by: string, action: SettleAction) => string | undefined
  readonly eventsCame: (event: string, row: InboxRow) => void
}

const decoders = Object.fromEntries(
  Object.entries(messages).map((
    [kind, schema]
  ) => [kind, Schema.decodeUnknownExit(Schema.fromJsonString(schema as Schema.Codec<unknown>))])
) as { readonly [kind: string]: ((text: string) => Exit.Exit<unknown, unknown>) | undefined }

const rules: { readonly [K in Kind]: (run: Addressee, message: Message<K>, row: InboxRow) => void } = {
  signal: (run, message, row) => {
    if (run.pass.ledger.signalIds.has(row.id)) return
    const payload = StoredJson.ofParsed(message.payload)
    if (Result.isFailure(payload)) {
      return refuse(run, row, {
        why: "refused",
        text: `signal "${message.name}" (${row.id}) cannot be stored: ${payload.failure.reason}`
      })
    }
    run.deliver(run.append({ _tag: "SignalReceived", id: row.id, ...message, payload: payload.success }))
  },
  deferred: (run, message) => {
    if (run.pass.deferreds.has(message.name)) return
    run.deliver(
      run.append({
        _tag: "DeferredCompleted",
        name: message.name,
        exit: Handover.received(`completion of "${message.name}"`, message.exit),
        inside: false
      })
    )
  },
  answer: (run, message, row) => {
    const approval = run.pass.ledger.approvals.get(message.key)
    // A run that is suspended on its failure has asked nothing yet in this pass, and takes answers for the next.
    const asked = run.pass.approvals.get(message.key)
    const isWithdrawn = asked !== undefined && asked.waiter === undefined
    if (approval === undefined || approval.decided !== undefined || isWithdrawn) {
      run.consume(row)
      const decided = approval?.decided === undefined ? "withdrawn" : "answered"
      return refuse(run, row, {
        why: "late",
        text: `${answerText(message)} came when the question had been ${decided}`,
        message
      })
    }
    const refused = (problem: string) => {
      refuse(run, row, { why: "refused", text: `${answerText(message)} is not taken: ${problem}`, problem, message })
    }
    const { choices, editable } = approval.entry
    const isOffered = message.choice === undefined || choices.includes(message.choice)
    const problem = message.edit === undefined || message.decision !== "approve"
      ? undefined
      : editable
      ? asked?.problemOf?.(message.edit)
      : "the arguments may not be edited"
    if (problem !== undefined && message.hash !== undefined && approval.entry.hash !== undefined) {
      return run.ownAnswers.refuse(row, { key: message.key, hash: message.hash, problem }, () => refused(problem))
    }
    run.consume(row)
    if (problem !== undefined) return refused(problem)
    if (!isOffered) {
      return refused(choices.length === 0 ? "there is no choice" : `the choices are ${choices.join(", ")}`)
    }
    // Written past the desk where answers are judged: then it is about what was asked.
    const isUnjudged = message.hash === undefined && message.decision !== "timeout" && approval.entry.hash !== undefined
    if (isUnjudged && message.edit !== undefined) return refused("an edit names its hash")
    const answer = { id: row.id, ...message, ...(isUnjudged ? { hash: approval.entry.hash! } : {}) }
    const { status } = ApprovalRule.standing(approval.entry, [...approval.given, { at: row.at, ...answer }])
    run.deliver(run.append({ _tag: "ApprovalAnswered", ...answer, ...(status === "open" ? { open: true } : {}) }))
  },
  cancel: (run, message, row) => {
    if (run.pass.held === undefined) return run.push({ _tag: "Stop", id: row.id, ...message, row })
    run.consume(row)
    run.restartForStop({ id: row.id, ...message })
  },
  pause: (run, message, row) => {
    if (run.pass.ledger.paused || run.pass.held !== undefined) return
    run.deliver(run.append({ _tag: "PauseRequested", id: row.id, by: message.by }))
  },
  resume: (run, message) => run.resume(message.by),
  settle: (run, message, row) => {
    const problem = run.settleStep(
      message.key,
      message.by,
      message.action._tag === "fail"
        ? {
          _tag: "fail",
          cause: ExitJson.causeToJson(Cause.die({ name: "SettledAsFailed", message: message.action.message }))
        }
        : message.action
    )
    if (problem !== undefined) refuse(run, row, { why: "refused", text: problem })
  },
  child: (run, message, row) => {
    const child = row.id.replace(/^child:/, "")
    const state = run.pass.ledger.children.get(child)
    if (state === undefined || state.exit !== undefined) return
    run.deliver(
      run.append({ _tag: "ChildFinished", child, exit: Handover.received(`end of child run ${child}`, message.exit) })
    )
  },
  event: (run, message, row) => run.eventsCame(message.event, row)
}

/** Acts on a row and marks it as taken. A row that cannot be read is taken and refused, so that it does not stop the run. */
export const acceptInbox = (run: Addressee, row: InboxRow): void => {
  // A cancel may wait for bodies to finish, an edit for the store, a wake-up until the run has looked: none must be lost meanwhile.
  const waits = row.kind === "cancel" || row.kind === "answer" || row.kind === "event"
  if (!waits) run.consume(row)
  const message = decoders[row.kind]?.(row.payload)
  if (message === undefined || Exit.isFailure(message)) {
    if (waits) run.consume(row)
    refuse(run, row, { why: "unreadable", text: `inbox row ${row.id} of kind "${row.kind}" cannot be read` })
    return
  }
  ;(rules[row.kind as Kind] as (run: Addressee, message: unknown, row: InboxRow) => void)(run, message.value, row)
}

/**
 * Takes a row that came when the code had ended. Somebody was told that it is
 * recorded, so the journal says what became of it; the end of a child
 * and the coming of an event are nobody's word to this run.
 */
export const acceptLate = (run: Addressee, row: InboxRow): void => {
  run.consume(row)
  if (
    row.kind === "child" || row.kind === "event" || (row.kind === "signal" && run.pass.ledger.signalIds.has(row.id))
  ) {
    return
  }
  const message = decoders[row.kind]?.(row.payload)
  const known = message !== undefined && Exit.isSuccess(message) ? message.value : undefined
  const what = known === undefined
    ? `inbox row ${row.id}`
    : (texts[row.kind as Kind] as (message: unknown) => string)(known)
  refuse(run, row, {
    why: "late",
    text: `${what} came when the run had ended`,
    ...(known === undefined ? {} : { message: known })
  })
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** The journal says what became of a row that changes nothing. */
const refuse = (
  run: Addressee,
  { id, kind }: InboxRow,
  more: Pick<EntryOf<"MessageRefused">, "why" | "text" | "problem" | "message">
): void => void run.append({ _tag: "MessageRefused", id, kind, ...more })

const answerText = ({ by, decision, key }: Message<"answer">): string =>
  `the ${decision === "approve" ? "approval" : decision === "deny" ? "denial" : "end of the deadline"} ${
    decision === "timeout" ? "" : `by ${by} `
  }of question "${key}"`

/** What people have sent, in words. */
const texts: { readonly [K in Kind]: (message: Message<K>) => string } = {
  signal: ({ name }) => `signal "${name}"`,
  deferred: ({ name }) => `the exit of "${name}"`,
  answer: answerText,
  cancel: ({ by, reason }) => `the cancel by ${by} (${reason})`,
  pause: ({ by }) => `the pause by ${by}`,
  resume: ({ by }) => `the resume by ${by}`,
  settle: ({ by, key }) => `what ${by} said of step "${key}"`,
  child: () => "the end of a child",
  event: ({ event }) => `an event "${event}"`
}
