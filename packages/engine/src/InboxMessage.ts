/**
 * What others may write into a run's inbox. Every row is decoded by these
 * schemas before its owner acts on it.
 */
import { ExitJson } from "@fermata/core/JournalEntry"
import { answerFields, Decision } from "@fermata/core/Question"
import { Settlement } from "@fermata/core/Receipt"
import * as Schema from "effect/Schema"

export const SignalMessage = Schema.Struct({
  name: Schema.String,
  payload: Schema.Unknown,
  by: Schema.optionalKey(Schema.String)
})
export const DeferredMessage = Schema.Struct({ name: Schema.String, exit: ExitJson })
export const AnswerMessage = Schema.Struct({
  key: Schema.String,
  decision: Decision,
  /** Without a hash it was written by an older build, which judged only who gave it. */
  ...answerFields
})
export const CancelMessage = Schema.Struct({
  kind: Schema.Literals(["cancel", "parent"]),
  by: Schema.String,
  reason: Schema.String
})
export const OperatorMessage = Schema.Struct({ by: Schema.String })
export const SettleMessage = Schema.Struct({
  key: Schema.String,
  by: Schema.String,
  action: Settlement
})
export const ChildMessage = Schema.Struct({ exit: ExitJson })

/** Events of this name have come that a wait of the run may want. */
export const EventMessage = Schema.Struct({ event: Schema.String })

/** Kind of an inbox row to the schema of its payload. */
export const messages = {
  signal: SignalMessage,
  deferred: DeferredMessage,
  answer: AnswerMessage,
  cancel: CancelMessage,
  pause: OperatorMessage,
  resume: OperatorMessage,
  settle: SettleMessage,
  child: ChildMessage,
  event: EventMessage
} as const

export type Kind = keyof typeof messages
export type Message<K extends Kind> = (typeof messages)[K]["Type"]
