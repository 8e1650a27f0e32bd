/**
 * Questions to people and their answers, as data. When answers decide a
 * question is `ApprovalRule`. All times are ms since the epoch.
 */
import * as Schema from "effect/Schema"
import { StandingOffer } from "./StandingRule.ts"

const texts = Schema.Array(Schema.String)

/** What a question says, wherever it stands: in its entry, its row and its view. */
export const questionFields = {
  prompt: Schema.String,
  /** Names and roles of those who may answer; nobody may when it is empty. */
  approvers: texts,
  /** What there is to choose with a yes; empty when there is nothing to choose. */
  choices: texts,
  /** How many different people must approve the same. */
  quorum: Schema.Int,
  /** How many may answer. With it, a no denies only once the quorum is out of reach; without it one no denies. */
  of: Schema.optionalKey(Schema.Int),
  /** Whether an answer may propose other arguments. */
  editable: Schema.Boolean,
  /** What the workflow asks about. */
  args: Schema.optionalKey(Schema.Unknown),
  /** SHA-256 in hex of `args`. Questions of format 0.1 have none; their approvals add up whatever was chosen or edited. */
  hash: Schema.optionalKey(Schema.String),
  /** The person who asked for the run and may therefore not answer. */
  requester: Schema.optionalKey(Schema.String),
  /** Names and roles of others who may not answer, whatever else they are. */
  notBy: Schema.optionalKey(texts),
  /** To whom else the question goes, and from when on, where nobody has decided it until then; in the order of the times. */
  escalate: Schema.optionalKey(Schema.Array(Schema.Struct({ at: Schema.Finite, to: texts }))),
  /** When those who are asked are reminded for the first time, after how many ms each again, and how often at most. */
  remind: Schema.optionalKey(
    Schema.Struct({ from: Schema.Finite, everyMs: Schema.Finite, most: Schema.Int })
  ),
  /** JSON Schema (draft 2020-12) of the arguments, with its definitions; there when they may be edited and have one. */
  schema: Schema.optionalKey(Schema.Unknown),
  deadline: Schema.optionalKey(Schema.Finite),
  /** Rules of which a yes may let one stand, so that the like is not asked again. */
  standing: Schema.optionalKey(StandingOffer),
  /** What the end of the deadline means. */
  onTimeout: Schema.Literals(["deny", "approve", "fail"])
}

/** A question to people. */
export const Question = Schema.Struct(questionFields)
export interface Question extends Schema.Schema.Type<typeof Question> {}

/** What an answer says beside its decision, wherever it stands: in its entry, its message and its view. */
export const answerFields = {
  by: Schema.String,
  /** Whose place it takes, where that one has handed the question on; it counts as theirs. */
  for: Schema.optionalKey(Schema.String),
  choice: Schema.optionalKey(Schema.String),
  /** The arguments that it approves, where those are not the ones asked about. */
  edit: Schema.optionalKey(Schema.Unknown),
  /** Hash of the arguments that the answer is about. Answers of format 0.1 have none. */
  hash: Schema.optionalKey(Schema.String),
  note: Schema.optionalKey(Schema.String),
  /** The rule that it lets stand. */
  always: Schema.optionalKey(Schema.String)
}

/** How a recorded answer decides; `timeout` is the end of the deadline. */
export const Decision = Schema.Literals(["approve", "deny", "timeout"])
export type Decision = typeof Decision.Type

/** An answer that was taken. `refuse` is the workflow's own word that it does not take the arguments of this hash. */
export const Given = Schema.Struct({
  id: Schema.String,
  decision: Schema.Literals([...Decision.literals, "refuse"]),
  at: Schema.Finite,
  ...answerFields
})
export interface Given extends Schema.Schema.Type<typeof Given> {}

/** Somebody has handed the question on, with their place among those who decide. */
export const Delegation = Schema.Struct({
  kind: Schema.Literal("delegate"),
  id: Schema.String,
  at: Schema.Finite,
  by: Schema.String,
  /** Whose place it is: that of `by`, or of who had handed it on to them. */
  for: Schema.String,
  /** A person or a group, who holds the place from then on. */
  to: Schema.String,
  note: Schema.optionalKey(Schema.String)
})
export interface Delegation extends Schema.Schema.Type<typeof Delegation> {}

/** Nobody has decided the question for a while, and it went to others too. */
export const Escalation = Schema.Struct({
  kind: Schema.Literal("escalate"),
  id: Schema.String,
  at: Schema.Finite,
  /** The first is 1. */
  stage: Schema.Int,
  to: texts
})
export interface Escalation extends Schema.Schema.Type<typeof Escalation> {}

/** Those who are asked were reminded. */
export const Reminder = Schema.Struct({
  kind: Schema.Literal("remind"),
  id: Schema.String,
  at: Schema.Finite,
  /** The first is 1. */
  count: Schema.Int,
  to: texts
})
export interface Reminder extends Schema.Schema.Type<typeof Reminder> {}

/** What has happened to a question beside its answers: whom it went to, and who was reminded. */
export const Routed = Schema.Union([Delegation, Escalation, Reminder])
export type Routed = typeof Routed.Type

const { schema: _, ...shownFields } = questionFields

/** A question that its run has not gone on from. */
export const OpenApproval = Schema.Struct({
  /** `<runId>/<key>`. */
  id: Schema.String,
  runId: Schema.String,
  key: Schema.String,
  workflow: Schema.String,
  ...shownFields,
  /** Hash of the arguments that stand to be approved: of `args`, or of the edit. */
  hash: Schema.optionalKey(Schema.String),
  /** Other arguments that somebody has proposed: only they can be approved now, by answers that name `hash`. */
  edit: Schema.optionalKey(Schema.Struct({
    args: Schema.Unknown,
    by: Schema.String,
    /** What is different from `args`, place by place. */
    changes: texts
  })),
  requestedAt: Schema.Finite,
  /** How it was decided, when it was: then its run has yet to go on. */
  status: Schema.Literals(["open", "granted", "denied", "expired"]),
  /** Every answer that was taken, in order. */
  answers: Schema.Array(Given),
  /** Whom it was handed to, escalated to and who was reminded of it, in order; absent where there is nothing of it. */
  routed: Schema.optionalKey(Schema.Array(Routed)),
  /** How far it is: `1 of 2, still wanted: one of bob, cy`, or `approved by ann`. */
  progress: Schema.String,
  /** The approvers that have yet to approve. */
  wanted: texts
})
export interface OpenApproval extends Schema.Schema.Type<typeof OpenApproval> {}

/** Which questions to list. */
export const ApprovalFilter = Schema.Struct({
  run: Schema.optionalKey(Schema.String),
  workflow: Schema.optionalKey(Schema.String),
  /** Only what somebody with one of these names or roles may answer. */
  approver: Schema.optionalKey(texts),
  /** Default 200. */
  limit: Schema.optionalKey(Schema.Int),
  /** Only those behind this place (see `placeOf`), for paging. */
  after: Schema.optionalKey(Schema.String)
})
export interface ApprovalFilter extends Schema.Schema.Type<typeof ApprovalFilter> {}

/** Where a question stands among all, as the `after` of the next page. It holds when the question is answered meanwhile. */
export const placeOf = ({ id, requestedAt }: Pick<OpenApproval, "id" | "requestedAt">): string => `${requestedAt}/${id}`

/** What a person says to a question. */
export const Answer = Schema.Struct({
  decision: Schema.Literals(["approve", "deny"]),
  by: Schema.String,
  /** Roles of the person; the name counts as one. */
  roles: Schema.optionalKey(texts),
  /** Wanted with a yes where there are choices. */
  choice: Schema.optionalKey(Schema.String),
  /** Other arguments, when the question lets them be edited. With them the question is a new one, which takes a quorum of its own. */
  edit: Schema.optionalKey(Schema.Unknown),
  /** The hash of the arguments that the person has looked at, or its first characters. Wanted once somebody has edited them. */
  hash: Schema.optionalKey(Schema.String),
  note: Schema.optionalKey(Schema.String),
  /** With a yes: one of the rules that the question offers, which stands from then on. */
  always: Schema.optionalKey(Schema.String)
})
export interface Answer extends Schema.Schema.Type<typeof Answer> {}

/** To whom a person hands a question on. */
export const Delegate = Schema.Struct({
  by: Schema.String,
  /** Roles of the person; the name counts as one. */
  roles: Schema.optionalKey(texts),
  /** A person or a group; who has handed it on takes it back by naming themselves. */
  to: Schema.String,
  note: Schema.optionalKey(Schema.String)
})
export interface Delegate extends Schema.Schema.Type<typeof Delegate> {}
