/**
 * What others may write into a run's inbox. Every row is decoded by these
 * schemas before its owner acts on it.
 */
import { Amount } from "@fermata/core/Amount"
import { ExitJson } from "@fermata/core/JournalEntry"
import { answerFields, Decision, Routed } from "@fermata/core/Question"
import { Settlement } from "@fermata/core/Receipt"
import * as Schema from "effect/Schema"

/** A signal on its way into a run. */
export const SignalMessage = Schema.Struct({
  name: Schema.String,
  payload: Schema.Unknown,
  by: Schema.optionalKey(Schema.String)
})
/** The completion of a deferred, encoded. */
export const DeferredMessage = Schema.Struct({ name: Schema.String, exit: ExitJson })
/** An answer to a question. */
export const AnswerMessage = Schema.Struct({
  key: Schema.String,
  decision: Decision,
  /** Without a hash it was written by an older build, which judged only who gave it. */
  ...answerFields
})
/** A question was handed on or escalated, or people were reminded of it. */
export const RoutingMessage = Schema.Struct({ key: Schema.String, routed: Routed })
/** An order to stop, by somebody, by the parent, or by whoever reaps the runs of a dead process and has them fail. */
export const CancelMessage = Schema.Struct({
  kind: Schema.Literals(["cancel", "parent", "orphan"]),
  by: Schema.String,
  reason: Schema.String
})
/** A word of an operator that needs a name only: pause, resume. */
export const OperatorMessage = Schema.Struct({ by: Schema.String })
/**
 * The restores of the store (their ids) that somebody knew of who says what was
 * not done. It says nothing of what was done between a backup and a restore that
 * they did not know of. Absent where they knew of none.
 */
const Knows = Schema.optionalKey(Schema.Array(Schema.String))
/** Nothing of the run has happened since the backup that the store was put back from. */
export const ConfirmMessage = Schema.Struct({ by: Schema.String, knows: Knows })
/** What an operator says became of a step. */
export const SettleMessage = Schema.Struct({
  key: Schema.String,
  by: Schema.String,
  action: Settlement,
  knows: Knows
})
/** The end of a child, encoded, and what it and its children have cost. */
export const ChildMessage = Schema.Struct({ exit: ExitJson, spent: Schema.optionalKey(Amount) })

/** Events of this name have come that a wait of the run may want. */
export const EventMessage = Schema.Struct({ event: Schema.String })

/** Kind of an inbox row to the schema of its payload. */
export const messages = {
  signal: SignalMessage,
  deferred: DeferredMessage,
  answer: AnswerMessage,
  routing: RoutingMessage,
  cancel: CancelMessage,
  pause: OperatorMessage,
  resume: OperatorMessage,
  confirm: ConfirmMessage,
  settle: SettleMessage,
  child: ChildMessage,
  event: EventMessage
} as const

/** The kind of an inbox row. */
export type Kind = keyof typeof messages
/** The payload of an inbox row of this kind. */
export type Message<K extends Kind> = (typeof messages)[K]["Type"]
